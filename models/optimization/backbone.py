"""An encoder with its way back: features of a piece of a picture, and the gradient that they send to its pixels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from ..encoders.differentiable import DifferentiableVGG
from ..encoders.encoder import Encoder
from ..encoders.vgg import VGG


class Backbone(Protocol):
    """forward gives features without a graph, and what `backward` needs to bring gradients of some of them to the picture."""

    def forward(self, images: Tensor, taps: Sequence[str]) -> tuple[dict[str, Tensor], Any]: ...

    def backward(self, trace: Any, gradients: Mapping[str, Tensor]) -> Tensor: ...


class AutogradBackbone:
    """Any encoder, by PyTorch's own graph."""

    def __init__(self, encoder: Encoder) -> None:
        self.encoder = encoder

    def forward(self, images: Tensor, taps: Sequence[str]) -> tuple[dict[str, Tensor], Any]:
        """images [1, 3, h, w] -> features by tap, and the trace."""
        with torch.enable_grad():
            x = images.detach().requires_grad_()
            levels = self.encoder.encoding(x, taps)
        return {tap: f.detach() for tap, f in levels.items()}, (x, levels)

    def backward(self, trace: Any, gradients: Mapping[str, Tensor]) -> Tensor:
        """The gradient of the picture [1, 3, h, w] from those of features."""
        x, levels = trace
        return torch.autograd.grad([levels[tap] for tap in gradients], x, list(gradients.values()))[0]


def backbone_of(encoder: Encoder, beat: Callable[[], None]) -> Backbone:
    """The fastest way through an encoder and back. beat: called between layers where that is possible; it may raise to stop."""
    if isinstance(encoder.module, VGG) and encoder.multiple == 1:
        return DifferentiableVGG(encoder.module, beat)
    return AutogradBackbone(encoder)
