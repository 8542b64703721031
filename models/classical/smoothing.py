"""Brightness, Gaussians and slopes, as every classical method wants them."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..ops.rows import by_rows

LUMA = (0.299, 0.587, 0.114)  # Rec. 601
SOBEL = ((-1.0, 0.0, 1.0), (-2.0, 0.0, 2.0), (-1.0, 0.0, 1.0))
BROAD = 64  # pixels to either side from which on Fourier transforms are faster
REACH = 4.0  # of a Gaussian, in standard deviations


def luma(rgb: Tensor) -> Tensor:
    """[B, 3, H, W] -> brightness [B, 1, H, W] of the same range."""
    return by_rows(_luma, rgb)


def _luma(rgb: Tensor) -> Tensor:
    red, green, blue = rgb.split(1, 1)
    return LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue


def reach_of(sigma: float, truncate: float = REACH) -> int:
    """How many pixels on either side a Gaussian reads."""
    return int(truncate * sigma + 0.5)


def bell(sigma: float, truncate: float, like: Tensor) -> Tensor:
    """A Gaussian's weights [2 reach + 1], which add up to 1."""
    reach = reach_of(sigma, truncate)
    at = torch.arange(-reach, reach + 1, dtype=torch.float64)
    weights = torch.exp(-at.square() / (2 * sigma * sigma))
    return (weights / weights.sum()).to(like)


def gaussian(x: Tensor, sigma: float, truncate: float = REACH) -> Tensor:
    """[B, C, H, W] blurred, `sigma` in pixels; beyond the border the border's values (scipy's "nearest"). sigma 0 changes
    nothing.
    """
    if reach_of(sigma, truncate) < 1:
        return x
    weights = bell(sigma, truncate, x)
    reach = len(weights) // 2
    if reach >= BROAD:
        return along_rows(along_rows(x, weights).mT, weights).mT.contiguous()
    flat = x.reshape(-1, 1, *x.shape[-2:])
    flat = F.conv2d(F.pad(flat, (reach, reach, 0, 0), mode="replicate"), weights.view(1, 1, 1, -1))
    flat = F.conv2d(F.pad(flat, (0, 0, reach, reach), mode="replicate"), weights.view(1, 1, -1, 1))
    return flat.view_as(x)


def along_rows(x: Tensor, weights: Tensor) -> Tensor:
    """Rows [..., W] convolved with a symmetric kernel by Fourier transforms, whose time hardly grows with it."""
    reach, width = len(weights) // 2, x.shape[-1]
    length = 1 << (width + 2 * reach - 1).bit_length()
    framed = F.pad(x.reshape(-1, *x.shape[-2:]), (reach, reach), mode="replicate")
    product = torch.fft.rfft(framed, length) * torch.fft.rfft(weights, length)
    return torch.fft.irfft(product, length)[..., 2 * reach : 2 * reach + width].reshape(x.shape)


def sobel(x: Tensor) -> tuple[Tensor, Tensor]:
    """[B, C, H, W] -> slopes to the right and down by Sobel's kernels, not scaled; beyond the border the border's values."""
    line = x.new_tensor(SOBEL)
    kernels = torch.stack([line, line.T])[:, None]
    flat = F.pad(x.reshape(-1, 1, *x.shape[-2:]), (1, 1, 1, 1), mode="replicate")
    both = F.conv2d(flat, kernels)
    return both[:, 0].reshape(x.shape), both[:, 1].reshape(x.shape)


def box_mean(x: Tensor, radius: int) -> Tensor:
    """[B, C, H, W] -> means over squares of side 2 radius + 1, of what lies in the picture. By running sums: any radius costs the
    same.
    """
    for axis in (-1, -2):
        length = x.shape[axis]
        sums = F.pad(x.movedim(axis, -1), (1, 0)).cumsum(-1, dtype=torch.float64)
        at = torch.arange(length, device=x.device)
        first, last = (at - radius).clamp_min(0), (at + radius + 1).clamp_max(length)
        means = (sums[..., last] - sums[..., first]) / (last - first)
        x = means.to(x.dtype).movedim(-1, axis)
    return x
