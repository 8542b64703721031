"""Low poly: a picture in triangles, smaller where there is more to see."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..ops.padding import same_size
from .areas import Areas
from .smoothing import gaussian, luma, sobel
from .stipple import centers_of, lloyd_step, scattered

LONGEST = 900  # pixels of the picture that points are looked for in
ROUNDS = 3  # of spreading points evenly


def low_poly(rgb: Tensor, count: int = 1500, detail: float = 0.8, seed: int = 0) -> Areas:
    """A picture [1, 3, H, W] in 0..1 as about two triangles for each of `count` points: Delaunay's triangulation of points that are dense
    where brightness changes. detail: 0 spreads them evenly, 1 puts them all on edges. Each triangle has its pixels' mean color.
    """
    from scipy.spatial import Delaunay

    height, width = rgb.shape[-2:]
    factor = min(1.0, LONGEST / max(height, width))
    small = same_size(rgb.cpu(), max(2, round(height * factor)), max(2, round(width * factor))).double()
    h, w = small.shape[-2:]
    right, down = sobel(gaussian(luma(small), 1.5))
    steep = gaussian((right.square() + down.square()).sqrt(), 1.0)[0, 0].sqrt()
    density = detail * steep / steep.mean().clamp_min(1e-9) + (1 - detail) + 1e-3
    chance = torch.Generator().manual_seed(seed)
    points = scattered(density, count, chance)
    for _ in range(ROUNDS):
        points = lloyd_step(points, density)
    points = torch.cat([points, border(h, w, count)])
    mesh: Any = Delaunay(points.numpy())
    triangles = torch.from_numpy(mesh.simplices.copy()).long()
    places = centers_of(h, w)
    which = torch.from_numpy(mesh.find_simplex(places.numpy())).long().clamp_min(0)
    colors = small[0].flatten(1).T
    counts = torch.bincount(which, minlength=len(triangles))
    means = torch.zeros(len(triangles), 3, dtype=torch.float64).index_add_(0, which, colors) / counts.clamp_min(1)[:, None]
    corners = points[triangles]
    middle = corners.mean(1).long()
    own = colors[middle[:, 0].clamp(0, h - 1) * w + middle[:, 1].clamp(0, w - 1)]
    color = torch.where(counts[:, None] > 0, means, own)
    scale = torch.tensor([width / w, height / h], dtype=torch.float64)
    return Areas(height, width, (corners.flip(2) * scale).float(), color.float())


def border(height: int, width: int, count: int) -> Tensor:
    """Points on a picture's border and its corners, about as far apart as the others, [n, 2] (row, column)."""
    apart = (height * width / max(1, count)) ** 0.5 * 1.5
    rows = torch.linspace(0, height, max(2, round(height / apart) + 1), dtype=torch.float64)
    columns = torch.linspace(0, width, max(2, round(width / apart) + 1), dtype=torch.float64)
    sides = [torch.stack([rows, torch.full_like(rows, x)], 1) for x in (0.0, float(width))]
    sides += [torch.stack([torch.full_like(columns, y), columns], 1)[1:-1] for y in (0.0, float(height))]
    return torch.cat(sides)
