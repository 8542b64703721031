"""Stippling: dots whose density is the picture's darkness, evenly spread.

Secord 2002 (Weighted Voronoi Stippling): points by chance, each moved again and again to the center of mass of the part of the picture
that is nearer to it than to any other.
"""

from __future__ import annotations

from math import ceil, pi, sqrt
from typing import Any

import torch
from torch import Tensor

from ..ops.padding import same_size
from ..progress import Progress, silent
from .levels import Levels
from .smoothing import luma
from .strokes import Strokes, dots

PIXELS_OF_A_DOT = 36
MOST_PIXELS = 3 << 20
STILL = 0.1  # pixels: when no point moves farther it is done


def nearest(points: Tensor, places: Tensor) -> Tensor:
    """The number of the nearest point [n, 2] for every place [m, 2]."""
    from scipy.spatial import cKDTree

    tree: Any = cKDTree(points.cpu().numpy())
    return torch.from_numpy(tree.query(places.cpu().numpy())[1]).to(points.device)


def centers_of(height: int, width: int) -> Tensor:
    """Of all pixels, [H * W, 2] (row, column), in float64."""
    rows, columns = (torch.arange(n, dtype=torch.float64) + 0.5 for n in (height, width))
    return torch.stack(torch.meshgrid(rows, columns, indexing="ij"), -1).reshape(-1, 2)


def lloyd_step(points: Tensor, density: Tensor) -> Tensor:
    """Points [n, 2] (row, column; pixels have their centers at a half) moved to the centers of mass of their parts of a density [H, W].

    A point without any stays where it is.
    """
    places, weight = centers_of(*density.shape), density.flatten().double()
    which = nearest(points, places)
    mass = torch.zeros(len(points), dtype=torch.float64).index_add_(0, which, weight)
    moment = torch.zeros(len(points), 2, dtype=torch.float64).index_add_(0, which, places * weight[:, None])
    return torch.where(mass[:, None] > 0, moment / mass.clamp_min(1e-300)[:, None], points)


def scattered(density: Tensor, count: int, chance: torch.Generator) -> Tensor:
    """`count` points [n, 2] (row, column) by chance, as often as a density [H, W] says."""
    total = density.flatten().double().cumsum(0)
    drawn = torch.rand(count, 3, generator=chance, dtype=torch.float64)
    at = torch.searchsorted(total, drawn[:, 0] * total[-1]).clamp_max(len(total) - 1)
    width = density.shape[1]
    return torch.stack([at // width + drawn[:, 1], at % width + drawn[:, 2]], 1)


def stipple(
    rgb: Tensor,
    count: int = 12000,
    rounds: int = 20,
    dot: float = 0.9,
    seed: int = 0,
    color: bool = False,
    contrast: float = 1.5,
    progress: Progress = silent,
) -> Strokes:
    """A picture [1, 3, H, W] in 0..1 as dots, its darkness to the power `contrast`. dot: 1 gives all dots together the ink that this asks
    for; color: dots have the picture's colors instead of black. Work is done at a size of 36 pixels a dot, whatever the picture's.
    """
    height, width = rgb.shape[-2:]
    pixels = min(MOST_PIXELS, PIXELS_OF_A_DOT * count, height * width)
    factor = sqrt(pixels / (height * width))
    small = same_size(rgb.cpu(), max(2, ceil(height * factor)), max(2, ceil(width * factor)))
    density = (1 - Levels.of(small).stretched(luma(small)[0, 0])).clamp(0, 1).pow(contrast)
    chance = torch.Generator().manual_seed(seed)
    if not float(density.sum()) > 0:
        density = torch.full_like(density, 1e-3)
    points = scattered(density, count, chance)
    for step in range(rounds):
        before, points = points, lloyd_step(points, density)
        progress(step + 1, rounds)
        if float((points - before).norm(dim=1).max()) < STILL:
            break
    ink = float(density.mean()) * height * width
    radius = torch.full((count,), dot * sqrt(ink / (pi * count)))
    places = points.flip(1) * torch.tensor([width / small.shape[3], height / small.shape[2]])
    inside = places.float().clamp_min(0)
    colors = rgb[0].cpu()[:, inside[:, 1].long().clamp_max(height - 1), inside[:, 0].long().clamp_max(width - 1)].T
    tint = colors if color else torch.zeros(count, 3)
    return dots(height, width, places.float(), radius, tint, torch.ones(3)).to(rgb.device)
