"""Straight strokes: Haeberli's ordered brush strokes and Litwinowicz's oriented lines.

Haeberli 1990 (Paint by Numbers: Abstract Image Representations): a stroke is a place, a color, a size, a direction and a shape, and
their order. Litwinowicz 1997 (Processing Images and Video for an Impressionist Effect): lines on a close grid in random order, along
the edges, which they do not cross.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import pi
from typing import Literal

import torch
from torch import Tensor

from .orientation import Orientation
from .smoothing import gaussian, luma, sobel
from .strokes import Strokes

Order = Literal["random", "broad first", "dark first", "detail last"]
REFERENCE_SIDE = 640  # pixels of Litwinowicz's frames


@dataclass(frozen=True)
class Lines:
    """Litwinowicz's settings, in pixels of a picture of about 640: spacing of the grid, radius and length from and to; color: how far
    brightness and channels may differ (of 1), angle: in degrees; blur: sigma, before edges are looked for.
    """

    spacing: float = 2.0
    radius: tuple[float, float] = (1.5, 2.0)
    length: tuple[float, float] = (4.0, 10.0)
    color: float = 15 / 255
    angle: float = 15.0
    blur: float = 2.0

    def scaled(self, height: int, width: int, size: float = 1.0) -> Lines:
        """For a picture of this size."""
        f = max(1.0, size * max(height, width) / REFERENCE_SIDE)
        radius, length = (self.radius[0] * f, self.radius[1] * f), (self.length[0] * f, self.length[1] * f)
        return Lines(self.spacing * f, radius, length, self.color, self.angle, self.blur * f)


def oriented_lines(rgb: Tensor, field: Orientation, how: Lines, seed: int = 0) -> Strokes:
    """Strokes of a picture [1, 3, H, W] in 0..1. field: directions, with those of calm places filled in."""
    height, width = rgb.shape[-2:]
    chance = torch.Generator().manual_seed(seed)
    rows = torch.arange(how.spacing / 2, height, how.spacing)
    columns = torch.arange(how.spacing / 2, width, how.spacing)
    centers = torch.stack(torch.meshgrid(columns, rows, indexing="xy"), -1).reshape(-1, 2)
    centers = centers[torch.randperm(len(centers), generator=chance)].to(rgb)
    drawn = torch.rand(len(centers), 6, generator=chance).to(rgb)
    radius = how.radius[0] + (how.radius[1] - how.radius[0]) * drawn[:, 0]
    length = how.length[0] + (how.length[1] - how.length[0]) * drawn[:, 1]
    turn = (2 * drawn[:, 2] - 1) * how.angle * pi / 180
    way = turned(pick(field.tangent, centers), turn)
    right, down = sobel(gaussian(luma(rgb), how.blur))
    edges = (right.square() + down.square()).sqrt()
    ends = [clipped(centers, sign * way, length / 2, edges) for sign in (-1.0, 1.0)]
    color = pick(rgb, centers) * (1 + (2 * drawn[:, 3:] - 1) * how.color)
    return straight(height, width, torch.stack(ends, 1), radius, color.clamp(0, 1), rgb.mean((0, 2, 3)))


def clipped(centers: Tensor, way: Tensor, reach: Tensor, edges: Tensor) -> Tensor:
    """Ends [n, 2] of lines that go from their centers until the edge's strength falls: they have come to an edge's far side."""
    at, alive = centers, torch.ones(len(centers), dtype=torch.bool, device=centers.device)
    last = pick(edges, centers)[:, 0]
    limit = at.new_tensor([edges.shape[3] - 0.5, edges.shape[2] - 0.5])
    for step in range(1, int(reach.max()) + 1):
        ahead = centers + way * step
        found = pick(edges, ahead)[:, 0]
        inside = (ahead >= 0.5).all(1) & (ahead <= limit).all(1)
        alive = alive & (found >= last) & (step <= reach) & inside
        at, last = torch.where(alive[:, None], ahead, at), torch.where(alive, found, last)
    return at


def ordered_strokes(
    rgb: Tensor,
    field: Orientation,
    count: int,
    radius: tuple[float, float],
    length: float,
    order: Order = "detail last",
    seed: int = 0,
) -> Strokes:
    """`count` strokes at places by chance on a picture [1, 3, H, W] in 0..1: radii (pixels, smallest and largest) shrink where there is
    detail; `length` is in radii.
    """
    height, width = rgb.shape[-2:]
    chance = torch.Generator().manual_seed(seed)
    drawn = torch.rand(count, 4, generator=chance).to(rgb)
    centers = drawn[:, :2] * drawn.new_tensor([width, height])
    right, down = sobel(gaussian(luma(rgb), radius[0]))
    detail = gaussian((right.square() + down.square()).sqrt(), radius[1])
    rank = pick(detail, centers)[:, 0].argsort().argsort().to(rgb) / max(1, count - 1)
    size = radius[1] * (radius[0] / radius[1]) ** ((rank + 0.3 * (drawn[:, 2] - 0.5)).clamp(0, 1))
    color = pick(gaussian(rgb, radius[0] / 2), centers)
    way = pick(field.tangent, centers) * (size * length / 2)[:, None]
    keys = {"random": drawn[:, 3], "broad first": -size, "dark first": color.sum(1), "detail last": rank}
    at = keys[order].argsort()
    ends = torch.stack([centers - way, centers + way], 1)
    return straight(height, width, ends[at], size[at], color[at], rgb.mean((0, 2, 3)))


def straight(height: int, width: int, ends: Tensor, radius: Tensor, color: Tensor, background: Tensor | None) -> Strokes:
    """Strokes [n, 2, 2] from end to end, in one layer."""
    counts = torch.full((len(ends),), 2, dtype=torch.long, device=ends.device)
    return Strokes(height, width, ends, counts, radius, color, counts * 0, (1.0,), background, curved=False)


def pick(x: Tensor, places: Tensor) -> Tensor:
    """x [1, C, H, W] at the pixels that hold places [n, 2] (right, down) -> [n, C]."""
    height, width = x.shape[-2:]
    column, row = places[:, 0].long().clamp(0, width - 1), places[:, 1].long().clamp(0, height - 1)
    return x[0][:, row, column].T


def turned(way: Tensor, angle: Tensor) -> Tensor:
    """Vectors [n, 2] turned by angles [n]."""
    cosine, sine = angle.cos(), angle.sin()
    return torch.stack([way[:, 0] * cosine - way[:, 1] * sine, way[:, 0] * sine + way[:, 1] * cosine], 1)
