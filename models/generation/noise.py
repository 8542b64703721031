"""The noise that generators add to their maps: always the same, by chance, or none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import torch
from torch import Tensor

NoiseMode = Literal["const", "random", "none"]


class Noise:
    """Where a generator's layers get their noise from in one pass.

    seeds: for "random". One seed draws for the whole batch, layer by layer, as the authors' code does after
    torch.manual_seed(seed); one seed for each picture makes a picture independent of the batch it is in. The numbers are drawn
    on the CPU, so that every device has the same.
    """

    def __init__(self, mode: NoiseMode = "const", seeds: Sequence[int] = (0,)) -> None:
        self.mode: NoiseMode = mode
        self._given: Iterator[Tensor] | None = None
        self._sources = [torch.Generator().manual_seed(seed) for seed in seeds] if mode == "random" else []

    @classmethod
    def given(cls, maps: Sequence[Tensor]) -> Noise:
        """One map for each layer, in order, instead of the stored ones."""
        noise = cls("const")
        noise._given = iter(maps)
        return noise

    def draw(self, batch: int, shape: tuple[int, ...], like: Tensor) -> Tensor:
        """[batch, *shape], on the device and in the dtype of `like`."""
        if len(self._sources) == 1:
            drawn = torch.randn((batch, *shape), generator=self._sources[0])
        else:
            drawn = torch.cat([torch.randn((1, *shape), generator=source) for source in self._sources])
        return drawn.to(like)

    def of(self, stored: Tensor, strength: Tensor, batch: int) -> Tensor | None:
        """The noise of one layer: `stored` [...] in mode "const" or [batch, 1, ...] by chance, times its strength."""
        if self.mode == "none":
            return None
        if self.mode == "const":
            return (stored if self._given is None else next(self._given)) * strength
        return self.draw(batch, (1, *stored.shape), stored) * strength
