"""Training a network of many styles, and new styles of a trained one by their rows alone.

Dumoulin, Shlens and Kudlur 2017 (arXiv:1610.07629); magenta/image_stylization (Apache-2.0).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from ...canvas.plain import Plain
from ...training.draws import Draws
from ...training.losses.features import gram, relative, squared, squared_by_picture, sum_of
from ...training.plan import Plan
from ...training.recipe import TOTAL, Batch, Eye, Losses, Recipe
from ...training.tensorflow_adam import as_tensorflow
from . import NORM, ROOT
from .network import PasticheConfig
from .stylize import StyledPastiche

CONTENT_TAP = "relu3_3"
STYLE_TAPS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3")
AUTHORS = Plan(steps=40000, batch=16, size=256)
STYLE_WEIGHT = 1e-4
WIDTHS = {"small": 16, "published": 32}
SPREAD = 0.01  # of the weights at the start


def config_of(width: int, blocks: int = 5) -> PasticheConfig:
    """The published network from its first width on: 32 is as published."""
    return PasticheConfig((width, 2 * width, 4 * width), (2 * width, width), blocks)


def fresh(config: PasticheConfig, styles: int, seed: int) -> StyledPastiche:
    """A network to begin with: weights of deviation 0.01, gammas 1, betas 0."""
    network, generator = StyledPastiche(config, styles), torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in network.net.parameters():
            weight.normal_(0, SPREAD, generator=generator)
        for gamma in network.gammas.parameters():
            gamma.fill_(1)
    return network


def with_new_rows(network: StyledPastiche, styles: int) -> StyledPastiche:
    """The same convolutions, frozen, with `styles` new rows that begin at the mean of the known ones."""
    made = StyledPastiche(network.net.config, styles)
    made.net.load_state_dict(network.net.state_dict())
    made.net.requires_grad_(False)
    with torch.no_grad():
        for name in network.net.styled:
            for tables, known in ((made.gammas, network.gammas), (made.betas, network.betas)):
                tables[name].copy_(known[name].mean(dim=0, keepdim=True).expand(styles, -1))
    return made


def joined(network: StyledPastiche, new: StyledPastiche) -> StyledPastiche:
    """All styles of both, which have the same convolutions."""
    styles = len(next(network.gammas.parameters())) + len(next(new.gammas.parameters()))
    made = StyledPastiche(network.net.config, styles)
    made.net.load_state_dict(network.net.state_dict())
    with torch.no_grad():
        for name in network.net.styled:
            made.gammas[name].copy_(torch.cat([network.gammas[name], new.gammas[name]]))
            made.betas[name].copy_(torch.cat([network.betas[name], new.betas[name]]))
    return made


def table(network: StyledPastiche) -> dict[str, Tensor]:
    """The tensors under magenta's names, in TensorFlow's layout."""
    made: dict[str, Tensor] = {}
    for name in network.net.widths():
        made[f"{ROOT}{name}/weights"] = network.net.layers[name].weight.detach().permute(2, 3, 1, 0).contiguous()  # type: ignore[union-attr, operator]
        made[f"{ROOT}{name}{NORM}/gamma"] = network.gammas[name].detach()
        made[f"{ROOT}{name}{NORM}/beta"] = network.betas[name].detach()
    return made


@dataclass
class TrainCIN(Recipe):
    """Each picture of a batch learns one of the styles, drawn by chance; styles differ in gamma and beta alone.

    styles: the paintings, [1, 3, H, W] in 0..1 each. coefficients: by how much each style counts. content_weight,
    style_weight: as published for mean squared differences under VGG-16 with average pools; `relative_errors` as in Johnson's.
    known: the network whose styles the new ones are added to, where only rows are trained.
    """

    network: StyledPastiche
    eye: Eye
    styles: list[Tensor]
    coefficients: tuple[float, ...] = ()
    content_weight: float = 1.0
    style_weight: float = STYLE_WEIGHT
    relative_errors: bool = False
    content_tap: str = CONTENT_TAP
    style_taps: tuple[str, ...] = STYLE_TAPS
    known: StyledPastiche | None = None
    _grams: dict[Any, dict[str, Tensor]] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        self.family, self.takes_style = "cin", False

    def grams(self, like: Tensor) -> dict[str, Tensor]:
        """Of all styles by tap, [styles, C, C]."""
        key = like.device, like.dtype
        if key not in self._grams:
            with torch.no_grad():
                seen = [self.eye(style.to(like), self.style_taps) for style in self.styles]
                self._grams[key] = {t: torch.cat([gram(f[t], by_channels=False) for f in seen]) for t in self.style_taps}
        return self._grams[key]

    def prepare(self, optimizer: torch.optim.Optimizer, plan: Plan, step: int) -> None:
        assert isinstance(optimizer, torch.optim.Adam)
        as_tensorflow(optimizer, plan.rate_at(step), plan.betas, step)

    def step(self, batch: Batch, draws: Draws) -> Losses:
        assert batch.which is not None
        which, content = batch.which, batch.content
        made = styled(self.network, content, which)
        seen = self.eye(made, tuple(dict.fromkeys((self.content_tap, *self.style_taps))))
        with torch.no_grad():
            kept = self.eye(content, (self.content_tap,))[self.content_tap]
        counts = made.new_tensor(self.coefficients or (1.0,) * len(self.styles))[which]
        targets = {tap: grams[which] for tap, grams in self.grams(made).items()}
        if self.relative_errors:
            errors = [relative(gram(seen[t], False) * counts[:, None, None], targets[t] * counts[:, None, None]) for t in targets]
            found = {"content": self.content_weight * relative(seen[self.content_tap], kept)}
        else:
            errors = [(squared_by_picture(gram(seen[t], False), targets[t]) * counts).mean() for t in targets]
            found = {"content": self.content_weight * squared(seen[self.content_tap], kept)}
        found["style"] = self.style_weight * sum_of(errors)
        return {**found, TOTAL: sum_of(found.values())}

    def sample(self, network: nn.Module, content: Tensor, style: Tensor) -> Tensor:
        assert isinstance(network, StyledPastiche)
        count = len(next(network.gammas.parameters()))
        rows = [styled(network, content, torch.tensor([row], device=content.device)) for row in range(count)]
        return torch.cat([row[..., : content.shape[2], : content.shape[3]] for row in rows], dim=3)

    def export(self, network: nn.Module) -> dict[str, Tensor]:
        assert isinstance(network, StyledPastiche)
        return table(network if self.known is None else joined(self.known, network))


def styled(network: StyledPastiche, content: Tensor, which: Tensor) -> Tensor:
    """Pictures in 0..1 in the styles of these rows [B], with gradients."""
    canvas = Plain()
    affines = {name: [(network.gammas[name][which], network.betas[name][which])] for name in network.net.styled}
    made = canvas.close(network.net.paint(canvas, canvas.open(content), affines))
    return made[..., : content.shape[2], : content.shape[3]]
