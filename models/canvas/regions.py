"""Regions of a picture with a style each: statistics of a region alone, and what the normalizations make of it, joined."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import torch
from torch import Tensor

from ..ops.masks import at_size, partition
from ..ops.moments import Moments
from ..ops.normalization import ScaleShift
from .statistics import NUMBERS_AT_ONCE

LEAST_WEIGHT = 2.0  # positions below which a region has no statistics of its own
LEAST_SHARE = 1e-12


class Regions:
    """Masks [1, 1, H, W] in 0..1 of a picture, one for each region; where they sum to more than 1 they are scaled down.

    What none of them covers is one more region, the last.
    """

    def __init__(self, masks: Sequence[Tensor]) -> None:
        shares = partition(masks)
        self.masks = [*shares, 1 - torch.stack(shares).sum(0)]
        self._sized: dict[tuple[int, int], list[Tensor]] = {}

    @cached_property
    def covered(self) -> Tensor:
        """Where any region is, [1, 1, H, W]."""
        return 1 - self.masks[-1]

    def at(self, height: int, width: int) -> list[Tensor]:
        """The masks at the size of a map."""
        if (height, width) not in self._sized:
            self._sized[height, width] = [at_size(mask, height, width) for mask in self.masks]
        return self._sized[height, width]


def moments_under(x: Tensor, mask: Tensor) -> Moments:
    """Moments (diagonal) of a map [1, C, H, W] under a mask [1, 1, H, W], in double precision where the device has it.

    Strip by strip, and by products with the mask, which read channels-last memory as it lies.
    """
    precise = torch.float32 if x.device.type == "mps" else torch.float64
    rows = max(1, NUMBERS_AT_ONCE // (x.shape[1] * x.shape[3]))
    total: Moments | None = None
    for strip, part in zip(x.split(rows, dim=2), mask.split(rows, dim=2), strict=True):
        values = strip.float().permute(0, 2, 3, 1).reshape(-1, x.shape[1])
        share = part.float().reshape(1, -1)
        weight = share.sum(dim=1)
        mean = share @ values / weight.clamp_min(LEAST_SHARE)
        scatter = share @ (values - mean).square_()
        found = Moments(weight.to(precise), mean.to(precise), scatter.to(precise))
        total = found if total is None else total.merge(found)
    assert total is not None
    return total


def large_enough(mask: Tensor) -> bool:
    """Whether a region [1, 1, H, W] has statistics of its own; one that is too small takes those of the whole map."""
    return float(mask.sum()) > LEAST_WEIGHT


def joined(x: Tensor, by: Sequence[ScaleShift], masks: Sequence[Tensor]) -> Tensor:
    """x [1, C, H, W] after each region's scale and shift [1, C] where the region is; in x's kind of number."""
    where = torch.cat([mask[0] for mask in masks])  # [K, H, W]
    scale, shift = (torch.einsum("khw,kc->hwc", where, torch.cat(v)).permute(2, 0, 1)[None] for v in zip(*by, strict=True))
    return torch.addcmul(shift, x.float(), scale).to(x.dtype)
