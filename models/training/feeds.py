"""Batches of each kind, from sets of pictures and a step's draws alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch

from .draws import Draws
from .picture_set import PictureSet, paired
from .recipe import Batch
from .state import digest


@dataclass(frozen=True)
class OwnStyles:
    """For networks with a few styles of their own: contents, and the number of a style for each. sizes: of contents and styles in
    pixels. styles only counts for what a run is made of; the recipe has the pictures.
    """

    contents: PictureSet
    styles: PictureSet
    batch: int
    size: int

    @cached_property
    def digest(self) -> str:
        """Of both sets."""
        return digest(self.contents.digest, self.styles.digest)

    def __call__(self, draws: Draws) -> Batch:
        which = draws.integers("styles", 0, len(self.styles), (self.batch,))
        return Batch(self.contents.batch(draws, "content", self.batch, self.size), which=which)


@dataclass(frozen=True)
class AnyStyle:
    """For networks that take any style: a content and a style for each place of the batch."""

    contents: PictureSet
    styles: PictureSet
    batch: int
    size: int

    @cached_property
    def digest(self) -> str:
        """Of both sets."""
        return digest(self.contents.digest, self.styles.digest)

    def __call__(self, draws: Draws) -> Batch:
        contents = self.contents.batch(draws, "content", self.batch, self.size)
        return Batch(contents, self.styles.batch(draws, "style", self.batch, self.size))


@dataclass(frozen=True)
class Pairs:
    """Pictures and what is to become of them, cut at the same places."""

    contents: PictureSet
    targets: PictureSet
    batch: int
    size: int

    @cached_property
    def digest(self) -> str:
        """Of both sets."""
        return digest(self.contents.digest, self.targets.digest)

    @cached_property
    def pairs(self) -> list[tuple[int, int]]:
        """Numbers of pictures that belong together."""
        return paired(self.contents, self.targets)

    def __call__(self, draws: Draws) -> Batch:
        contents, targets = [], []
        for place in range(self.batch):
            first, second = self.pairs[int(draws.integers(f"pair {place}", 0, len(self.pairs)))]
            contents.append(self.contents.crop(draws, f"cut {place}", self.size, first))
            targets.append(self.targets.crop(draws, f"cut {place}", self.size, second))
        return Batch(torch.cat(contents), target=torch.cat(targets))
