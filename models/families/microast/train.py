"""Training MicroAST (Wang et al. 2023, arXiv:2211.15313; EndyWon/MicroAST, MIT)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ...canvas.plain import Plain
from ...stylization.style import Style
from ...training.draws import Draws
from ...training.losses.features import moments_loss, squared, sum_of
from ...training.plan import Plan
from ...training.recipe import TOTAL, Batch, Eye, Losses, Recipe
from .modulation import WholeModulation
from .network import LEVELS, MicroAST

TAPS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
PARTS = ("mean", "std", "weight", "bias")
AUTHORS = Plan(steps=160000, batch=8, size=256, rate=1e-4, schedule="inverse", decay=5e-5)
LEAST = 1e-12

Signals = dict[str, Tensor]


def painted(network: MicroAST, content: Tensor, signals: Signals) -> Tensor:
    """One picture [1, 3, h, w] in 0..1 by a style's signals, with gradients."""
    canvas = Plain()
    by = WholeModulation(Style("training", {**signals, "alpha": content.new_ones(1, 1)}, ""))
    return canvas.close(network.paint(canvas, canvas.open(content), by))[..., : content.shape[2], : content.shape[3]]


def signals_of(network: MicroAST, style: Tensor) -> Signals:
    """The modulation signals of one picture [1, 3, h, w], with gradients."""
    canvas = Plain()
    return network.signals(canvas, canvas.open(style))


def distance(made: Signals, others: Signals, first_features: Signals) -> Tensor:
    """Squared differences of all signals; those of features of the first level are taken from `first_features`."""
    terms = []
    for level in LEVELS:
        for part in PARTS:
            wanted = first_features if level == LEVELS[0] and part in PARTS[:2] else others
            terms.append(squared(made[f"{level}.{part}"], wanted[f"{level}.{part}"]))
    return sum_of(terms)


@dataclass
class TrainMicroAST(Recipe):
    """Content at relu4_1, moments of the style at four taps, and signals that are nearer to the own style's than to others'.

    The last (section 3.3) needs several styles in a batch. Among the others' features of the first level the authors' code takes
    those of the other results, and so does this.
    """

    network: MicroAST
    eye: Eye
    content_weight: float = 1.0
    style_weight: float = 3.0
    contrast_weight: float = 3.0

    def __post_init__(self) -> None:
        self.family = "microast"
        self.micro_batches = False  # pictures of a batch are compared with each other

    def step(self, batch: Batch, draws: Draws) -> Losses:
        assert batch.style is not None
        signals = [signals_of(self.network, style[None]) for style in batch.style]
        pictures = [painted(self.network, c[None], s) for c, s in zip(batch.content, signals, strict=True)]
        made = torch.cat(pictures)
        seen = self.eye(made, TAPS)
        with torch.no_grad():
            styles, kept = self.eye(batch.style, TAPS), self.eye(batch.content, TAPS[-1:])[TAPS[-1]]
        found = {
            "content": self.content_weight * squared(seen[TAPS[-1]], kept),
            "style": self.style_weight * sum_of(moments_loss(seen[tap], styles[tap]) for tap in TAPS),
        }
        if len(signals) > 1:
            found["contrast"] = self.contrast_weight * self._contrast(signals, [signals_of(self.network, p) for p in pictures])
        return {**found, TOTAL: sum_of(found.values())}

    @staticmethod
    def _contrast(styles: list[Signals], results: list[Signals]) -> Tensor:
        terms = []
        for i, result in enumerate(results):
            near = distance(result, styles[i], styles[i])
            far = sum_of(distance(result, styles[j], results[j]) for j in range(len(styles)) if j != i)
            terms.append(near / far.clamp_min(LEAST))
        return sum_of(terms)

    def sample(self, network: nn.Module, content: Tensor, style: Tensor) -> Tensor:
        assert isinstance(network, MicroAST)
        return painted(network, content, signals_of(network, style))

    def export(self, network: nn.Module) -> dict[str, Tensor]:
        return dict(network.state_dict())
