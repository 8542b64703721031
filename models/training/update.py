"""One step of a training: losses, gradients, and what the optimizer makes of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace

import torch
from torch import nn

from .draws import Draws
from .plan import Plan
from .recipe import TOTAL, Batch, Recipe


class NotFinite(ArithmeticError):
    """A loss or a gradient is NaN or infinite; the weights are as they were before the step."""


class Update:
    """Makes steps of a recipe with its optimizer."""

    def __init__(self, recipe: Recipe, plan: Plan, optimizer: torch.optim.Optimizer | None = None) -> None:
        self.recipe, self.plan = recipe, plan
        self.optimizer = optimizer or recipe.optimizer(plan)
        self.slower = 1.0  # the rate's factor, halved after steps that were not finite
        self.steps = plan.steps  # over which the rate's schedule goes

    def __call__(
        self,
        batch: Batch,
        draws: Draws,
        step: int,
        micro_batch: int = 0,
        look: Callable[[], None] = lambda: None,
        stepping: Callable[[], None] = lambda: None,
    ) -> dict[str, float]:
        """The losses before the update. micro_batch: pictures at once, 0 for all. look: called between parts; may raise to stop.
        stepping: called just before weights change.

        Raises NotFinite, and changes nothing then.
        """
        recipe, plan = self.recipe, self.plan
        recipe.network.train()
        self.optimizer.zero_grad(set_to_none=True)
        sums: dict[str, float] = {}
        device = batch.content.device.type
        low = plan.precision == "bfloat16"
        for part in batch.parts(micro_batch or len(batch.content)):
            look()
            with torch.autocast(device, torch.bfloat16) if low else nullcontext():
                losses = recipe.step(part, draws)
            recipe.backward(losses, part.share)
            for name, value in losses.items():
                sums[name] = sums.get(name, 0.0) + float(value.detach()) * part.share
        parameters = recipe.trained()
        if plan.clip:
            nn.utils.clip_grad_norm_(parameters, plan.clip)
        if not math.isfinite(sums[TOTAL]) or not finite_slopes(parameters):
            self.optimizer.zero_grad(set_to_none=True)
            raise NotFinite
        recipe.prepare(self.optimizer, replace(plan, steps=self.steps) if self.steps != plan.steps else plan, step)
        for group in self.optimizer.param_groups:
            group["lr"] *= self.slower
        stepping()
        self.optimizer.step()
        return sums


def finite_slopes(parameters: list[nn.Parameter]) -> bool:
    """Whether all gradients are numbers."""
    slopes = [p.grad for p in parameters if p.grad is not None]
    return bool(torch.stack([torch.isfinite(slope).all() for slope in slopes]).all()) if slopes else True
