"""What a brush leaves: round, flat, with bristles, or a picture of a person's own."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from .noise import smooth

HAIRS = 24  # across a bristle brush
STREAK = 6.0  # radii over which a bristle's paint changes
FINE = 16  # steps between two such changes
AROUND = 64  # changes, after which a hair begins anew
BRUSHES = 32  # sets of hairs
DRY = 0.75  # of a stroke's length, from where on bristles run dry


@dataclass(frozen=True, eq=False)
class Brush:
    """How far a stroke covers by where in it a pixel lies. kind: "flat" has straight ends, "bristle" leaves hairs and runs dry,
    "picture" takes `texture` [h, w] in 0..1, its columns along the stroke. A round brush is none.
    """

    kind: str
    texture: Tensor | None = None
    seed: int = 0

    def cover(self, along: Tensor, across: Tensor, radius: Tensor, total: Tensor, number: Tensor) -> Tensor:
        """In 0..1. along: pixels from the stroke's beginning; across: to its right; total: its length; number: which stroke."""
        if self.kind == "picture" and self.texture is not None:
            return self._picture(self.texture.to(along), along, across, radius, total)
        if self.kind == "flat":
            ends = (along + 0.5).clamp(0, 1) * (total + 0.5 - along).clamp(0, 1)
            return torch.where(total > radius, ends, torch.ones_like(along))
        side = (across / radius).clamp(-1, 1)
        hair = ((side + 1) * (HAIRS / 2)).long().clamp_max_(HAIRS - 1)
        at = (along * (FINE / STREAK) / radius).long() % (FINE * AROUND)
        paint = self._hairs.to(along).take((number % BRUSHES * HAIRS + hair) * (FINE * AROUND) + at)
        worn = (along * (1 / (1 - DRY)) / total.clamp_min(1) - DRY / (1 - DRY)).clamp_(0, 1)
        thin = side.square_().mul_(0.25).add_(worn, alpha=0.5).add_(0.12)
        return paint.sub_(thin).mul_(6).clamp_(0, 1)

    @cached_property
    def _hairs(self) -> Tensor:
        """How much paint hairs leave along the way, [BRUSHES, HAIRS, FINE * AROUND]."""
        chance = torch.Generator().manual_seed(self.seed)
        knots = torch.rand(BRUSHES, HAIRS, AROUND, 1, generator=chance)
        t = smooth(torch.arange(FINE) / FINE)
        return torch.lerp(knots, knots.roll(-1, 2), t).flatten(2)

    def _picture(self, texture: Tensor, along: Tensor, across: Tensor, radius: Tensor, total: Tensor) -> Tensor:
        height, width = texture.shape
        column = ((along + radius) / (total + 2 * radius) * width).long().clamp(0, width - 1)
        row = ((across / radius + 1) / 2 * height).long().clamp(0, height - 1)
        return texture.flatten()[row * width + column]
