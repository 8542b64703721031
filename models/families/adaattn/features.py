"""What AdaAttN takes from a picture: relu3_1, relu4_1 and relu5_1 whole, and of the shallower ones as much as their keys need."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ...canvas.statistics import moments_of, statistics_of
from ...encoders.vgg import VGG
from ...ops.normalization import ScaleShift, Statistics, mean_variance_norm
from .network import SHALLOW

Settle = Callable[[Statistics], Statistics]


def measured(statistics: Statistics) -> Statistics:
    """Statistics as they are."""
    return statistics


@dataclass(frozen=True)
class Level:
    """relu<k>_1 of one picture, [1, C, h, w], and the maps its keys are made of: shallow ones first, thinned to its size."""

    values: Tensor
    keys: tuple[Tensor, ...]

    def norms(self, settle: Settle = measured) -> tuple[ScaleShift, ...]:
        """Of each map of the keys, the scale and shift that make its mean 0 and its deviation 1; the last are the values' own.

        settle: measured statistics -> those to use.
        """
        return tuple(mean_variance_norm(settle(statistics_of(moments_of(x)))) for x in self.keys)


def rows(x: Tensor) -> Tensor:
    """A map [1, C, h, w] as positions [h w, C]: a view where it is laid out channels-last."""
    return x[0].permute(1, 2, 0).flatten(0, 1)


def keys_at(level: Level, norms: Sequence[ScaleShift], where: slice | Tensor) -> Tensor:
    """Normalized keys [N, K] of positions `where`."""
    parts = zip(level.keys, norms, strict=True)
    return torch.cat([torch.addcmul(shift, rows(x)[where], scale) for x, (scale, shift) in parts], dim=1)


def look(canvas: Any, encoder: VGG, picture: Tensor, wanted: Collection[int], shallow: bool) -> dict[int, Level]:
    """The wanted levels, 3 or deeper, of a picture [1, 3, H, W] in 0..1 whose sides are multiples of the deepest one's stride.

    shallow: their keys are made of all levels up to their own, brought to its size by nearest neighbor, not of their own alone.
    """
    h = canvas.open(picture)
    found: dict[int, Tensor] = {}
    for name, conv in encoder.convs.items():
        level, first = int(name[4]), name.endswith("_1")
        if first and level > 1:
            h = canvas.max_pool(h)
        h = canvas.conv(h, conv, 1, "reflect", "relu")
        if first and (shallow or level in wanted):
            found[level] = canvas.every(h, 2 ** max(SHALLOW - level, 0))
        if first and level == max(wanted):
            break
    return {level: _level(found, level, shallow) for level in wanted}


def _level(found: Mapping[int, Tensor], level: int, shallow: bool) -> Level:
    below = range(1, level) if shallow else ()
    thinned = (found[k][:, :, :: _step(k, level), :: _step(k, level)] for k in below)
    return Level(found[level], (*(x.contiguous(memory_format=torch.channels_last) for x in thinned), found[level]))


def _step(shallow: int, deep: int) -> int:
    """Positions of a shallower map, at relu3_1's size or its own, for one of a deeper map: nearest neighbor takes the first."""
    return 2 ** (deep - max(shallow, SHALLOW))
