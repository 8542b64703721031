"""What an objective measures on one map of features, in a form that tiles add up to exactly.

A term is computed in two steps. `summary` takes what the term needs from a piece of a map: sums over positions, or the positions
themselves; `value` makes the loss of the summary of the whole. Summaries of pieces are joined exactly, so the loss and its
gradient over tiles are those of the whole picture.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..ops.masks import at_size


@dataclass(frozen=True)
class Place:
    """Where a piece lies in its map: the first row and column, and the size.

    below, right: how many of its last rows and columns belong to its neighbors.
    """

    top: int
    left: int
    height: int
    width: int
    below: int = 0
    right: int = 0

    def cut(self, x: Tensor) -> Tensor:
        """The same place of another map [..., H, W]."""
        return x[..., self.top : self.top + self.height, self.left : self.left + self.width]

    @staticmethod
    def whole(x: Tensor) -> Place:
        """All of a map."""
        return Place(0, 0, x.shape[-2], x.shape[-1])


class Term(ABC):
    """One loss on the features [1, C, h, w] of one tap.

    window: a position's contribution reads that many rows and columns from it on; pieces come with window - 1 of them beyond
    their own where the map has them. linear: the loss is a sum over positions, so that its gradient needs no look at the whole
    first. jumps: the loss is not continuous (what it compares with is chosen anew in every step, by another measure).
    mask: [1, 1, H, W] in 0..1 of any size, where the term holds; None for everywhere.
    """

    window: int = 1
    linear: bool = False
    jumps: bool = False

    def __init__(self, tap: str, mask: Tensor | None = None) -> None:
        self.tap = tap
        self.mask = mask
        self._sized: Tensor | None = None

    @abstractmethod
    def summary(self, f: Tensor, place: Place) -> Tensor:
        """What the value is made of, of a piece f [1, C, h, w]."""

    @abstractmethod
    def value(self, summary: Tensor) -> Tensor:
        """The loss, a scalar."""

    def begin(self, height: int, width: int, chance: torch.Generator) -> None:
        """Called before every step with the size of the whole map: masks are brought to it, what is drawn by chance is drawn."""
        if self.mask is not None and (self._sized is None or self._sized.shape[-2:] != (height, width)):
            self._sized = at_size(self.mask, height, width)

    def weights(self, place: Place) -> Tensor | None:
        """The mask over a piece [1, 1, h, w], or None."""
        return None if self._sized is None else place.cut(self._sized)

    def join(self, summaries: Sequence[Tensor]) -> Tensor:
        """The summary of all pieces, for `value`: here their sum."""
        return summaries[0] if len(summaries) == 1 else torch.stack(list(summaries)).sum(0)

    def __call__(self, f: Tensor) -> Tensor:
        """The loss of a whole map [1, C, h, w]."""
        return self.value(self.join([self.summary(f, Place.whole(f))]))


def flat_map(f: Tensor) -> Tensor:
    """[1, C, h, w] -> [C, h * w]. Not by an index: the slope of one is a copy into zeros, in another order of memory."""
    return f.flatten(2).squeeze(0)


class PictureTerm(ABC):
    """One loss on the whole picture that no tile knows a part of, such as what CLIP thinks of it."""

    @abstractmethod
    def value(self, picture: Tensor, chance: torch.Generator) -> Tensor:
        """The loss, a scalar, of [1, 3, H, W] in 0..1. The same generator state gives the same draw."""
