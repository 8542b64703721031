"""A frozen VGG as trainings look through it: the written-out reverse pass, within automatic differentiation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from .differentiable import DifferentiableVGG
from .vgg import VGG


class _Look(torch.autograd.Function):
    """Features at taps, whose slopes become the pictures'; weights get none."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, vgg: DifferentiableVGG, taps: tuple[str, ...]) -> tuple[Tensor, ...]:
        found, ctx.trace = vgg.forward(images.detach(), taps)
        ctx.vgg, ctx.taps = vgg, taps
        return tuple(found[tap] for tap in taps)

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor, None, None]:  # type: ignore[override]
        given = {tap: slope for tap, slope in zip(ctx.taps, slopes, strict=True) if slope is not None}
        return ctx.vgg.backward(ctx.trace, given), None, None


class Looking:
    """(images [B, 3, H, W] in 0..1, taps) -> features [B, C, h, w] by tap, with gradients for the images alone.

    The same numbers as the network's own up to rounding; in single precision on a processor its wide layers go through Winograd's
    tiles both ways. Gradients pass once.
    """

    def __init__(self, network: VGG) -> None:
        self.network = network
        self._fast = DifferentiableVGG(network)

    def __call__(self, images: Tensor, taps: Sequence[str]) -> dict[str, Tensor]:
        if images.dtype != torch.float32:
            return self.network(images, taps)
        if not (torch.is_grad_enabled() and images.requires_grad):
            return self._fast.forward(images, taps)[0]
        return dict(zip(taps, _Look.apply(images, self._fast, tuple(taps)), strict=True))
