"""DISTS: structure and texture of two pictures apart (Ding et al. 2020, arXiv:2004.07728, equation 6).

Looks through torchvision's VGG-16 whose pools are Hann windows over squares; the weights of its 1475 channels come with the pack
(MIT, Keyan Ding).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..encoders.vgg import VGG
from .lpips import VGG_TAPS, bundled
from .structural import same_shape

C1 = C2 = 1e-6
TINY = 1e-12
SMALLEST_SIDE = 16


def dists(a: Tensor, b: Tensor, network: VGG) -> Tensor:
    """Distance of [B, 3, H, W] in 0..1, [B]: 0 for equal pictures, near 1 for unlike ones. Raises ValueError.

    The authors shrink pictures to 256 pixels at the shorter side first; that is left to the caller.
    """
    same_shape(a, b, SMALLEST_SIDE, "DISTS")
    alpha, beta = (bundled()[f"dists.{name}"].to(a.device).double() for name in ("alpha", "beta"))
    total = alpha.sum() + beta.sum()
    similarity = torch.zeros(a.shape[0], dtype=torch.float64, device=a.device)
    start = 0
    for x, y in zip(stages(a, network), stages(b, network), strict=True):
        part = slice(start, start + x.shape[1])
        start = part.stop
        mean_x, mean_y = (z.double().mean(dim=(2, 3)) for z in (x, y))
        var_x, var_y = (z.double().var(dim=(2, 3), unbiased=False) for z in (x, y))
        covariance = ((x.double() - mean_x[..., None, None]) * (y.double() - mean_y[..., None, None])).mean(dim=(2, 3))
        texture = (2 * mean_x * mean_y + C1) / (mean_x.square() + mean_y.square() + C1)
        structure = (2 * covariance + C2) / (var_x + var_y + C2)
        similarity = similarity + (alpha[part] * texture + beta[part] * structure).sum(1)
    return 1 - similarity / total


def stages(images: Tensor, network: VGG) -> list[Tensor]:
    """The picture itself and five maps, the last of each of VGG's blocks."""
    x, found = (images - network.mean) * network.scale, [images]
    for name, convolution in network.convs.items():
        if name.endswith("_1") and name != "conv1_1":
            x = hann_half(x)
        x = F.relu(convolution(x))
        if name.replace("conv", "relu") in VGG_TAPS:
            found.append(x)
    return found


def hann_half(x: Tensor) -> Tensor:
    """Every second value of [B, C, H, W]: the root of the squares' mean under a Hann window of three."""
    line = x.new_tensor([0.25, 0.5, 0.25])
    kernel = (line[:, None] * line[None, :]).expand(x.shape[1], 1, 3, 3)
    return (F.conv2d(x.square(), kernel, stride=2, padding=1, groups=x.shape[1]) + TINY).sqrt()
