"""Training AdaAttN (Liu et al. 2021, arXiv:2108.03647; Huage001/AdaAttN, Apache-2.0)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...canvas.plain import Plain
from ...ops.normalization import mean_variance_norm
from ...training.draws import Draws
from ...training.losses.features import moments_loss, squared, sum_of
from ...training.plan import Plan
from ...training.recipe import TOTAL, Batch, Eye, Losses, Recipe
from ..vgg import normalized_keys
from .network import DEEP, MIDDLE, SHALLOW, AdaAttNNetwork, Attention, Transformer

LEVELS = (1, 2, 3, 4, 5)
TAPS = tuple(f"relu{level}_1" for level in LEVELS)
MOST_POSITIONS = 64 * 64  # of a style that are looked at; more are drawn from
AUTHORS = Plan(steps=51000, batch=8, size=256, rate=2e-4)

Features = Mapping[str, Tensor]


def normed(x: Tensor) -> Tensor:
    """Every channel with mean 0 and deviation 1 (unbiased variance + 1e-5)."""
    return Plain().norm(x, mean_variance_norm)


def keys(features: Features, level: int) -> Tensor:
    """All levels up to this one at its size by nearest neighbor, normalized, side by side."""
    size = features[f"relu{level}_1"].shape[2:]
    below = [F.interpolate(features[f"relu{k}_1"], size) for k in range(1, level)]
    return torch.cat([normed(x) for x in (*below, features[f"relu{level}_1"])], dim=1)


def attended(query: Tensor, key: Tensor, value: Tensor, chosen: Tensor | None, eps: float) -> tuple[Tensor, Tensor]:
    """Mean and deviation of the style's values, weighted by softmax(query . key), for every position of the content.

    query [B, K, h, w], key [B, K, H, W], value [B, C, H, W]; chosen: positions of the style that are looked at.
    """
    key, flat = key.flatten(2), value.flatten(2).transpose(1, 2)
    if chosen is not None:
        key, flat = key[:, :, chosen], flat[:, chosen]
    weights = (query.flatten(2).transpose(1, 2) @ key).softmax(dim=-1)
    mean = weights @ flat
    deviation = (F.relu(weights @ flat.square() - mean.square()) + eps).sqrt()
    shape = (len(query), -1, *query.shape[2:])
    return mean.transpose(1, 2).reshape(shape), deviation.transpose(1, 2).reshape(shape)


@dataclass
class TrainAdaAttN(Recipe):
    """Global moments of the style, and locally what an attention without learned weights finds in it.

    eps: added below the root of attention's variance; the authors' 0 gives slopes up to 5e5 where it is nearly 0.
    """

    network: AdaAttNNetwork
    eye: Eye
    content_weight: float = 0.0
    global_weight: float = 10.0
    local_weight: float = 3.0
    eps: float = 1e-10

    def __post_init__(self) -> None:
        self.family = "adaattn"
        if self.network.config.skip is None or not isinstance(self.network.transformer, Transformer):
            raise ValueError("only AdaAttN's network for pictures can be trained on: the one for video has other losses")

    def trained(self) -> list[nn.Parameter]:
        return [p for name, p in self.network.named_parameters() if not name.startswith("encoder.")]

    def step(self, batch: Batch, draws: Draws) -> Losses:
        assert batch.style is not None
        with torch.no_grad():
            content, style = self.eye(batch.content, TAPS), self.eye(batch.style, TAPS)
        made = painted(self.network, content, style, draws, self.eps)
        seen = self.eye(made, TAPS)
        with torch.no_grad():
            local = [self._target(content, style, level, draws) for level in LEVELS[1:]]
        found = {
            "content": self.content_weight * sum_of(squared(normed(seen[t]), normed(content[t])) for t in TAPS[1:])
            if self.content_weight
            else made.new_zeros(()),
            "global": self.global_weight * sum_of(moments_loss(seen[tap], style[tap]) for tap in TAPS[1:]),
            "local": self.local_weight * sum_of(squared(seen[tap], t) for tap, t in zip(TAPS[1:], local, strict=True)),
        }
        return {**found, TOTAL: sum_of(found.values())}

    def _target(self, content: Features, style: Features, level: int, draws: Draws) -> Tensor:
        tap = f"relu{level}_1"
        chosen = few(style[tap], f"positions of the local loss {level}", draws)
        mean, deviation = attended(keys(content, level), keys(style, level), style[tap], chosen, 0.0)
        return deviation * normed(content[tap]) + mean

    def sample(self, network: nn.Module, content: Tensor, style: Tensor) -> Tensor:
        assert isinstance(network, AdaAttNNetwork)
        return painted(network, self.eye(content, TAPS), self.eye(style, TAPS), Draws(0, 0), self.eps)

    def export(self, network: nn.Module) -> dict[str, Tensor]:
        return {key: value for key, value in network.state_dict().items() if not key.startswith("encoder.")}

    def file(self, network: nn.Module) -> dict[str, Tensor]:
        """With the encoder, in the form of the normalized VGG-19, whose layer of colors is folded into the first already."""
        state, keys = network.state_dict(), normalized_keys()
        made = self.export(network)
        made |= {"encoder.0.weight": torch.eye(3)[:, :, None, None], "encoder.0.bias": torch.zeros(3)}
        for key, value in state.items():
            if key.startswith("encoder.convs."):
                name, _, part = key.removeprefix("encoder.convs.").rpartition(".")
                made[f"encoder.{keys[name]}.{part}"] = value
        return made


def few(style: Tensor, name: str, draws: Draws) -> Tensor | None:
    """Positions that are looked at, where there are more than the authors take."""
    count = style.shape[2] * style.shape[3]
    return draws.permutation(name, count)[:MOST_POSITIONS].to(style.device) if count > MOST_POSITIONS else None


def painted(network: AdaAttNNetwork, content: Features, style: Features, draws: Draws, eps: float) -> Tensor:
    """The picture of features [B, C, h, w] of all five taps, with gradients."""
    canvas, moved = Plain(), {}
    for level, attention in network.attentions.items():
        tap = f"relu{level}_1"
        chosen = few(style[tap], "positions of the style", draws) if level == SHALLOW else None
        moved[level] = _moved(attention, content, style, level, chosen, eps)
    assert isinstance(network.transformer, Transformer)
    both = moved[MIDDLE] + F.interpolate(moved[DEEP], scale_factor=2)
    deep = canvas.conv(both, network.transformer.merge_conv, 1, "reflect")
    return canvas.close(network.decoder.paint(canvas, deep, moved[SHALLOW]))


def _moved(attention: Attention, content: Features, style: Features, level: int, chosen: Tensor | None, eps: float) -> Tensor:
    tap = f"relu{level}_1"
    query, key, value = attention.f(keys(content, level)), attention.g(keys(style, level)), attention.h(style[tap])
    mean, deviation = attended(query, key, value, chosen, eps)
    return deviation * normed(content[tap]) + mean
