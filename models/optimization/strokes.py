"""Strokes whose places, widths and colors follow the pack's objectives downhill.

As Kotovenko et al. 2021 (Rethinking Style Transfer: From Pixels to Parameterized Brushstrokes) optimize strokes in place of pixels, with
differences: it begins with strokes that paint the picture already, colors are laid over each other in their order instead of the nearest
stroke's, every stroke that reaches into a tile counts instead of the nearest few by their middles, and memory is that of a tile.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from ..classical.raster import render
from ..classical.strokes import Strokes
from ..objectives.objective import Objectives
from ..ops.tiling import Tile, tiles
from ..progress import Progress, glance, silent
from .engine import OptimizeSettings, begin, evaluator_for

TILE = 32
SOFT = 0.5  # pixels over which a stroke's border goes from nothing to all
UNSEEN = 1 / 512  # coverage below which a stroke has no part in a tile
SHAPE_RATE, WIDTH_RATE, COLOR_RATE = 0.25, 0.08, 0.01  # of Adam: pixels, of the radius, of the range
NARROWEST, BROADEST = 0.4, 2.5  # times the first radius

Slope = Callable[[Tensor], tuple[float, Tensor]]


@dataclass(frozen=True)
class RefineSettings:
    """steps: of Adam. rate: times the usual rates. shapes, colors: what may change. seconds: 0 for no limit. seed, tile: of objectives
    (tile 0 for whole pictures).
    """

    steps: int = 60
    rate: float = 1.0
    shapes: bool = True
    colors: bool = True
    seconds: float = 0.0
    seed: int = 0
    tile: int = 0


@dataclass
class Refinement:
    """Strokes under way; `strokes` are always the best so far. curve: the loss of every step."""

    strokes: Strokes
    curve: list[float] = field(default_factory=list)


def visible(strokes: Strokes) -> Strokes:
    """Without those that others hide wholly, as one opaque layer over a background."""
    flat = replace(strokes, layer=strokes.layer * 0, opacity=(1.0,))
    n = len(flat)
    if not n:
        return flat
    number = torch.arange(1, n + 1, device=flat.color.device, dtype=torch.float64)
    digits = torch.stack([number // 65536 % 256, number // 256 % 256, number % 256], 1) / 255
    # Half a pixel of softness at borders: what is seen at twice the size is seen.
    bare = replace(flat, color=digits.to(flat.color), background=torch.zeros_like(flat.color[0]))
    seen = (render(bare.resized(2 * flat.height, 2 * flat.width)) * 255).double()
    whole = (seen - seen.round()).abs().amax(1) < 1e-3
    numbers = (seen.round()[0] * seen.new_tensor([65536, 256, 1]).view(3, 1, 1)).sum(0)[whole[0]].long().unique()
    return flat.chosen(numbers[(numbers > 0) & (numbers <= n)] - 1)


def slope_by_objectives(
    objectives: Objectives, index: int, height: int, width: int, settings: RefineSettings, like: Tensor
) -> Slope:
    """Loss and gradient of a picture [1, 3, H, W] by objectives. index: of the picture in their batches."""
    how = OptimizeSettings(tile=settings.tile, seed=settings.seed, optimizer="adam")
    at = begin(like, height, width, replace(how, smallest=0), like.device)
    evaluator = evaluator_for(objectives, index, (height, width), 1.0, how, at, lambda: None)

    def slope(picture: Tensor) -> tuple[float, Tensor]:
        found = evaluator(picture, at.chance)
        return found.loss, found.gradient

    return slope


def refine(at: Refinement, slope: Slope, settings: RefineSettings, progress: Progress = silent) -> Refinement:
    """Change `at` step by step; progress may raise at any time, and `at` then holds what was found. Must be called outside of inference
    mode. The strokes come out as one opaque layer, without those that were hidden.
    """
    first = visible(at.strokes)
    if not len(first):
        return at
    points, radius, color = (getattr(first, name).clone().requires_grad_() for name in ("points", "radius", "color"))
    groups = [{"params": [color], "lr": COLOR_RATE * settings.rate}] if settings.colors else []
    if settings.shapes:
        groups.append({"params": [points], "lr": SHAPE_RATE * settings.rate})
        groups.append({"params": [radius], "lr": WIDTH_RATE * settings.rate})
    if not groups:
        raise ValueError("neither shapes nor colors may change: allow one of them")
    adam = torch.optim.Adam(groups)
    best, began = float("inf"), time.monotonic()
    for step in range(settings.steps):
        now = replace(first, points=points, radius=radius, color=color)
        drawn = Drawn.of(now)
        picture = drawn.picture()
        loss, gradient = slope(picture)
        at.curve.append(loss)
        if loss < best:
            best, at.strokes = loss, detached(now)
        adam.zero_grad()
        drawn.backward(gradient, lambda: progress(step, settings.steps))
        adam.step()
        with torch.no_grad():
            color.clamp_(0, 1)
            radius.copy_(torch.minimum(torch.maximum(radius, NARROWEST * first.radius), BROADEST * first.radius))
        progress(step + 1, settings.steps, glance(picture))
        if settings.seconds and time.monotonic() - began > settings.seconds:
            break
    now = replace(first, points=points, radius=radius, color=color)
    loss, _ = slope(Drawn.of(now).picture())
    if loss < best:
        at.strokes = detached(now)
    return at


def detached(strokes: Strokes) -> Strokes:
    """A copy that no gradient follows."""
    parts = {name: getattr(strokes, name).detach().clone() for name in ("points", "radius", "color")}
    return replace(strokes, **parts)


@dataclass
class Drawn:
    """Strokes as straight pieces, and which of them each tile needs.

    lines [n, m, 2] with the way back to the control points; flat: the same, where gradients of tiles are gathered.
    """

    strokes: Strokes
    lines: Tensor
    flat: Tensor
    seen: list[tuple[Tile, Tensor]]

    @staticmethod
    def of(strokes: Strokes) -> Drawn:
        """With a way back to the strokes' numbers."""
        with torch.enable_grad():
            lines = strokes.polylines(1)
            lines = lines if lines.shape[1] > 1 else lines.expand(-1, 2, -1)
        return Drawn(strokes, lines, lines.detach().requires_grad_(), [])

    @torch.no_grad()
    def picture(self) -> Tensor:
        """The softly rendered picture [1, 3, H, W]; what is seen in each tile is remembered."""
        strokes = self.strokes
        made = strokes.color.new_empty(1, 3, strokes.height, strokes.width)
        a, b = self.flat[:, :-1], self.flat[:, 1:]
        margin = strokes.radius.view(-1, 1, 1) + 3 * SOFT
        low, high = torch.minimum(a, b) - margin, torch.maximum(a, b) + margin
        self.seen = []
        for place in tiles(strokes.height, strokes.width, TILE, 0, 1):
            inside = (low[..., 0] < place.columns.stop) & (high[..., 0] > place.columns.start)
            inside &= (low[..., 1] < place.rows.stop) & (high[..., 1] > place.rows.start)
            near = torch.nonzero(inside)
            colors, numbers, share = self.tile(place, near)
            place.core(made).copy_(colors)
            kept = numbers[share.amax(1) > UNSEEN]
            self.seen.append((place, near[torch.isin(near[:, 0], kept)]))
        return made

    def tile(self, place: Tile, pieces: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Colors [1, 3, h, w] of a tile that some pieces (stroke, number) reach; which strokes [n] those are of; and how much of each pixel
        each of them has [n, h * w].
        """
        height, width = place.rows.stop - place.rows.start, place.columns.stop - place.columns.start
        ground = self.strokes.background
        assert ground is not None
        numbers, of = pieces[:, 0].unique(return_inverse=True)
        if not len(numbers):
            return ground.view(1, 3, 1, 1).expand(1, 3, height, width), numbers, ground.new_zeros(0, height * width)
        cover = self.coverage(place, pieces, of, numbers)
        # Front to back: what a pixel still lets through is the product over all strokes above.
        through = (1 - cover).flip(0).cumprod(0).flip(0)
        share = cover * torch.cat([through[1:], torch.ones_like(through[:1])])
        colors = self.strokes.color[numbers].T @ share + ground[:, None] * through[0]
        return colors.view(1, 3, height, width), numbers, share

    def coverage(self, place: Tile, pieces: Tensor, of: Tensor, numbers: Tensor) -> Tensor:
        """How far each stroke covers each pixel of a tile, with soft borders [n, h * w]. of: which stroke each piece is of."""
        a, b = self.flat[pieces[:, 0], pieces[:, 1]], self.flat[pieces[:, 0], pieces[:, 1] + 1]
        step = b - a
        length = step.square().sum(1).clamp_min(1e-9)[:, None, None]
        rows = torch.arange(place.rows.start, place.rows.stop, device=a.device, dtype=a.dtype) + 0.5
        columns = torch.arange(place.columns.start, place.columns.stop, device=a.device, dtype=a.dtype) + 0.5
        x, y = columns - a[:, :1], rows - a[:, 1:]
        along = (x * step[:, :1])[:, None, :] + (y * step[:, 1:])[:, :, None]
        t = (along / length).clamp(0, 1)
        # |p - t s|^2 = |p|^2 - 2 t (p s) + t^2 |s|^2
        away = ((x * x)[:, None, :] + (y * y)[:, :, None] + t * (t * length - 2 * along)).flatten(1)
        where = of[:, None].expand(-1, away.shape[1])
        nearest = away.new_full((len(numbers), away.shape[1]), 1e9).scatter_reduce(0, where, away, "amin")
        return torch.sigmoid((self.strokes.radius[numbers, None] - nearest.clamp_min(1e-6).sqrt()) / (SOFT / 2))

    def backward(self, gradient: Tensor, beat: Callable[[], None]) -> None:
        """Send a picture's gradient back to the strokes' numbers, tile by tile."""
        for place, pieces in self.seen:
            if len(pieces):
                with torch.enable_grad():
                    colors, _, _ = self.tile(place, pieces)
                colors.backward(place.core(gradient))
                beat()
        if self.flat.grad is not None and self.lines.requires_grad:
            self.lines.backward(self.flat.grad)
