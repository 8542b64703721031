"""What a brush leaves: round, flat, with bristles, or a picture of a person's own."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .noise import hashed, smooth

HAIRS = 24  # across a bristle brush
STREAK = 6.0  # radii over which a bristle's paint changes
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
            return self._picture(along, across, radius, total)
        ends = ((along + 0.5).clamp(0, 1) * (total + 0.5 - along).clamp(0, 1)) if self.kind == "flat" else 1.0
        if self.kind == "flat":
            return torch.where(total > radius, ends, torch.ones_like(along))
        side = (across / radius).clamp(-1, 1)
        hair = ((side + 1) / 2 * HAIRS).floor()
        at = along / (STREAK * radius)
        step = at.floor()
        paint = torch.lerp(
            hashed(hair + number * 64, step, self.seed), hashed(hair + number * 64, step + 1, self.seed), smooth(at - step)
        )
        worn = ((along / total.clamp_min(1) - DRY) / (1 - DRY)).clamp(0, 1)
        thin = 0.12 + 0.5 * worn + 0.25 * side.abs().pow(3)
        return ((paint - thin) * 6).clamp(0, 1)

    def _picture(self, along: Tensor, across: Tensor, radius: Tensor, total: Tensor) -> Tensor:
        texture: Tensor = self.texture.to(along)  # type: ignore[union-attr]
        height, width = texture.shape
        column = ((along + radius) / (total + 2 * radius) * width).long().clamp(0, width - 1)
        row = ((across / radius + 1) / 2 * height).long().clamp(0, height - 1)
        return texture.flatten()[row * width + column]
