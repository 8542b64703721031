"""Oil paint: each pixel takes the mean color of the most frequent brightness around it (Holzmann 1988, Beyond Photography)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .smoothing import luma


def oil(rgb: Tensor, radius: int = 4, levels: int = 20) -> Tensor:
    """[B, 3, H, W] -> the same. radius: of the square window; levels: of brightness that are told apart.

    One pass of running means a level, so the time does not grow with the window's area. Of two equally frequent levels the darker.
    """
    side = 2 * radius + 1
    level = (luma(rgb) * levels).floor().clamp(0, levels - 1)
    with_one = torch.cat([torch.ones_like(level), rgb], 1)
    best = torch.zeros_like(with_one)
    for number in range(levels):
        here = level == number
        if not bool(here.any()):
            continue
        found = window_sum(with_one * here, side)
        best = torch.where(found[:, :1] > best[:, :1] + 0.5, found, best)  # counts are whole numbers
    return best[:, 1:] / best[:, :1]


def window_sum(x: Tensor, side: int) -> Tensor:
    """[B, C, H, W] -> sums over squares of `side` pixels, of what lies in the picture."""
    half = side // 2
    rows = F.avg_pool2d(x, (1, side), 1, (0, half), divisor_override=1)
    return F.avg_pool2d(rows, (side, 1), 1, (half, 0), divisor_override=1)
