"""How far a stylized picture took the style's texture, and how much of the content's drawing it kept."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor

from ..encoders.encoder import Encoder
from ..ops.color import rgb_to_yiq
from ..ops.moments import measure
from .structural import ssim

TAPS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")


def style_distance(picture: Tensor, style: Tensor, encoder: Encoder, taps: Sequence[str] = TAPS) -> Tensor:
    """Sum over the taps, relu1_1..relu4_1, of the relative squared errors of channel means and standard deviations, [B].

    The quantities of AdaIN's style loss (arXiv:1703.06868, eq. 13), each layer's error divided by the style's own squared
    length. encoder is to be the normalized VGG-19 where numbers are compared with others'.
    """
    made, wanted = encoder.encode(picture, taps), encoder.encode(style, taps)
    total = picture.new_zeros(picture.shape[0])
    for tap in taps:
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


def edge_ssim(picture: Tensor, content: Tensor) -> Tensor:
    """SSIM between the Sobel edges of two pictures of equal size, each scaled to its own maximum of 1, [B]."""
    a, b = sobel_edges(picture), sobel_edges(content)
    return ssim(a / a.amax(dim=(1, 2, 3), keepdim=True).clamp_min(1e-8), b / b.amax(dim=(1, 2, 3), keepdim=True).clamp_min(1e-8))
