"""How far a stylized picture took the style's texture, and how much of the content's drawing it kept."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..encoders.encoder import Encoder
from ..ops.color import rgb_to_yiq
from ..ops.moments import measure

TAPS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")


def style_distance(picture: Tensor, style: Tensor, encoder: Encoder) -> Tensor:
    """Sum over relu1_1..relu4_1 of the relative squared errors of channel means and standard deviations, [B].

    The quantities of AdaIN's style loss (arXiv:1703.06868, eq. 13), each layer's error divided by the style's own squared
    length. encoder is to be the normalized VGG-19 where numbers are compared with others'.
    """
    made, wanted = encoder.encode(picture, TAPS), encoder.encode(style, TAPS)
    total = picture.new_zeros(picture.shape[0])
    for tap in TAPS:
        a, b = measure(made.levels[tap]), measure(wanted.levels[tap])
        for x, y in ((a.mean, b.mean), (a.std(), b.std())):
            total = total + (x - y).square().sum(1) / y.square().sum(1)
    return total


def sobel_edges(picture: Tensor) -> Tensor:
    """Gradient magnitude of luma by Sobel's operator, [B, 1, H, W]."""
    luma = rgb_to_yiq(picture)[:, :1]
    x = luma.new_tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]])[None, None]
    padded = F.pad(luma, (1, 1, 1, 1), mode="replicate")
    return (F.conv2d(padded, x).square() + F.conv2d(padded, x.transpose(2, 3)).square()).sqrt()


def ssim(a: Tensor, b: Tensor, data_range: float = 1.0) -> Tensor:
    """Structural similarity (Wang et al. 2004) of [B, C, H, W], mean over positions: Gaussian window 11, sigma 1.5. [B]."""
    c = a.shape[1]
    position = torch.arange(11, dtype=a.dtype, device=a.device) - 5
    window = torch.exp(-position.square() / (2 * 1.5**2))
    window = window / window.sum()
    kernel = (window[:, None] * window[None, :]).expand(c, 1, 11, 11)

    def blur(x: Tensor) -> Tensor:
        return F.conv2d(x, kernel, groups=c)

    mean_a, mean_b = blur(a), blur(b)
    var_a, var_b = blur(a * a) - mean_a.square(), blur(b * b) - mean_b.square()
    covariance = blur(a * b) - mean_a * mean_b
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    top = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    return (top / ((mean_a.square() + mean_b.square() + c1) * (var_a + var_b + c2))).mean(dim=(1, 2, 3))


def edge_ssim(picture: Tensor, content: Tensor) -> Tensor:
    """SSIM between the Sobel edges of two pictures of equal size, each scaled to its own maximum of 1, [B]."""
    a, b = sobel_edges(picture), sobel_edges(content)
    return ssim(a / a.amax(dim=(1, 2, 3), keepdim=True).clamp_min(1e-8), b / b.amax(dim=(1, 2, 3), keepdim=True).clamp_min(1e-8))
