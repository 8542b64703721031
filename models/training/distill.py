"""Distilling: a fast network learns from pairs what a slower method makes of pictures (Hinton et al. 2015, arXiv:1503.02531)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .draws import Draws
from .losses.features import gram, relative, sum_of
from .recipe import TOTAL, Batch, Eye, Losses, Recipe


@dataclass
class Distill(Recipe):
    """student: a recipe of one style whose network is trained; what it paints is held to the pairs' targets, as pixels, as
    features and by Gram matrices, all relative to the target's own.
    """

    student: Recipe
    eye: Eye
    taps: tuple[str, ...]
    pixel_weight: float = 4.0
    feature_weight: float = 1.0
    style_weight: float = 0.5

    def __init__(self, student: Recipe, eye: Eye, taps: tuple[str, ...]) -> None:
        super().__init__(student.network)
        self.student, self.eye, self.taps = student, eye, taps
        self.family, self.takes_style = f"{student.family}, distilled", False

    def step(self, batch: Batch, draws: Draws) -> Losses:
        assert batch.target is not None
        made = self.student.sample(self.network, batch.content, batch.content)
        seen = self.eye(made, self.taps)
        with torch.no_grad():
            wanted = self.eye(batch.target, self.taps)
        found = {
            "pixels": self.pixel_weight * F.l1_loss(made, batch.target),
            "features": self.feature_weight * sum_of(relative(seen[tap], wanted[tap]) for tap in self.taps),
            "style": self.style_weight * sum_of(relative(gram(seen[tap]), gram(wanted[tap])) for tap in self.taps),
        }
        return {**found, TOTAL: sum_of(found.values())}

    def sample(self, network: nn.Module, content: Tensor, style: Tensor) -> Tensor:
        return self.student.sample(network, content, style)

    def export(self, network: nn.Module) -> dict[str, Tensor]:
        return self.student.export(network)
