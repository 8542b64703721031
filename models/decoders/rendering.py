"""Inverse VGG networks behind the decoders' common interface."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from ..ops.moments import Moments
from .inverse_vgg import InverseVGG


class InverseRendering:
    """One level in, pictures out; nothing of the whole picture is needed besides."""

    def __init__(self, network: InverseVGG) -> None:
        self.network = network
        level = network.config.level
        self.tap = f"relu{level}_1"
        self.strides = {self.tap: 2 ** (level - 1)}
        self.halo = network.halo
        # the padded input and the output of the widest convolution, enlarged input included
        self.bytes_per_pixel = 4.0 * 3 * max(i * 4.0 ** (1 - int(name[4])) for name, i, _ in network.config.widths)

    def condition(self, moments: Mapping[str, Moments]) -> Tensor | None:
        """Nothing."""
        return None

    def render(self, levels: Mapping[str, Tensor], condition: Tensor | None) -> Tensor:
        """[B, C, h, w] at the one level -> [B, 3, H, W]."""
        return self.network(levels[self.tap])
