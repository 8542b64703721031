"""Training StyleFormer (Wu et al., ICCV 2021; Wxl-stars/PytorchStyleFormer)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ...encoders.vgg import IMAGENET_MEAN, IMAGENET_STD
from ...training.draws import Draws
from ...training.losses.features import moments_loss, self_similarity_loss, sum_of
from ...training.plan import Plan
from ...training.recipe import TOTAL, Batch, Eye, Losses, Recipe
from .network import DECODER, StyleFormer, StyleFormerNetworks

TAPS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
OWN = "relu3_1"  # the transformer's features
AUTHORS = Plan(steps=794000, batch=10, size=256, rate=1e-4, betas=(0.8, 0.999), weight_decay=1e-4, amsgrad=True)


def moved(network: StyleFormer, content: Tensor, style: Tensor) -> Tensor:
    """Features [B, C, h, w] after A Z + b, by the bank of each one's style."""
    made = []
    for own, wanted in zip(content.split(1), style.split(1), strict=True):
        z, keys, guide = network.content(own)
        bank = network.bank(wanted)
        groups = [network.apply(z[g], network.look_up(keys, bank, g), guide[g]) for g in range(len(z))]
        made.append(torch.cat(groups)[None])
    return torch.cat(made)


def painted(network: StyleFormerNetworks, content: Tensor, style: Tensor) -> Tensor:
    """The pictures of relu3_1's features of photos and styles, with gradients, near 0..1."""
    made = network.b(moved(network.a, content, style))
    mean, std = (made.new_tensor(v)[:, None, None] for v in (IMAGENET_MEAN, IMAGENET_STD))
    return made * std + mean


@dataclass
class TrainStyleFormer(Recipe):
    """Moments of the style at four taps, and the photo's self-similarity at the deepest.

    eye: torchvision's VGG-16 with reflection. content_weight: squared, as the authors' code has it.
    """

    network: StyleFormerNetworks
    eye: Eye
    content_weight: float = 60.0
    style_weight: float = 1.0

    def __post_init__(self) -> None:
        self.family = "styleformer"

    def trained(self) -> list[nn.Parameter]:
        return [*self.network.a.parameters(), *self.network.b.parameters()]

    def step(self, batch: Batch, draws: Draws) -> Losses:
        assert batch.style is not None
        with torch.no_grad():
            content, style = self.eye(batch.content, TAPS), self.eye(batch.style, TAPS)
        made = painted(self.network, content[OWN], style[OWN])
        seen = self.eye(made[..., : batch.content.shape[2], : batch.content.shape[3]], TAPS)
        found = {
            "style": self.style_weight * sum_of(moments_loss(seen[tap], style[tap]) for tap in TAPS),
            "content": self.content_weight * self_similarity_loss(seen[TAPS[-1]], content[TAPS[-1]]),
        }
        return {**found, TOTAL: found["style"] + self.content_weight * found["content"]}

    def sample(self, network: nn.Module, content: Tensor, style: Tensor) -> Tensor:
        assert isinstance(network, StyleFormerNetworks)
        made = painted(network, self.eye(content, (OWN,))[OWN], self.eye(style, (OWN,))[OWN])
        return made[..., : content.shape[2], : content.shape[3]]

    def export(self, network: nn.Module) -> dict[str, Tensor]:
        names = {f"b.convs.{name}.": f"b.model.{place}." for name, place in DECODER.items()}
        made = {}
        for key, value in network.state_dict().items():
            start = key[: key.rfind(".") + 1]
            if not key.startswith("encoder."):
                made[names.get(start, start) + key[len(start) :]] = value
        return made
