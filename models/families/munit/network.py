"""The networks of MUNIT (Huang et al. 2018, arXiv:1804.04732; NVlabs/MUNIT, CC BY-NC-SA 4.0), published names kept.

UNIT and FUNIT are made of the same encoder and decoder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any, Literal

import torch
from torch import Tensor, nn

from ...canvas.norm import Norm
from ...canvas.whole import Whole
from ...ops.normalization import adaptive_instance_norm, munit_layer_norm

Residual = Callable[[Any, Any, bool], Any]  # canvas, map, active -> normalized map


@dataclass(frozen=True)
class ContentConfig:
    """width: channels of the first layer. downs: strided layers. blocks: residual blocks."""

    width: int
    downs: int
    blocks: int

    @property
    def deep(self) -> int:
        """Channels of the content."""
        return self.width << self.downs


class MunitLayerNorm(nn.Module):
    """gamma and beta of MUNIT's layer normalization."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma, self.beta = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))


class ConvUnit(nn.Module):
    """A convolution with reflected borders; `norm` where its normalization has parameters."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, layer_norm: bool = False) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride)
        self.norm = MunitLayerNorm(outputs) if layer_norm else None

    def forward(self, canvas: Any, h: Any) -> Any:
        """The convolution alone: half of its kernel goes beyond the borders."""
        return canvas.conv(h, self.conv, (self.conv.kernel_size[0] - 1) // 2, "reflect")


class ResBlock(nn.Module):
    """conv, norm, ReLU, conv, norm, added to what came in."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.model = nn.ModuleList([ConvUnit(width, width, 3), ConvUnit(width, width, 3)])

    def forward(self, canvas: Any, h: Any, norm: Residual) -> Any:
        y = norm(canvas, self.model[0](canvas, h), True)
        return canvas.add(h, norm(canvas, self.model[1](canvas, y), False))


class ResBlocks(nn.Module):
    """Several of them."""

    def __init__(self, blocks: int, width: int) -> None:
        super().__init__()
        self.model = nn.ModuleList(ResBlock(width) for _ in range(blocks))

    def forward(self, canvas: Any, h: Any, norm: Residual) -> Any:
        for block in self.model:
            h = block(canvas, h, norm)
        return h


def plain(canvas: Any, h: Any, active: bool) -> Any:
    """Instance normalization."""
    return Norm.of_nothing(canvas, h, "relu" if active else "none")


def adaptive(parameters: Tensor, width: int) -> Residual:
    """AdaIN with the next parameters each time it is called: for every layer in order, means and then factors, [B,
    layers*2*C].
    """
    pieces: Iterator[Tensor] = iter(parameters.split(width, dim=1))

    def norm(canvas: Any, h: Any, active: bool) -> Any:
        mean, std = next(pieces), next(pieces)
        return canvas.norm(h, partial(adaptive_instance_norm, mean=mean, std=std), "relu" if active else "none")

    return norm


class ContentEncoder(nn.Module):
    """A picture's map -> its content, [B, deep, H/2^downs, W/2^downs]."""

    def __init__(self, config: ContentConfig) -> None:
        super().__init__()
        width = config.width
        downs = [ConvUnit(width << i, width << (i + 1), 4, 2) for i in range(config.downs)]
        self.model = nn.ModuleList([ConvUnit(3, width, 7), *downs, ResBlocks(config.blocks, config.deep)])

    def forward(self, canvas: Any, h: Any) -> Any:
        *convs, blocks = self.model
        for unit in convs:
            h = plain(canvas, unit(canvas, h), True)
        return blocks(canvas, h, plain)


class StyleEncoder(nn.Module):
    """Pictures [B, 3, H, W] in -1..1 -> style codes [B, style]; any size from 32 pixels."""

    def __init__(self, width: int, downs: int, style: int) -> None:
        super().__init__()
        units = [ConvUnit(3, width, 7)]
        units += [ConvUnit(width << min(i, 2), width << min(i + 1, 2), 4, 2) for i in range(downs)]
        self.model = nn.ModuleDict(
            {**{str(i): unit for i, unit in enumerate(units)}, str(downs + 2): nn.Conv2d(width << 2, style, 1)}
        )

    def forward(self, x: Tensor) -> Tensor:
        canvas = Whole()
        *units, last = self.model.values()
        h = canvas.open(x)
        for unit in units:
            h = canvas.act(unit(canvas, h), "relu")
        return nn.functional.linear(h.mean(dim=(2, 3)), last.weight.flatten(1), last.bias)  # type: ignore[union-attr, arg-type]


class Decoder(nn.Module):
    """A content -> a map of the picture. ups: what normalizes the layers that enlarge, MUNIT's layer norm or instance norm."""

    def __init__(self, config: ContentConfig, ups: Literal["layer", "instance"]) -> None:
        super().__init__()
        parts: dict[str, nn.Module] = {"0": ResBlocks(config.blocks, config.deep)}
        for i in range(config.downs):
            width = config.deep >> i
            parts[str(2 + 2 * i)] = ConvUnit(width, width // 2, 5, layer_norm=ups == "layer")
        parts[str(1 + 2 * config.downs)] = ConvUnit(config.width, 3, 7)
        self.model = nn.ModuleDict(parts)

    def forward(self, canvas: Any, h: Any, norm: Residual) -> Any:
        blocks, *units, last = self.model.values()
        h = blocks(canvas, h, norm)
        for unit in units:
            h = canvas.doubled_conv(h, unit.conv, "reflect")
            if unit.norm is None:
                h = plain(canvas, h, True)
            else:
                h = canvas.norm(h, partial(munit_layer_norm, gamma=unit.norm.gamma, beta=unit.norm.beta), "relu")  # type: ignore[union-attr]
        return canvas.act(last(canvas, h), "tanh")


class LinearUnit(nn.Module):
    """A linear layer under its published name."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.fc = nn.Linear(inputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(x)


class MLP(nn.Module):
    """Style codes [B, style] -> AdaIN parameters; ReLU between the layers."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.model = nn.ModuleList(LinearUnit(a, b) for a, b in pairwise(widths))

    def forward(self, codes: Tensor) -> Tensor:
        *layers, last = self.model
        for layer in layers:
            codes = layer(codes).relu()
        return last(codes)


@dataclass(frozen=True)
class AdaINGenConfig:
    """style: numbers in a code. style_downs: strided layers of the style encoder. mlp: widths from code to parameters."""

    content: ContentConfig
    style_downs: int
    mlp: tuple[int, ...]

    @property
    def style(self) -> int:
        """Numbers in a style code."""
        return self.mlp[0]


class AdaINGen(nn.Module):
    """One domain's auto-encoder: content and style apart."""

    def __init__(self, config: AdaINGenConfig) -> None:
        super().__init__()
        self.config = config
        self.enc_style = StyleEncoder(config.content.width, config.style_downs, config.style)
        self.enc_content = ContentEncoder(config.content)
        self.dec = Decoder(config.content, "layer")
        self.mlp = MLP(config.mlp)

    def render(self, canvas: Any, content: Any, codes: Tensor) -> Any:
        """A map of the pictures of this domain with this content (used up) and these styles [B, style]."""
        return self.dec(canvas, content, adaptive(self.mlp(codes), self.config.content.deep))

    def forward(self, x: Tensor, codes: Tensor | None = None) -> Tensor:
        """x [B, 3, H, W] in -1..1 with its own style, or with others."""
        canvas = Whole()
        content = self.enc_content(canvas, canvas.open(x))
        return canvas.close(self.render(canvas, content, self.enc_style(x) if codes is None else codes))
