"""AnimeGANv2's generator (Chen, Liu and Chen 2020; bryandlee/animegan2-pytorch, MIT), with its published parameter names."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import Tensor, nn

from ...canvas.convolution import Sides
from ...canvas.whole import Whole
from ...ops.normalization import layer_norm

SHRINK: Sides = (0, 1, 0, 1)  # borders of the strided convolutions: right and bottom


@dataclass(frozen=True)
class AnimeConfig:
    """width: channels of the first layer, 32 in published files."""

    width: int = 32


def normed(canvas: Any, h: Any, norm: nn.GroupNorm, active: bool = True) -> Any:
    """GroupNorm of one group, and LeakyReLU."""
    return canvas.norm(h, partial(layer_norm, weight=norm.weight, bias=norm.bias), "leaky" if active else "none")


class ConvNormLReLU(nn.ModuleDict):
    """Reflected borders, convolution, LayerNorm, LeakyReLU."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 3, stride: int = 1, groups: int = 1) -> None:
        conv = nn.Conv2d(inputs, outputs, kernel, stride, groups=groups, bias=groups > 1)
        super().__init__({"1": conv, "2": nn.GroupNorm(1, outputs)})

    def forward(self, canvas: Any, h: Any) -> Any:
        conv: nn.Conv2d = self["1"]  # type: ignore[assignment]
        borders = SHRINK if conv.stride[0] == 2 else (conv.kernel_size[0] // 2)
        return normed(canvas, canvas.conv(h, conv, borders, "reflect"), self["2"])  # type: ignore[arg-type]


class InvertedResBlock(nn.Module):
    """Widen by 1x1, depthwise 3x3, narrow by 1x1 (Sandler et al. 2018, arXiv:1801.04381)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        wide = 2 * inputs
        self.adds = inputs == outputs
        self.layers = nn.ModuleDict(
            {
                "0": ConvNormLReLU(inputs, wide, 1),
                "1": ConvNormLReLU(wide, wide, groups=wide),
                "2": nn.Conv2d(wide, outputs, 1, bias=False),
                "3": nn.GroupNorm(1, outputs),
            }
        )

    def forward(self, canvas: Any, h: Any, strength: float) -> Any:
        y = self.layers["1"](canvas, self.layers["0"](canvas, h))
        y = normed(canvas, canvas.conv(y, self.layers["2"]), self.layers["3"], active=False)  # type: ignore[arg-type]
        return canvas.add(h, y, strength) if self.adds else y


class Generator(nn.Module):
    """[B, 3, H, W] in -1..1 -> the same. Any H and W with corners aligned, else multiples of 4."""

    def __init__(self, config: AnimeConfig = AnimeConfig()) -> None:
        super().__init__()
        w, layer = config.width, ConvNormLReLU
        self.block_a = nn.ModuleList([layer(3, w, 7), layer(w, 2 * w, stride=2), layer(2 * w, 2 * w)])
        self.block_b = nn.ModuleList([layer(2 * w, 4 * w, stride=2), layer(4 * w, 4 * w)])
        inverted = [InvertedResBlock(4 * w, 8 * w), *(InvertedResBlock(8 * w, 8 * w) for _ in range(3))]
        self.block_c = nn.ModuleList([layer(4 * w, 4 * w), *inverted, layer(8 * w, 4 * w)])
        self.block_d = nn.ModuleList([layer(4 * w, 4 * w), layer(4 * w, 4 * w)])
        self.block_e = nn.ModuleList([layer(4 * w, 2 * w), layer(2 * w, 2 * w), layer(2 * w, w, 7)])
        self.out_layer = nn.ModuleDict({"0": nn.Conv2d(w, 3, 1, bias=False)})

    def paint(self, canvas: Any, h: Any, align_corners: bool = True, strength: float = 1.0) -> Any:
        """A map of the picture -> a map of the result. strength: of what the residual blocks change."""
        whole = canvas.size(h)
        for layer in self.block_a:
            h = layer(canvas, h)
        half = canvas.size(h)
        for layer in [*self.block_b, *self.block_c]:
            h = layer(canvas, h, strength) if isinstance(layer, InvertedResBlock) else layer(canvas, h)
        for layers, size in ((self.block_d, half), (self.block_e, whole)):
            h = canvas.resize(h, *size, align_corners)
            for layer in layers:
                h = layer(canvas, h)
        return canvas.conv(h, self.out_layer["0"], act="tanh")

    def forward(self, x: Tensor, align_corners: bool = True) -> Tensor:
        """The authors' forward pass."""
        canvas = Whole()
        return canvas.close(self.paint(canvas, canvas.open(x), align_corners))
