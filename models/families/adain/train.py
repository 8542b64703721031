"""Training AdaIN's decoder (Huang and Belongie 2017, arXiv:1703.06868; naoto0804/pytorch-AdaIN, MIT)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ...decoders.inverse_vgg import InverseVGG, InverseVGGConfig, inverse_names
from ...training.draws import Draws
from ...training.losses.features import mean_and_deviation, moments_loss, squared, sum_of
from ...training.plan import Plan
from ...training.recipe import TOTAL, Batch, Eye, Losses, Recipe
from . import level_keys

TAPS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
DEEPEST = TAPS[-1]
AUTHORS = Plan(steps=160000, batch=8, size=256, rate=1e-4, schedule="inverse", decay=5e-5)


def config_for(widths: dict[str, int]) -> InverseVGGConfig:
    """The mirror of an encoder's convolutions, by name: what comes in and goes out is exchanged."""
    names = inverse_names(4)
    shallower = [*names[1:], ""]
    return InverseVGGConfig(tuple((n, widths[n], widths[m] if m else 3) for n, m in zip(names, shallower, strict=True)))


def adain(content: Tensor, style: Tensor) -> Tensor:
    """Content features with the style's channel means and deviations (equation 8)."""
    (mean, deviation), (wanted, spread) = mean_and_deviation(content), mean_and_deviation(style)
    back = ((content - mean[..., None, None]) / deviation[..., None, None]) * spread[..., None, None]
    return back + wanted[..., None, None]


@dataclass
class TrainAdaIN(Recipe):
    """The decoder learns to give pictures whose relu4_1 are AdaIN's features, and whose moments at four taps are the style's."""

    network: InverseVGG
    eye: Eye
    content_weight: float = 1.0
    style_weight: float = 10.0

    def __post_init__(self) -> None:
        self.family = "adain"

    def step(self, batch: Batch, draws: Draws) -> Losses:
        assert batch.style is not None
        with torch.no_grad():
            styles = self.eye(batch.style, TAPS)
            target = adain(self.eye(batch.content, (DEEPEST,))[DEEPEST], styles[DEEPEST])
        seen = self.eye(self.network(target), TAPS)
        content = self.content_weight * squared(seen[DEEPEST], target)
        style = self.style_weight * sum_of(moments_loss(seen[tap], styles[tap]) for tap in TAPS)
        return {"content": content, "style": style, TOTAL: content + style}

    def sample(self, network: nn.Module, content: Tensor, style: Tensor) -> Tensor:
        target = adain(self.eye(content, (DEEPEST,))[DEEPEST], self.eye(style, (DEEPEST,))[DEEPEST])
        return network(target)[..., : content.shape[2], : content.shape[3]]

    def export(self, network: nn.Module) -> dict[str, Tensor]:
        assert isinstance(network, InverseVGG)
        state = network.state_dict()
        keys = level_keys(network.config.level)
        return {f"{key}.{part}": state[f"convs.{name}.{part}"] for name, key in keys.items() for part in ("weight", "bias")}
