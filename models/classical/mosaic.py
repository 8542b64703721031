"""Mosaic: square stones that lie along the picture's edges and do not cross them.

Hausner 2001 (Simulating Decorative Mosaics): a centroidal Voronoi diagram in the metric of squares that are turned with a
field, with strong edges left out, so that stones move off them.
"""

from __future__ import annotations

from math import sqrt

import torch
from torch import Tensor

from ..ops.padding import same_size
from ..progress import Progress, silent
from .areas import Areas
from .orientation import orientation_of
from .smoothing import gaussian, luma, sobel
from .stipple import centers_of

STONE = 7.0  # pixels that a stone's side has where places are looked for
MOST_IN_A_SQUARE = 4
FAR = 1e6
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
    """A picture [1, 3, H, W] in 0..1 as stones of `side` pixels. gap: of a stone's side; rounds: of moving stones to their
    places.
    """
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
        which = nearest_stones(points, ways(points), h, w)
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


def nearest_stones(points: Tensor, way: Tensor, height: int, width: int) -> Tensor:
    """The number of each pixel's nearest stone, in the metric of its own square [height * width]. points [n, 2] (row, column);
    way [n, 2] (right, down). Stones of the nine squares of a grid around a pixel are looked at, at most four of each.
    """
    rows, columns = int(height / STONE) + 1, int(width / STONE) + 1
    at = (points / STONE).long().clamp_min(0).minimum(torch.tensor([rows - 1, columns - 1]))
    square = at[:, 0] * columns + at[:, 1]
    order = square.argsort(stable=True)
    ordered = square[order]
    place = torch.arange(len(order)) - torch.searchsorted(ordered, ordered)
    table = torch.full((rows + 2, columns + 2, MOST_IN_A_SQUARE), -1, dtype=torch.long)
    kept = place < MOST_IN_A_SQUARE
    table[ordered[kept] // columns + 1, ordered[kept] % columns + 1, place[kept]] = order[kept]
    numbers = torch.cat([points, way], 1).float()
    numbers = torch.cat([numbers, torch.tensor([[FAR, FAR, 1.0, 0.0]])])  # the last one is for empty places
    y, x = (torch.arange(n, dtype=torch.float32) + 0.5 for n in (height, width))
    row, column = (y / STONE).long().clamp_max(rows - 1), (x / STONE).long().clamp_max(columns - 1)
    best, which = torch.full((height, width), FAR), torch.zeros(height, width, dtype=torch.long)
    for i in range(3):
        for j in range(3):
            for slot in range(MOST_IN_A_SQUARE):
                near = table[(row + i)[:, None], (column + j)[None], slot]
                if not bool((near >= 0).any()):
                    continue
                point_y, point_x, right, down = numbers[near].unbind(2)
                off_y, off_x = y[:, None] - point_y, x[None] - point_x
                away = torch.maximum((off_x * right + off_y * down).abs(), (off_y * right - off_x * down).abs())
                closer = away < best
                best, which = torch.where(closer, away, best), torch.where(closer, near, which)
    return which.flatten()


def first_places(height: int, width: int, chance: torch.Generator) -> Tensor:
    """A grid of stones, each a little off its place, [n, 2] (row, column)."""
    rows, columns = (torch.arange(min(STONE, n) / 2, n, STONE, dtype=torch.float64) for n in (height, width))
    places = torch.stack(torch.meshgrid(rows, columns, indexing="ij"), -1).reshape(-1, 2)
    off = (torch.rand(len(places), 2, generator=chance, dtype=torch.float64) - 0.5) * STONE / sqrt(3)
    return places + off
