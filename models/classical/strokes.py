"""Strokes: what travels on an ATELIER_STROKES wire. Lines with a width and a color, in the order in which they are painted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil, sqrt

import torch
import torch.nn.functional as F
from torch import Tensor

MOST_PARTS = 8
TOLERANCE = 0.2  # pixels between a curve and its straight pieces
TOLERANCE_OF_RADIUS = 0.02
NEARLY_ALL = 0.9
SAMPLES = 4096


@dataclass(frozen=True, eq=False, repr=False)
class Strokes:
    """n strokes on a picture of height x width pixels.

    points [n, k, 2]: control points (right, down) in pixels, the picture's corner at 0; behind a stroke's last point that is repeated.
    counts [n]: how many points each has; one makes a dot. radius [n] in pixels. color [n, 3] in 0..1. layer [n]: whole numbers that do
    not fall; rows are in the order of painting. opacity: of each layer, which is opaque in itself and is laid over those before as one.
    background [3]: the color of the ground, or None where the strokes are to lie on a picture. curved: the points control a cubic
    B-spline, which begins and ends in the outermost; else straight lines join them.
    """

    height: int
    width: int
    points: Tensor
    counts: Tensor
    radius: Tensor
    color: Tensor
    layer: Tensor
    opacity: tuple[float, ...] = (1.0,)
    background: Tensor | None = None
    curved: bool = True

    def __len__(self) -> int:
        return len(self.counts)

    def __repr__(self) -> str:
        return f"Strokes({len(self)} in {len(self.opacity)} layers on {self.width}x{self.height} px)"

    def resized(self, height: int, width: int) -> Strokes:
        """For a picture of another size; radii go by the mean of both sides' factors."""
        down, right = height / self.height, width / self.width
        points = self.points * self.points.new_tensor([right, down])
        return replace(self, height=height, width=width, points=points, radius=self.radius * sqrt(right * down))

    def chosen(self, which: Tensor) -> Strokes:
        """Some of them: a mask or places."""
        parts = {name: getattr(self, name)[which] for name in ("points", "counts", "radius", "color", "layer")}
        return replace(self, **parts)

    def first(self, count: int) -> Strokes:
        """The ones painted first."""
        return self.chosen(torch.arange(min(count, len(self)), device=self.counts.device))

    def to(self, device: torch.device | str) -> Strokes:
        """On another device."""
        parts = {name: getattr(self, name).to(device) for name in ("points", "counts", "radius", "color", "layer")}
        return replace(self, background=None if self.background is None else self.background.to(device), **parts)

    def copied(self) -> Strokes:
        """With tensors of its own, which gradients may pass where it is called outside of inference mode."""
        parts = {name: getattr(self, name).clone() for name in ("points", "counts", "radius", "color", "layer")}
        return replace(self, background=None if self.background is None else self.background.clone(), **parts)

    def box(self) -> Tensor:
        """[n, 4]: left, top, right, bottom of each with its width."""
        low, high = self.points.amin(1), self.points.amax(1)
        if self.curved:  # phantom ends can bend a curve beyond its control points by a third of a step at most
            slack = (
                (self.points[:, 1:] - self.points[:, :-1]).norm(dim=2).amax(1, keepdim=True) if self.points.shape[1] > 1 else 0
            )
            low, high = low - slack, high + slack
        return torch.cat([low - self.radius[:, None], high + self.radius[:, None]], 1)

    def parts(self) -> int:
        """Into how many straight pieces each step between control points is to be cut, so that nearly all strokes keep within a fifth of
        a pixel, or a fiftieth of their radius. At most 4096 strokes are looked at.
        """
        if not self.curved or self.points.shape[1] < 3 or not len(self):
            return 1
        some = self.chosen(torch.arange(0, len(self), -(-len(self) // SAMPLES), device=self.counts.device))
        off = max(TOLERANCE, TOLERANCE_OF_RADIUS * float(some.radius.mean()))
        return min(MOST_PARTS, max(1, ceil(sqrt(float(bent(some.beziers())) / off))))

    def polylines(self, parts: int) -> Tensor:
        """[n, m, 2]: the curves as straight pieces, `parts` for each step between control points."""
        if not self.curved or self.points.shape[1] < 3 or not len(self):
            return self.points
        bezier = self.beziers()
        t = torch.arange(1, parts + 1, device=bezier.device, dtype=bezier.dtype) / parts
        basis = torch.stack([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3], 1)
        inner = torch.einsum("pb,nsbd->nspd", basis, bezier).flatten(1, 2)
        return torch.cat([self.points[:, :1], inner], 1)

    def beziers(self) -> Tensor:
        """[n, k - 1, 4, 2]: the B-spline's pieces as cubic Bezier curves. Pieces behind a stroke's end are its last point."""
        p = self.points
        rows = torch.arange(len(p), device=p.device)
        last = self.counts - 1
        end = p[rows, last]
        before = p[rows, (last - 1).clamp_min(0)]
        # A phantom point beyond each end mirrors its neighbor, which makes the curve end there.
        framed = torch.cat([2 * p[:, :1] - p[:, 1:2], p, p[:, -1:]], 1)
        framed[rows, last + 2] = 2 * end - before
        a, b, c, d = framed[:, :-3], framed[:, 1:-2], framed[:, 2:-1], framed[:, 3:]
        bezier = torch.stack([(a + 4 * b + c) / 6, (2 * b + c) / 3, (b + 2 * c) / 3, (b + 4 * c + d) / 6], 2)
        dead = torch.arange(p.shape[1] - 1, device=p.device)[None] >= last[:, None]
        return torch.where(dead[:, :, None, None], end[:, None, None], bezier)

    def lengths(self) -> Tensor:
        """[n]: of the control points' polygon, in pixels."""
        return (self.points[:, 1:] - self.points[:, :-1]).norm(dim=2).sum(1)


def bent(bezier: Tensor) -> Tensor:
    """How far nearly all curves [n, k, 4, 2] lie from their chords, in pixels."""
    first, last = bezier[:, :, 0], bezier[:, :, 3]
    middle = (bezier * bezier.new_tensor([1, 3, 3, 1]).view(1, 1, 4, 1)).sum(2) / 8
    away = (middle - (first + last) / 2).norm(dim=2).flatten()
    some = away[away > 0]
    return some.quantile(NEARLY_ALL) if len(some) else away.max()


def joined(parts: list[Strokes]) -> Strokes:
    """Painted one after the other, on pictures of one size; layers are counted on. Raises ValueError for none."""
    if not parts:
        raise ValueError("there are no strokes to join: give at least one set of them")
    most = max(part.points.shape[1] for part in parts)
    layers, before = [], 0
    for part in parts:
        layers.append(part.layer + before)
        before += len(part.opacity)
    points = [with_points(part, most) for part in parts]
    return replace(
        parts[0],
        points=torch.cat(points),
        layer=torch.cat(layers),
        opacity=tuple(o for part in parts for o in part.opacity),
        **{name: torch.cat([getattr(part, name) for part in parts]) for name in ("counts", "radius", "color")},
    )


def with_points(strokes: Strokes, most: int) -> Tensor:
    """Control points, the last one repeated up to so many."""
    missing = most - strokes.points.shape[1]
    return F.pad(strokes.points.movedim(1, -1), (0, missing), mode="replicate").movedim(-1, 1) if missing else strokes.points


def dots(height: int, width: int, places: Tensor, radius: Tensor, color: Tensor, background: Tensor | None = None) -> Strokes:
    """Strokes of one point each. places [n, 2] (right, down)."""
    n = len(places)
    ones = torch.ones(n, dtype=torch.long, device=places.device)
    return Strokes(height, width, places[:, None], ones, radius, color, ones * 0, (1.0,), background, curved=False)


@dataclass(frozen=True, eq=False, repr=False)
class Sheets:
    """ATELIER_STROKES: the strokes of each picture of a batch."""

    sheets: tuple[Strokes, ...]

    def __repr__(self) -> str:
        return f"Sheets({len(self.sheets)}: {self.sheets[0]!r}, ...)" if len(self.sheets) > 1 else repr(self.sheets[0])
