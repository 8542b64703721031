"""The parameters of instance and batch normalization as published generators have them."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import nn

from ..ops.normalization import EPS, batch_norm, instance_norm
from .activation import Activation


class Norm(nn.Module):
    """Parameters of one normalization, and how a canvas carries it out. eps: of instance normalization."""

    def __init__(self, channels: int, batch: bool = False, affine: bool = False, eps: float = EPS) -> None:
        super().__init__()
        self.batch, self.eps = batch, eps
        if batch or affine:
            self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))
        if batch:
            self.register_buffer("running_mean", torch.zeros(channels))
            self.register_buffer("running_var", torch.ones(channels))

    def forward(self, canvas: Any, h: Any, act: Activation, own: bool = False) -> Any:
        """own: batch normalization by the picture's own statistics, as in training with one picture."""
        weight, bias = getattr(self, "weight", None), getattr(self, "bias", None)
        if self.batch and not own:
            return canvas.affine(h, batch_norm(self.running_mean, self.running_var, weight, bias), act)  # type: ignore[arg-type]
        return canvas.norm(h, partial(instance_norm, weight=weight, bias=bias, eps=self.eps), act)

    @staticmethod
    def of_nothing(canvas: Any, h: Any, act: Activation) -> Any:
        """Instance normalization without parameters."""
        return canvas.norm(h, instance_norm, act)
