"""Differences of two pictures by their pixels: PSNR, SSIM and MS-SSIM as Wang defined them.

All in double precision: the variance of a bright and flat region is the small difference of two large numbers.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..ops.rows import VALUES_AT_ONCE

WINDOW, SIGMA = 11, 1.5
K1, K2 = 0.01, 0.03
LUMA = (0.299, 0.587, 0.114)
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
SMALLEST_SIDE = WINDOW
SMALLEST_SIDE_OF_SCALES = (WINDOW - 1) * 2 ** (len(SCALE_WEIGHTS) - 1) + 1


def psnr(a: Tensor, b: Tensor) -> Tensor:
    """Peak signal-to-noise ratio of [B, C, H, W] in 0..1, in decibels over all channels; inf for equal pictures. [B]."""
    same_shape(a, b, 1, "PSNR")
    error = (a.double() - b.double()).square().mean(dim=(1, 2, 3))
    return -10 * error.log10()


def luma(rgb: Tensor) -> Tensor:
    """Y' of [B, 3, H, W] by ITU-R BT.601: [B, 1, H, W]."""
    weights = torch.tensor(LUMA, dtype=rgb.dtype, device=rgb.device)[:, None, None]
    return (rgb * weights).sum(1, keepdim=True)


def ssim(a: Tensor, b: Tensor, data_range: float = 1.0) -> Tensor:
    """Structural similarity (Wang et al. 2004, equation 13) of [B, C, H, W], mean over positions and channels. [B].

    Gaussian window of 11 and sigma 1.5, population variances, only whole windows. Equals scikit-image with gaussian_weights,
    sigma 1.5, use_sample_covariance False. Wang's own number is that of the luma. Raises ValueError.
    """
    same_shape(a, b, SMALLEST_SIDE, "SSIM")
    return means(a, b, data_range, whole=True).mean(dim=1)


def ms_ssim(a: Tensor, b: Tensor, data_range: float = 1.0) -> Tensor:
    """Multi-scale structural similarity (Wang, Simoncelli and Bovik 2003, equation 7) of [B, C, H, W], mean over channels. [B].

    Five scales; between them, means of two by two with a mirrored last row where the side is odd, as in Wang's MATLAB. Channels
    whose contrast term is negative at some scale have no real power there and count as 0. Raises ValueError.
    """
    same_shape(a, b, SMALLEST_SIDE_OF_SCALES, "MS-SSIM")
    a, b = a.double(), b.double()
    product = torch.ones(a.shape[:2], dtype=a.dtype, device=a.device)
    for scale, weight in enumerate(SCALE_WEIGHTS):
        mean = means(a, b, data_range, whole=scale == len(SCALE_WEIGHTS) - 1)
        product = product * mean.clamp_min(0) ** weight
        a, b = halved(a), halved(b)
    return product.mean(dim=1)


def means(a: Tensor, b: Tensor, data_range: float, whole: bool) -> Tensor:
    """Over all positions, of both factors' product or of the second alone: [B, C]. Taken some rows at a time, in float64."""
    height, width = (side - WINDOW + 1 for side in a.shape[-2:])
    step = max(1, VALUES_AT_ONCE // 4 // a[..., :1, :].numel())
    total = a.new_zeros(a.shape[:2], dtype=torch.float64)
    for top in range(0, height, step):
        one, other = (x[..., top : top + step + WINDOW - 1, :].double() for x in (a, b))
        brightness, contrast = comparisons(one, other, data_range)
        total = total + (brightness * contrast if whole else contrast).sum(dim=(2, 3))
    return total / (height * width)


def comparisons(a: Tensor, b: Tensor, data_range: float) -> tuple[Tensor, Tensor]:
    """SSIM's two factors at every position: of brightness, and of contrast and structure together, [B, C, H - 10, W - 10]."""
    mean_a, mean_b = blurred(a), blurred(b)
    var_a, var_b = blurred(a * a) - mean_a.square(), blurred(b * b) - mean_b.square()
    covariance = blurred(a * b) - mean_a * mean_b
    c1, c2 = (K1 * data_range) ** 2, (K2 * data_range) ** 2
    brightness = (2 * mean_a * mean_b + c1) / (mean_a.square() + mean_b.square() + c1)
    return brightness, (2 * covariance + c2) / (var_a + var_b + c2)


def blurred(x: Tensor) -> Tensor:
    """Under the Gaussian window, where it lies wholly within the picture."""
    position = torch.arange(WINDOW, dtype=x.dtype, device=x.device) - WINDOW // 2
    window = torch.exp(-position.square() / (2 * SIGMA**2))
    window = window / window.sum()
    planes = x.flatten(0, 1)[:, None]
    planes = F.conv2d(F.conv2d(planes, window.view(1, 1, -1, 1)), window.view(1, 1, 1, -1))
    return planes.view(*x.shape[:2], *planes.shape[-2:])


def halved(x: Tensor) -> Tensor:
    """Means of two by two; a last odd row or column is mirrored."""
    height, width = x.shape[-2:]
    return F.avg_pool2d(F.pad(x, (0, width % 2, 0, height % 2), mode="replicate"), 2)


def same_shape(a: Tensor, b: Tensor, least: int, name: str) -> None:
    """Raise ValueError unless both are [B, C, H, W] of one shape with sides of `least` or more."""
    if a.dim() != 4 or a.shape != b.shape:
        raise ValueError(f"{name} compares pictures of one size and these are {list(a.shape)} and {list(b.shape)}: resize one")
    if min(a.shape[-2:]) < least:
        raise ValueError(
            f"{name} needs sides of {least} pixels or more and the pictures are {a.shape[-1]}x{a.shape[-2]}: use larger ones"
        )
