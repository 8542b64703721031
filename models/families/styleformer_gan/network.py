"""Styleformer (Park and Kim 2021, arXiv:2106.07023): a generator of modulated attention, with the names of
Jeeseung-Park/Styleformer.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...generation.mapping import EqualLinear, MappingConfig, MappingNetwork
from ...generation.noise import Noise
from ...ops.fir import upsample

FIRST = 8
SLOPE = 0.2
EPS = 1e-8
NORM_EPS = 1e-5
FILTER = 4


@dataclass(frozen=True)
class GeneratorConfig:
    """widths: channels of 8 x 8, 16 x 16 ...; layers: blocks of each. heads: channels of a head, and the fewest heads.

    projected: positions that Linformer leaves at a resolution, 0 for full attention.
    """

    mapping: MappingConfig
    widths: tuple[int, ...]
    layers: tuple[int, ...]
    projected: tuple[int, ...]
    images: int = 3
    depth: int = 32
    least_heads: int = 1
    clamp: float | None = None

    @property
    def resolution(self) -> int:
        """Side of the pictures."""
        return FIRST << (len(self.widths) - 1)

    @property
    def rows(self) -> int:
        """Rows of W: the authors count every ToRGB, though each shares the next layer's."""
        return sum(self.layers) + len(self.widths)


class Attention(nn.Module):
    """Attention whose weights are modulated and demodulated, with noise, bias and leaky ReLU behind it."""

    q_weight: nn.Parameter
    k_weight: nn.Parameter
    v_weight: nn.Parameter
    w_weight: nn.Parameter
    u_weight: nn.Parameter

    def __init__(self, config: GeneratorConfig, channels: int, outputs: int, positions: int, projected: int) -> None:
        super().__init__()
        self.heads = max(config.least_heads, channels // config.depth)
        self.clamp = config.clamp
        self.affine1 = EqualLinear(config.mapping.style, 2 * channels)
        for name, rows in (("q", channels), ("k", channels), ("v", channels), ("w", outputs), ("u", outputs)):
            setattr(self, f"{name}_weight", nn.Parameter(torch.empty(rows, channels)))
        self.proj_weight = nn.Parameter(torch.empty(projected, positions)) if projected else None
        self.noise_strength = nn.Parameter(torch.empty(()))
        self.bias = nn.Parameter(torch.empty(outputs))
        self.noise_const: Tensor
        self.register_buffer("noise_const", torch.zeros(positions, 1))

    def forward(self, x: Tensor, w: Tensor, noise: Noise) -> Tensor:
        """x [B, positions, C], w [B, style] -> [B, positions, O]."""
        style, after = self.affine1(w).chunk(2, dim=1)
        x = F.layer_norm(x * style[:, None], x.shape[-1:], eps=NORM_EPS)
        q, k = (modulated(x, weight, style) for weight in (self.q_weight, self.k_weight))
        v = modulated(x, self.v_weight, style) * after[:, None]
        beside = modulated(v, self.u_weight, after)
        if self.proj_weight is not None:
            k, v = self.proj_weight @ k, self.proj_weight @ v
        q, k, v = (t.unflatten(2, (self.heads, -1)).transpose(1, 2) for t in (q, k, v))
        seen = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        y = modulated(seen, self.w_weight, after) + beside
        added = noise.of(self.noise_const, self.noise_strength, w.shape[0])
        if added is not None:
            y = y + added.reshape(-1, *self.noise_const.shape)
        y = F.leaky_relu(y + self.bias, SLOPE)
        return y if self.clamp is None else y.clamp(-self.clamp, self.clamp)


def modulated(x: Tensor, weight: Tensor, style: Tensor) -> Tensor:
    """x [B, P, I], already scaled by the style [B, I], times weight [O, I], demodulated -> [B, P, O]."""
    scale = (style.square() @ weight.square().t() + EPS).rsqrt()
    return (x @ weight.t()) * scale[:, None]


class ToRGB(nn.Module):
    """To colors, with demodulation."""

    def __init__(self, style: int, inputs: int, images: int) -> None:
        super().__init__()
        self.affine = EqualLinear(style, inputs)
        self.weight = nn.Parameter(torch.empty(images, inputs))
        self.bias = nn.Parameter(torch.empty(images))

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """x [B, P, I] -> [B, P, 3]."""
        style = self.affine(w)
        return modulated(x * style[:, None], self.weight, style) + self.bias


class Block(nn.Module):
    """One attention; the first of a resolution has positions, the last a ToRGB."""

    def __init__(self, config: GeneratorConfig, level: int, index: int) -> None:
        super().__init__()
        side, channels = FIRST << level, config.widths[level]
        last, top = index == config.layers[level] - 1, level == len(config.widths) - 1
        outputs = channels if not last or top else config.widths[level + 1]
        if level == 0 and index == 0:
            self.const = nn.Parameter(torch.empty(side * side, channels))
        self.pos_embedding = nn.Parameter(torch.empty(1, side * side, channels)) if index == 0 else None
        self.resample_filter: Tensor
        self.register_buffer("resample_filter", torch.zeros(FILTER, FILTER))
        self.enc = Attention(config, channels, outputs, side * side, config.projected[level])
        self.torgb = ToRGB(config.mapping.style, outputs, config.images) if last else None


class SynthesisNetwork(nn.Module):
    """W [B, rows, style] -> pictures [B, 3, R, R] in about -1..1."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.config = config
        for level, count in enumerate(config.layers):
            for index in range(count):
                self.add_module(f"b{FIRST << level}_{index}", Block(config, level, index))

    def forward(self, ws: Tensor, noise: Noise, side: int = 0) -> Tensor:
        """side: the picture as it is when this side is reached; 0 for the whole."""
        batch, row = ws.shape[0], 0
        x: Tensor = self.b8_0.const[None].expand(batch, -1, -1)  # type: ignore[union-attr, index]
        image: Tensor | None = None
        for level, count in enumerate(self.config.layers):
            size = FIRST << level
            block = None
            for index in range(count):
                block = getattr(self, f"b{size}_{index}")
                if block.pos_embedding is not None:
                    x = x + block.pos_embedding
                x = block.enc(x, ws[:, row], noise)
                row += 1
            assert block is not None
            assert block.torgb is not None
            colors = as_map(block.torgb(x, ws[:, row]), size)
            image = colors if image is None else colors + upsample(image, block.resample_filter)
            if size >= (side or self.config.resolution):
                break
            x = upsample(as_map(x, size), block.resample_filter).flatten(2).transpose(1, 2)
        assert image is not None
        return image


def as_map(x: Tensor, side: int) -> Tensor:
    """[B, side^2, C] -> [B, C, side, side]."""
    return x.transpose(1, 2).unflatten(2, (side, side))


class GeneratorNetwork(nn.Module):
    """Mapping and synthesis, by their published names."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.mapping = MappingNetwork(config.mapping)
        self.synthesis = SynthesisNetwork(config)
