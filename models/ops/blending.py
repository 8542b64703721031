"""Mixtures of vectors, and ways through them: what points of W, style codes and styles are blended and walked by."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from .batches import rows_of

NEARLY_PARALLEL = 1e-3  # the sine below which the great circle between two directions is a line


def shares_of(weights: Sequence[float], count: int) -> list[float]:
    """Weights scaled to sum 1. Raises ValueError unless there are `count`, none below 0 and one above it."""
    total = sum(weights)
    if len(weights) != count or min(weights) < 0 or total <= 0:
        raise ValueError(f"weights must be {count} numbers from 0 up, with at least one above 0")
    return [weight / total for weight in weights]


def mean_of_rows(batches: Sequence[Tensor], shares: Sequence[float]) -> Tensor:
    """The sum of batches [b, ...] by shares, row by row -> [B, ...] of the longest; shorter ones repeat."""
    count = max(len(batch) for batch in batches)
    mixed = torch.zeros(())
    for batch, share in zip(batches, shares, strict=True):
        mixed = mixed + rows_of(batch, 0, count) * share
    return mixed


def stops_on_the_way(spans: int, frames: int, loop: bool) -> tuple[Tensor, Tensor]:
    """Evenly spaced places on a way of `spans` spans -> (the span of each frame, how far it is in it in 0..1, float64).

    The last frame is at the end, or in a loop one step before it, since the end is the first frame again.
    """
    at = torch.linspace(0, spans, frames + 1 if loop else frames, dtype=torch.float64)[:frames]
    span = at.floor().long().clamp_max(spans - 1)
    return span, at - span


def great_circle(a: Tensor, b: Tensor, share: Tensor) -> Tensor:
    """From a to b along the great circle between their directions, lengths going over evenly (Shoemake 1985). a, b: [..., D].

    share: [..., 1] in 0..1. Directions that are nearly parallel, or opposite, go straight.
    """
    long_a, long_b = a.norm(dim=-1, keepdim=True), b.norm(dim=-1, keepdim=True)
    unit_a, unit_b = a / long_a.clamp_min(1e-12), b / long_b.clamp_min(1e-12)
    angle = (unit_a * unit_b).sum(-1, keepdim=True).clamp(-1, 1).acos()
    sine = angle.sin()
    turned = (((1 - share) * angle).sin() * unit_a + (share * angle).sin() * unit_b) / sine.clamp_min(1e-6)
    return torch.where(
        sine > NEARLY_PARALLEL, turned * torch.lerp(long_a, long_b, share.expand_as(long_a)), torch.lerp(a, b, share)
    )
