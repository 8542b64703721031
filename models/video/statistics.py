"""Statistics of the content that hold for more than one frame, so that a stylized clip does not flicker.

Most stylizers move the content's means and variances to the style's. Those of a frame change with everything that enters or
leaves it, and with them the colors of all that stands still. Remembered from frame to frame they do not.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Literal

import torch
from torch import Tensor

from ..ops.moments import Moments
from ..ops.normalization import Statistics

Holding = Literal["fixed", "running", "scene"]


class ContentStatistics:
    """What a stylizer asks, of each statistic that it measures, what to use instead: measure, remember, use.

    fixed: the first frame's for the whole clip. scene: the first frame's of each scene. running: in each frame `inertia` times
    the remembered and the rest the measured, anew with each scene. cuts: first frames of scenes.
    One object goes with one clip, in one call or frame after frame: it counts frames by how often it is asked the same.
    """

    def __init__(self, holding: Holding = "running", cuts: Collection[int] = (), inertia: float = 0.9) -> None:
        if not 0 <= inertia < 1:
            raise ValueError(f"inertia is {inertia}: give a number from 0 up to, not including, 1")
        self.holding: Holding = holding
        self.inertia = inertia
        self.cuts = frozenset(cuts)
        self._remembered: dict[str, tuple[Tensor, ...]] = {}
        self._frames: dict[str, int] = {}

    def copy(self) -> ContentStatistics:
        """One that goes on from the same frame, for work that may have to be done again."""
        made = ContentStatistics(self.holding, self.cuts, self.inertia)
        made._remembered, made._frames = dict(self._remembered), dict(self._frames)
        return made

    def settle(self, name: str, measured: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """The values to use for the statistic `name` of the next frame, of the shapes of those that were measured."""
        frame = self._frames.get(name, 0)
        self._frames[name] = frame + 1
        known = self._remembered.get(name)
        if known is None or (self.holding != "fixed" and frame in self.cuts):
            known = measured
        elif self.holding == "running":
            known = tuple(torch.lerp(new, old.to(new), self.inertia) for old, new in zip(known, measured, strict=True))
        self._remembered[name] = known
        return tuple(old.to(new) for old, new in zip(known, measured, strict=True))

    def moments(self, name: str, measured: Moments) -> Moments:
        """The same for moments; frames or regions may change in size."""
        share = measured.weight.clamp_min(1)[:, None]
        scale = share[..., None] if measured.full else share
        mean, scatter = self.settle(name, (measured.mean, measured.scatter / scale))
        return Moments(measured.weight, mean, scatter * scale)

    def of_canvas(self) -> Callable[[Statistics], Statistics]:
        """What a canvas asks of the normalizations of one frame, which it tells apart by their order."""
        count = 0

        def settled(measured: Statistics) -> Statistics:
            nonlocal count
            count += 1
            mean, variance = self.settle(f"norm{count}", (measured.mean, measured.variance))
            return Statistics(mean, variance, measured.count)

        return settled
