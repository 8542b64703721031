"""StyleGAN's synthesis network (Karras et al. 2018, arXiv:1812.04948) with the positions and gains of NVlabs/stylegan.

Kernels are stored with their gains (He initialization's sqrt 2 among them) multiplied in, the constant, the biases and the noise
as published. Only the ToRGB of the highest resolution is used: the others are left from the growth of the network.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...generation.mapping import EqualLinear, MappingConfig, MappingNetwork
from ...generation.noise import Noise

FIRST = 4
SLOPE = 0.2
EPS = 1e-8
FUSED_FROM = 128  # side from which enlarging and the convolution behind it are one transposed convolution


@dataclass(frozen=True)
class GeneratorConfig:
    """widths: channels of 4 x 4, 8 x 8 ...; fused_from: side from which enlarging is part of a convolution."""

    mapping: MappingConfig
    widths: tuple[int, ...]
    images: int = 3
    fused_from: int = FUSED_FROM

    @property
    def resolution(self) -> int:
        """Side of the pictures."""
        return FIRST << (len(self.widths) - 1)

    @property
    def rows(self) -> int:
        """Rows of W, two for each resolution."""
        return 2 * len(self.widths)


class Epilogue(nn.Module):
    """Noise, bias, leaky ReLU, instance normalization and the scale and shift of a style (AdaIN)."""

    def __init__(self, style: int, channels: int, side: int) -> None:
        super().__init__()
        self.noise_const: Tensor
        self.register_buffer("noise_const", torch.zeros(side, side))
        self.noise_strength = nn.Parameter(torch.empty(channels))
        self.bias = nn.Parameter(torch.empty(channels))
        self.affine = EqualLinear(style, 2 * channels)

    def forward(self, x: Tensor, w: Tensor, noise: Noise) -> Tensor:
        """x [B or 1, C, H, W], w [B, style] -> [B, C, H, W]."""
        shift = self.bias[:, None, None]
        added = noise.of(self.noise_const, self.noise_strength[:, None, None], w.shape[0])
        x = F.leaky_relu(x + (shift if added is None else shift + added), SLOPE)
        x = F.instance_norm(x, eps=EPS)
        scale, move = self.affine(w)[:, :, None, None].chunk(2, dim=1)
        return torch.addcmul(move, x, scale + 1)


class SynthesisBlock(nn.Module):
    """The layers of one resolution."""

    def __init__(self, style: int, inputs: int, outputs: int, side: int, fused: bool) -> None:
        super().__init__()
        self.first, self.fused = side == FIRST, fused
        if self.first:
            self.const = nn.Parameter(torch.empty(outputs, side, side))
        else:
            # A transposed convolution has its kernel the other way round.
            self.conv0 = nn.Parameter(torch.empty((inputs, outputs, 4, 4) if fused else (outputs, inputs, 3, 3)))
        self.epilogue0 = Epilogue(style, outputs, side)
        self.conv1 = nn.Parameter(torch.empty(outputs, outputs, 3, 3))
        self.epilogue1 = Epilogue(style, outputs, side)

    def forward(self, x: Tensor | None, ws: Tensor, noise: Noise) -> Tensor:
        """x [B, I, H, W], or None for the first; ws [B, 2, style] -> [B, O, 2H, 2W]."""
        begun = self.const[None] if x is None else blurred(self.enlarged(x))
        y = self.epilogue0(begun, ws[:, 0], noise)
        return self.epilogue1(F.conv2d(y, self.conv1, padding=1), ws[:, 1], noise)

    def enlarged(self, x: Tensor) -> Tensor:
        """To twice the size through the first kernel."""
        if self.fused:
            return F.conv_transpose2d(x, self.conv0, stride=2, padding=1)
        return F.conv2d(F.interpolate(x, scale_factor=2, mode="nearest"), self.conv0, padding=1)


def blurred(x: Tensor) -> Tensor:
    """[1, 2, 1] / 4 along both axes, zeros beyond the borders."""
    channels = x.shape[1]
    line = x.new_tensor([0.25, 0.5, 0.25])
    return F.conv2d(x, torch.outer(line, line).expand(channels, 1, 3, 3), padding=1, groups=channels)


class SynthesisNetwork(nn.Module):
    """W [B, rows, style] -> pictures [B, 3, R, R] in about -1..1."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.config = config
        widths = config.widths
        for level, width in enumerate(widths):
            side = FIRST << level
            block = SynthesisBlock(config.mapping.style, widths[max(level - 1, 0)], width, side, side >= config.fused_from)
            self.add_module(f"b{side}", block)
        self.torgb = nn.Conv2d(widths[-1], config.images, 1)

    def forward(self, ws: Tensor, noise: Noise) -> Tensor:
        """Noise as stored, by chance, or none."""
        x: Tensor | None = None
        for level in range(len(self.config.widths)):
            x = getattr(self, f"b{FIRST << level}")(x, ws[:, 2 * level : 2 * level + 2], noise)
        assert x is not None
        return self.torgb(x)


class GeneratorNetwork(nn.Module):
    """Mapping and synthesis."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.mapping = MappingNetwork(config.mapping)
        self.synthesis = SynthesisNetwork(config)
