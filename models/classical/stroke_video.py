"""Strokes of clips: carried from frame to frame by optical flow, dropped where they crowd, added where the canvas is bare or wrong.

After Litwinowicz 1997 and Hertzmann and Perlin 2000 (Painterly Rendering for Video and Interaction).
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from ..video.flow import occluded, optical_flow, warp
from .brushes import Brush
from .hertzmann import Painting, StrokeStyle, paint
from .orientation import Orientation
from .raster import render
from .straight import pick
from .strokes import Strokes, joined

CROWD = 6  # strokes of one layer whose middles may lie in a square of side two radii
CHANGED = 0.08  # of a color, mean over channels, from which on a still picture counts as changed


class Painter:
    """Paints frames [1, 3, H, W] in 0..1 one after the other, each from the strokes of the one before."""

    def __init__(self, style: StrokeStyle, seed: int = 0, brush: Brush | None = None) -> None:
        self.style, self.seed, self.brush = style, seed, brush
        self.frame: Tensor | None = None
        self.strokes: Strokes | None = None

    def __call__(self, frame: Tensor, field: Orientation | None = None) -> Painting:
        """The next frame's strokes. A frame that equals the last one gives the same painting."""
        if self.frame is None or self.strokes is None or self.frame.shape != frame.shape:
            made = paint(frame, self.style, self.seed, field, brush=self.brush)
        elif torch.equal(self.frame, frame):
            made = Painting(self.strokes, render(self.strokes, brush=self.brush))
        else:
            made = self._next(frame, field)
        self.frame, self.strokes = frame, made.strokes
        return made

    def _next(self, frame: Tensor, field: Orientation | None) -> Painting:
        before, strokes = self.frame, self.strokes
        assert before is not None and strokes is not None
        flow, back = optical_flow(before, frame), optical_flow(frame, before)
        moved = thinned(carried(strokes, flow, occluded(flow, back)))
        canvas = render(moved, brush=self.brush)
        # Where the frame is as the last one was, what was painted stays; elsewhere it is the canvas that is compared.
        fresh = (warp(before, back) - frame).abs().mean(1, keepdim=True) > CHANGED
        fresh = fresh | occluded(back, flow)
        kept = torch.where(fresh, canvas, frame)
        added = paint(frame, self.style, self.seed, field, kept, self.brush).strokes
        return self._on_top(moved, added, canvas)

    def _on_top(self, moved: Strokes, added: Strokes, canvas: Tensor) -> Painting:
        """New strokes over the carried ones, layer by layer, broad below fine."""
        if not len(added):
            return Painting(moved, canvas)
        ground = moved.background
        both = joined([moved, replace(added, background=ground)])
        half = len(moved.opacity)
        order = (both.layer % half).argsort(stable=True)
        strokes = replace(both.chosen(order), layer=(both.layer % half)[order], opacity=moved.opacity, background=ground)
        return Painting(strokes, render(strokes, brush=self.brush))


def carried(strokes: Strokes, flow: Tensor, hidden: Tensor) -> Strokes:
    """Every stroke moved as its middle moves; those whose middle is hidden or leaves the picture are dropped."""
    rows = torch.arange(len(strokes), device=strokes.counts.device)
    middle = strokes.points[rows, strokes.counts // 2]
    step = pick(flow, middle)
    ahead = middle + step
    inside = (ahead >= 0).all(1) & (ahead[:, 0] < strokes.width) & (ahead[:, 1] < strokes.height)
    seen = pick(hidden.to(flow), middle)[:, 0] < 0.5
    return replace(strokes, points=strokes.points + step[:, None]).chosen(inside & seen)


def thinned(strokes: Strokes) -> Strokes:
    """Without the strokes painted first wherever more than a few of one layer have their middles in one square."""
    rows = torch.arange(len(strokes), device=strokes.counts.device)
    middle = strokes.points[rows, strokes.counts // 2] / (2 * strokes.radius[:, None])
    square = middle.floor().long().clamp_min(0)
    key = (strokes.layer * (1 << 20) + square[:, 1]) * (1 << 20) + square[:, 0]
    # Places among those of the same square, counted from the last painted.
    order = key.flip(0).argsort(stable=True)
    ordered = key.flip(0)[order]
    first = torch.searchsorted(ordered, ordered)
    place = torch.empty_like(rows)
    place[order] = rows - first
    return strokes.chosen(place.flip(0) < CROWD)
