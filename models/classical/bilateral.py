"""The bilateral filter (Tomasi and Manduchi 1998): smooth where colors are alike."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from .kuwahara import reflected

Distance = Literal["l1", "l2"]


def bilateral(
    x: Tensor, window: int = 9, sigma_color: float = 0.15, sigma_space: float = 3.0, distance: Distance = "l1"
) -> Tensor:
    """[B, C, H, W] by a square window (an odd side) with Gaussian weights of place and of color distance (the sum of differences, or the
    Euclidean one), reflected border: kornia's definition, without the copies of the picture that it makes.
    """
    reach = window // 2
    padded = reflected(x, reach)
    height, width = x.shape[-2:]
    total, weights = torch.zeros_like(x), torch.zeros_like(x[:, :1])
    for row in range(window):
        for column in range(window):
            other = padded[:, :, row : row + height, column : column + width]
            weight = color_weight(other - x, sigma_color, distance)
            weight *= float(space_weight((row - reach) ** 2 + (column - reach) ** 2, sigma_space))
            total += weight * other
            weights += weight
    return total / weights


def bilateral_by_axes(x: Tensor, sigma_space: float, sigma_color: float, distance: Distance = "l2") -> Tensor:
    """The same along columns, then along rows: an approximation whose time grows with the radius, not its square (Pham and van Vliet
    2005), which is what the abstraction of Winnemoeller et al. 2006 uses.
    """
    reach = max(1, round(2 * sigma_space))
    for axis in (-2, -1):
        padded = reflected(x, reach)
        if axis == -2:
            padded = padded[..., reach : reach + x.shape[-1]]
        else:
            padded = padded[..., reach : reach + x.shape[-2], :]
        total, weights = torch.zeros_like(x), torch.zeros_like(x[:, :1])
        for step in range(2 * reach + 1):
            other = padded.narrow(axis, step, x.shape[axis])
            weight = color_weight(other - x, sigma_color, distance)
            weight *= float(space_weight((step - reach) ** 2, sigma_space))
            total += weight * other
            weights += weight
        x = total / weights
    return x


def color_weight(difference: Tensor, sigma: float, distance: Distance) -> Tensor:
    """[B, C, H, W] -> [B, 1, H, W]."""
    if distance == "l1":
        square = difference.abs().sum(1, keepdim=True).square_()
    else:
        square = difference.square().sum(1, keepdim=True)
    return square.mul_(-0.5 / sigma**2).exp_()


def space_weight(square: int, sigma: float) -> Tensor:
    """Of a squared distance in pixels."""
    return torch.exp(torch.tensor(-0.5 * square / sigma**2, dtype=torch.float64))
