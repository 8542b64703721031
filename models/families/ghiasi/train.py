"""Training the network of predicted styles: from its published weights on, as from nothing it takes days.

Ghiasi et al. 2017 (arXiv:1705.06830); magenta/arbitrary_image_stylization (Apache-2.0). Batch normalizations are live here:
files keep them, while networks that paint have them folded into their convolutions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...canvas.plain import Plain
from ...training.draws import Draws
from ...training.losses.features import gram, relative, squared, sum_of
from ...training.losses.pictures import total_variation
from ...training.plan import Plan
from ...training.recipe import TOTAL, Batch, Eye, Losses, Recipe
from ...training.tensorflow_adam import as_tensorflow
from ..cin import ROOT, turned
from ..cin.network import PasticheConfig, PasticheNet, contract_names
from . import EPS, INCEPTION_OUT, GhiasiConfig, params, published, styled_names
from .predictors import Inception, PredictorConfig, Unit, same_borders
from .stylize import GhiasiTransformer

CONTENT_TAP = "relu3_3"
STYLE_TAPS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3")
AUTHORS = Plan(steps=8000000, batch=8, size=256, rate=1e-5)
PREDICTOR_DECAY, CONTRACTING_DECAY = 0.9997, 0.999


class LiveNorm(nn.Module):
    """Batch normalization without gamma: by the batch's statistics in training, whose running means it keeps (biased ones)."""

    moving_mean: Tensor
    moving_variance: Tensor

    def __init__(self, channels: int, decay: float) -> None:
        super().__init__()
        self.decay = decay
        self.beta = nn.Parameter(torch.zeros(channels))
        self.register_buffer("moving_mean", torch.zeros(channels))
        self.register_buffer("moving_variance", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return F.batch_norm(x, self.moving_mean, self.moving_variance, None, self.beta, False, 0, EPS)
        mean = x.mean(dim=(0, 2, 3))
        variance = (x - mean[:, None, None]).square().mean(dim=(0, 2, 3))
        with torch.no_grad():
            for kept, now in ((self.moving_mean, mean), (self.moving_variance, variance)):
                kept.lerp_(now.to(kept), 1 - self.decay)
        scale = (variance + EPS).rsqrt()
        return x * scale[:, None, None] + (self.beta - mean * scale)[:, None, None]


class LivePastiche(PasticheNet):
    """The transformer with its contracting layers' normalizations."""

    def __init__(self, config: PasticheConfig) -> None:
        super().__init__(config)
        widths = self.widths()
        for name in contract_names():
            self.layers[name].register_parameter("bias", None)
        self.norms = nn.ModuleDict({name: LiveNorm(widths[name], CONTRACTING_DECAY) for name in contract_names()})

    def _conv(self, canvas: Any, h: Any, name: str, act: str = "none") -> Any:
        if name not in self.norms:
            return super()._conv(canvas, h, name, act)
        return canvas.act(self.norms[name](super()._conv(canvas, h, name)), act)


class LiveInception(Inception):
    """Inception-v3 with its normalizations."""

    def __init__(self, config: PredictorConfig) -> None:
        super().__init__(config)
        for layer in self.layers.values():
            layer.register_parameter("bias", None)
        self.norms = nn.ModuleDict({name: LiveNorm(size[0], PREDICTOR_DECAY) for name, size in config.shapes})

    def run(self, x: Tensor, unit: Unit) -> Tensor:
        layer: nn.Conv2d = self.layers[unit.name]  # type: ignore[assignment]
        if not unit.valid:
            x = same_borders(x, layer.kernel_size, unit.stride)
        return F.relu6(self.norms[unit.name](F.conv2d(x, layer.weight, None, unit.stride)))


class LiveGhiasi(nn.Module):
    """Transformer and predictor of magenta's checkpoint."""

    def __init__(self, config: GhiasiConfig) -> None:
        super().__init__()
        if config.predictor is None or config.mobile or config.net.separable:
            raise ValueError(
                "only magenta's own checkpoint can be trained on, with Inception-v3 and the plain transformer in one"
            )
        self.config = config
        self.transformer = GhiasiTransformer(config.net, config.vector)
        self.transformer.net = LivePastiche(config.net)
        self.predictor = LiveInception(config.predictor)

    def read(self, tensors: Mapping[str, Tensor]) -> LiveGhiasi:
        """Take the weights of a checkpoint."""
        state: dict[str, Tensor] = {}
        for key, name, back in self.names():
            state[key] = back(tensors[name])
        self.load_state_dict(state)
        return self

    def names(self) -> list[tuple[str, str, Any]]:
        """(own key, published name, published layout -> own) of every tensor."""
        found: list[tuple[str, str, Any]] = []
        net, linear = "transformer.net", lambda x: x[0, 0].t()
        for name in contract_names():
            found.append((f"{net}.layers.{name}.weight", f"{ROOT}{name}/weights", turned))
            found += [(f"{net}.norms.{name}.{part}", f"{ROOT}{name}/BatchNorm/{part}", _same) for part in NORM_PARTS]
        for name in styled_names(self.config.net.blocks):
            found.append((f"{net}.layers.{name}.weight", f"{published(name, False)}/weights", turned))
            for own, theirs in (("beta", "Conv"), ("gamma", "Conv_1")):
                found.append((f"transformer.{own}.{name}.weight", params(name, f"{theirs}/weights"), linear))
                found.append((f"transformer.{own}.{name}.bias", params(name, f"{theirs}/biases"), _same))
        for name in self.predictor.layers:
            found.append((f"predictor.layers.{name}.weight", f"{name}/weights", turned))
            found += [(f"predictor.norms.{name}.{part}", f"{name}/BatchNorm/{part}", _same) for part in NORM_PARTS]
        found.append(("predictor.out.weight", f"{INCEPTION_OUT}/weights", linear))
        return [*found, ("predictor.out.bias", f"{INCEPTION_OUT}/biases", _same)]


NORM_PARTS = ("beta", "moving_mean", "moving_variance")


def _same(x: Tensor) -> Tensor:
    return x


def painted(network: LiveGhiasi, content: Tensor, style: Tensor) -> Tensor:
    """Pictures in 0..1 in the predicted styles of others, with gradients."""
    canvas = Plain()
    affines = network.transformer.affines([network.predictor(style)])
    made = canvas.close(network.transformer.net.paint(canvas, canvas.open(content), affines))
    return made[..., : content.shape[2], : content.shape[3]]


@dataclass
class TrainGhiasi(Recipe):
    """Gram matrices of the style, content of the photo, and little total variation, under VGG-16 with average pools."""

    network: LiveGhiasi
    eye: Eye
    content_weight: float = 1.0
    style_weight: float = 5e-4
    variation: float = 1e4
    relative_errors: bool = False

    def __post_init__(self) -> None:
        self.family = "ghiasi"
        self.micro_batches = False  # batch normalization looks at the whole batch

    def prepare(self, optimizer: torch.optim.Optimizer, plan: Plan, step: int) -> None:
        assert isinstance(optimizer, torch.optim.Adam)
        as_tensorflow(optimizer, plan.rate_at(step), plan.betas, step)

    def step(self, batch: Batch, draws: Draws) -> Losses:
        assert batch.style is not None
        made = painted(self.network, batch.content, batch.style)
        seen = self.eye(made, STYLE_TAPS)
        with torch.no_grad():
            styles = {tap: gram(f, by_channels=False) for tap, f in self.eye(batch.style, STYLE_TAPS).items()}
            kept = self.eye(batch.content, (CONTENT_TAP,))[CONTENT_TAP]
        error = relative if self.relative_errors else squared
        found = {
            "content": self.content_weight * error(seen[CONTENT_TAP], kept),
            "style": self.style_weight * sum_of(error(gram(seen[tap], False), styles[tap]) for tap in STYLE_TAPS),
            "variation": self.variation * total_variation(made),
        }
        return {**found, TOTAL: sum_of(found.values())}

    def sample(self, network: nn.Module, content: Tensor, style: Tensor) -> Tensor:
        assert isinstance(network, LiveGhiasi)
        return painted(network, content, style)

    def export(self, network: nn.Module) -> dict[str, Tensor]:
        assert isinstance(network, LiveGhiasi)
        state, made = network.state_dict(), {}
        for key, name, back in network.names():
            tensor = state[key]
            if back is turned:
                tensor = tensor.permute(2, 3, 1, 0)
            elif back is not _same:
                tensor = tensor.t()[None, None]
            made[name] = tensor.contiguous()
        return made
