"""Mosaic: square stones that lie along the picture's edges and do not cross them.

Hausner 2001 (Simulating Decorative Mosaics): a centroidal Voronoi diagram in the metric of squares that are turned with a field, with
strong edges left out, so that stones move off them.
"""

from __future__ import annotations

from math import sqrt
from typing import Any

import torch
from torch import Tensor

from ..ops.padding import same_size
from ..progress import Progress, silent
from .areas import Areas
from .orientation import orientation_of
from .smoothing import gaussian, luma, sobel
from .stipple import centers_of

STONE = 7.0  # pixels that a stone's side has where places are looked for
CANDIDATES = 5  # nearest stones in the usual metric, of which the nearest in theirs is taken
EDGE = 0.12  # slope of brightness from which on a pixel belongs to an edge


def mosaic(
    rgb: Tensor,
    side: float = 14.0,
    gap: float = 0.12,
    rounds: int = 9,
    grout: tuple[float, float, float] = (0.16, 0.15, 0.14),
    seed: int = 0,
    progress: Progress = silent,
) -> Areas:
    """A picture [1, 3, H, W] in 0..1 as stones of `side` pixels. gap: of a stone's side; rounds: of moving stones to their places."""
    from scipy.spatial import cKDTree

    height, width = rgb.shape[-2:]
    factor = STONE / side
    small = same_size(rgb.cpu(), max(2, round(height * factor)), max(2, round(width * factor))).double()
    h, w = small.shape[-2:]
    field = orientation_of(gaussian(small, 1.5), 4.0).tangent[0].flatten(1).T
    field = torch.where((field == 0).all(1, keepdim=True), field.new_tensor([1.0, 0.0]), field)
    right, down = (slope / 8 for slope in sobel(gaussian(luma(small), 1.0)))
    free = ((right.square() + down.square()).sqrt() < EDGE).flatten().double()
    chance = torch.Generator().manual_seed(seed)
    points = first_places(h, w, chance)
    places, colors = centers_of(h, w), small[0].flatten(1).T

    def ways(points: Tensor) -> Tensor:
        at = points[:, 0].long().clamp(0, h - 1) * w + points[:, 1].long().clamp(0, w - 1)
        return field[at]

    which = torch.zeros(h * w, dtype=torch.long)
    for step in range(rounds + 1):
        tree: Any = cKDTree(points.numpy())
        near = torch.from_numpy(tree.query(places.numpy(), k=min(CANDIDATES, len(points)))[1]).view(h * w, -1)
        way = ways(points)[near]
        off = places[:, None] - points[near]
        along = (off[..., 1] * way[..., 0] + off[..., 0] * way[..., 1]).abs()
        across = (off[..., 0] * way[..., 0] - off[..., 1] * way[..., 1]).abs()
        which = near.gather(1, torch.maximum(along, across).argmin(1, keepdim=True))[:, 0]
        if step < rounds:
            mass = torch.zeros(len(points), dtype=torch.float64).index_add_(0, which, free)
            moment = torch.zeros(len(points), 2, dtype=torch.float64).index_add_(0, which, places * free[:, None])
            points = torch.where(mass[:, None] > 0, moment / mass.clamp_min(1)[:, None], points)
        progress(step + 1, rounds + 1)
    counts = torch.bincount(which, minlength=len(points))
    means = torch.zeros(len(points), 3, dtype=torch.float64).index_add_(0, which, colors) / counts.clamp_min(1)[:, None]
    # A stone that was pushed into a narrow place is smaller.
    half = (counts.double().sqrt() / 2 * (1 - gap)).clamp_max(0.62 * STONE)
    way = ways(points)
    square = torch.tensor([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]], dtype=torch.float64)
    u, v = way, torch.stack([-way[:, 1], way[:, 0]], 1)
    corners = points.flip(1)[:, None] + half[:, None, None] * (square[:, :1] * u[:, None] + square[:, 1:] * v[:, None])
    lives = counts > 3
    scale = torch.tensor([width / w, height / h], dtype=torch.float64)
    return Areas(height, width, (corners * scale)[lives].float(), means[lives].float(), torch.tensor(grout))


def first_places(height: int, width: int, chance: torch.Generator) -> Tensor:
    """A grid of stones, each a little off its place, [n, 2] (row, column)."""
    rows, columns = (torch.arange(min(STONE, n) / 2, n, STONE, dtype=torch.float64) for n in (height, width))
    places = torch.stack(torch.meshgrid(rows, columns, indexing="ij"), -1).reshape(-1, 2)
    off = (torch.rand(len(places), 2, generator=chance, dtype=torch.float64) - 0.5) * STONE / sqrt(3)
    return places + off
