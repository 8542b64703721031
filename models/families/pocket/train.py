"""Training Pocket, the built-in stylizer, on a person's own paintings (docs/training.md)."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from ...encoders.vgg import VGG
from ...training.draws import Draws
from ...training.plan import Plan
from ...training.recipe import Batch, Losses, Recipe
from .builtin import Losses as PocketLosses
from .builtin import TrainingPlan, training_step
from .network import Pocket

AUTHORS = Plan(steps=6000, batch=4, size=160, betas=(0.9, 0.99), schedule="cosine", clip=20.0, average=0.999)


@dataclass
class TrainPocket(Recipe):
    """A batch of contents, each in the style of its own painting, and one in its own style, which is to leave it as it is."""

    network: Pocket
    eye: VGG
    weights: TrainingPlan = field(default_factory=TrainingPlan)
    _losses: PocketLosses | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        self.family = "pocket"
        self.micro_batches = False  # the identity is of a batch's first picture

    def step(self, batch: Batch, draws: Draws) -> Losses:
        assert batch.style is not None
        if self._losses is None:
            self._losses = PocketLosses(self.eye, self.weights).to(batch.content.device)
        plan = TrainingPlan(
            styles=len(batch.style),
            contents=1,
            style_weight=self.weights.style_weight,
            covariance_weight=self.weights.covariance_weight,
            content_weight=self.weights.content_weight,
            identity_weight=self.weights.identity_weight,
        )
        return training_step(self.network, self._losses, batch.content, batch.style, plan)

    def sample(self, network: nn.Module, content: Tensor, style: Tensor) -> Tensor:
        height, width = (side // 8 * 8 for side in content.shape[2:])
        down, right = (side // 8 * 8 for side in style.shape[2:])
        return network(content[..., :height, :width], style[..., :down, :right])

    def export(self, network: nn.Module) -> dict[str, Tensor]:
        return {name: value.to(torch.float16) for name, value in network.state_dict().items()}
