"""What a family has to say so that the trainer can train it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from .draws import Draws
from .plan import Plan

TOTAL = "total"  # the loss that is minimized
Losses = dict[str, Tensor]


class Eye(Protocol):
    """What looks at pictures for a loss: (pictures [B, 3, H, W] in 0..1, taps) -> features by tap, such as a frozen VGG."""

    def __call__(self, images: Tensor, taps: Any) -> dict[str, Tensor]: ...


@dataclass(frozen=True)
class Batch:
    """content [B, 3, h, w] in 0..1. style [B, 3, H, W], for networks that take any style; which [B]: number of the style, for
    those that have a few of their own; target [B, 3, h, w], for those that learn from pairs. whole: pictures of the whole step
    when this is a part of it.
    """

    content: Tensor
    style: Tensor | None = None
    which: Tensor | None = None
    target: Tensor | None = None
    whole: int = 0

    @property
    def share(self) -> float:
        """Of the step's pictures."""
        return len(self.content) / self.whole if self.whole else 1.0

    def parts(self, most: int) -> Iterator[Batch]:
        """In parts of at most so many pictures."""
        count = len(self.content)
        for start in range(0, count, most):
            cut = slice(start, min(start + most, count))
            more = {n: x[cut] for n in ("style", "which", "target") if (x := getattr(self, n)) is not None}
            yield Batch(self.content[cut], whole=self.whole or count, **more)

    def to(self, device: torch.device) -> Batch:
        """On a device."""
        moved = {n: x.to(device) for n in ("content", "style", "which", "target") if (x := getattr(self, n)) is not None}
        return Batch(whole=self.whole, **moved)


@dataclass
class Recipe(ABC):
    """A network in training.

    network: what is trained, averaged and saved. family: name of its folder. A subclass adds its losses' weights as fields.
    """

    network: nn.Module
    family: str = field(default="", init=False)
    takes_style: bool = field(default=True, init=False)  # a style picture in every batch, or a few styles of its own
    micro_batches: bool = field(default=True, init=False)  # whether smaller batches, added up, are the same step

    @abstractmethod
    def step(self, batch: Batch, draws: Draws) -> Losses:
        """Named losses of a batch, means over its pictures; the one called `total` is minimized."""

    def backward(self, losses: Losses, share: float) -> None:
        """Gradients of the total, of a part of so large a share of the step's pictures."""
        (losses[TOTAL] * share if share != 1 else losses[TOTAL]).backward()

    @abstractmethod
    def sample(self, network: nn.Module, content: Tensor, style: Tensor) -> Tensor:
        """One picture [1, 3, h, w] in 0..1 that a network (this one, or its average) makes, not clamped."""

    @abstractmethod
    def export(self, network: nn.Module) -> dict[str, Tensor]:
        """Its tensors under the published names."""

    def file(self, network: nn.Module) -> dict[str, Tensor]:
        """What a file needs that a loader is to make a stylizer of by itself."""
        return self.export(network)

    def trained(self) -> list[nn.Parameter]:
        """What the optimizer moves."""
        return [p for p in self.network.parameters() if p.requires_grad]

    def optimizer(self, plan: Plan) -> torch.optim.Optimizer:
        """Adam as the plan says."""
        return torch.optim.Adam(
            self.trained(), lr=plan.rate, betas=plan.betas, weight_decay=plan.weight_decay, amsgrad=plan.amsgrad
        )

    def prepare(self, optimizer: torch.optim.Optimizer, plan: Plan, step: int) -> None:
        """Set what changes from step to step (counted from 0) before it is made: the rate."""
        for group in optimizer.param_groups:
            group["lr"] = plan.rate_at(step)

    def settings(self) -> Mapping[str, str]:
        """What the metadata of a saved file says beside the plan."""
        return {}
