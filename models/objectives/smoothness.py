"""Losses that keep neighboring pixels alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from .objective import Objective, Scene
from .term import Place, Term

Variation = Literal["absolute", "squared"]


class VariationTerm(Term):
    """Total variation: differences of neighbors, down and to the right, summed and divided by the number of values.

    "absolute" adds their sizes (Rudin, Osher and Fatemi 1992, as jcjohnson/neural-style has it): flat areas with sharp edges.
    "squared" adds their squares (Mahendran and Vedaldi 2015, arXiv:1412.0035, beta = 2): soft everywhere.
    """

    linear = True
    window = 2

    def __init__(self, tap: str, kind: Variation = "absolute", mask: Tensor | None = None) -> None:
        super().__init__(tap, mask)
        self.kind = kind
        self.count = 1.0

    def begin(self, height: int, width: int, chance: torch.Generator) -> None:
        super().begin(height, width, chance)
        self.count = 3.0 * height * width

    def summary(self, f: Tensor, place: Place) -> Tensor:
        """Differences that start in the piece: its last row and column beyond the core only serve those before them."""
        core_height, core_width = place.height - place.below, place.width - place.right
        down = f[:, :, 1:, :core_width] - f[:, :, :-1, :core_width]
        right = f[:, :, :core_height, 1:] - f[:, :, :core_height, :-1]
        total = f.new_zeros(())
        weights = self.weights(place)
        for difference in (down, right):
            size = difference.abs() if self.kind == "absolute" else difference.square()
            if weights is not None:
                size = size * weights[..., : size.shape[2], : size.shape[3]]
            total = total + size.sum()
        return total / self.count

    def value(self, summary: Tensor) -> Tensor:
        return summary


@dataclass(frozen=True, repr=False)
class SmoothnessObjective(Objective):
    """Total variation of the picture that is made, seen through the pixel encoder. mask: where it holds."""

    kind: Variation = "absolute"
    mask: Tensor | None = None

    @property
    def title(self) -> str:
        return f"total variation, {self.kind}"

    def terms(self, scene: Scene) -> list[tuple[float, Term]]:
        return [(1.0, VariationTerm("pixels", self.kind, scene.mask(self.mask)))]
