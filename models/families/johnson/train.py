"""Training a network of fast neural style on one painting (Johnson et al. 2016, arXiv:1603.08155; pytorch/examples, BSD-3)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from ...canvas.plain import Plain
from ...training.draws import Draws
from ...training.losses.features import gram, relative, squared, sum_of
from ...training.losses.pictures import total_variation
from ...training.plan import Plan
from ...training.recipe import TOTAL, Batch, Eye, Losses, Recipe
from . import parameters, pytorch_keys
from .network import JohnsonConfig, TransformerNet
from .stylize import RANGES

CONTENT_TAP = "relu2_2"
STYLE_TAPS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3")
AUTHORS = Plan(steps=41000, batch=4, size=256)
CONTENT_WEIGHT, STYLE_WEIGHT = 1e5, 1e10
WIDTHS = {"small": 16, "published": 32}
REACH, MIDDLE = 60.0, 127.5


def config_of(width: int, blocks: int = 5) -> JohnsonConfig:
    """pytorch/examples' network from its first width on: 32 is as published."""
    deep = 4 * width
    return JohnsonConfig((width, 2 * width, deep), blocks, ((deep, 3), (deep, 3)), (2 * width, width))


def fresh(config: JohnsonConfig, seed: int) -> TransformerNet:
    """A network to begin with, as PyTorch begins, but that its last layer reaches all of 0..255: at rates of 1e-3 it would
    take hundreds of steps to get there.
    """
    state = torch.random.get_rng_state()
    torch.manual_seed(seed)
    network = TransformerNet(config)
    torch.random.set_rng_state(state)
    with torch.no_grad():
        network.out.weight.mul_(REACH)
        network.out.bias.fill_(MIDDLE)  # type: ignore[union-attr]
    return network


def painted(network: TransformerNet, content: Tensor) -> Tensor:
    """What a network makes of pictures in 0..1, with gradients, in its own range and sides rounded up to multiples of 4."""
    canvas = Plain()
    values = RANGES[network.config.range]
    return network.scaled(canvas.close(network.paint(canvas, canvas.open(network.framed(values.into(content))))))


def published(network: TransformerNet) -> dict[str, Tensor]:
    """The tensors under pytorch/examples' names."""
    state = network.state_dict()
    blocks = {f"res{b + 1}.conv1.conv2d.weight": next(iter(state.values())) for b in range(network.config.blocks)}
    return {key: state[name] for name, key in parameters(pytorch_keys(blocks)).items()}


@dataclass
class TrainJohnson(Recipe):
    """The picture's Gram matrices become the painting's, its relu2_2 stays the photo's.

    styles: the painting, [1, 3, H, W] in 0..1, or several whose Gram matrices are averaged. content_weight, style_weight: as
    published for mean squared differences; with `relative_errors` errors are over the target's own size, so that weights near 1
    serve every encoder and picture. variation: weight of total variation (jcjohnson/fast-neural-style has some). range_weight: of
    what lies outside of 0..1, which a picture cannot show.
    """

    network: TransformerNet
    eye: Eye
    styles: list[Tensor]
    content_weight: float = CONTENT_WEIGHT
    style_weight: float = STYLE_WEIGHT
    variation: float = 0.0
    range_weight: float = 0.0
    relative_errors: bool = False
    content_tap: str = CONTENT_TAP
    style_taps: tuple[str, ...] = STYLE_TAPS
    _grams: dict[Any, dict[str, Tensor]] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        self.family, self.takes_style = "johnson", False

    def grams(self, like: Tensor) -> dict[str, Tensor]:
        """The painting's, by tap, made once for a device and precision."""
        key = like.device, like.dtype
        if key not in self._grams:
            with torch.no_grad():
                seen = [self.eye(style.to(like), self.style_taps) for style in self.styles]
                self._grams[key] = {t: torch.cat([gram(f[t]) for f in seen]).mean(dim=0, keepdim=True) for t in self.style_taps}
        return self._grams[key]

    def step(self, batch: Batch, draws: Draws) -> Losses:
        values, content = RANGES[self.network.config.range], batch.content
        made = values.back(painted(self.network, content))[..., : content.shape[2], : content.shape[3]]
        seen = self.eye(made, tuple(dict.fromkeys((self.content_tap, *self.style_taps))))
        with torch.no_grad():
            kept = self.eye(content, (self.content_tap,))[self.content_tap]
        error = relative if self.relative_errors else squared
        targets = self.grams(made)
        style = sum_of(error(gram(seen[tap]), targets[tap].expand(len(made), -1, -1)) for tap in self.style_taps)
        found = {
            "content": self.content_weight * error(seen[self.content_tap], kept),
            "style": self.style_weight * style,
        }
        if self.range_weight:
            found["range"] = self.range_weight * (made - made.clamp(0, 1)).square().mean()
        if self.variation:
            found["variation"] = self.variation * total_variation(made)
        return {**found, TOTAL: sum_of(found.values())}

    def sample(self, network: nn.Module, content: Tensor, style: Tensor) -> Tensor:
        assert isinstance(network, TransformerNet)
        made = RANGES[network.config.range].back(painted(network, content))
        return made[..., : content.shape[2], : content.shape[3]]

    def export(self, network: nn.Module) -> dict[str, Tensor]:
        assert isinstance(network, TransformerNet)
        return published(network)
