"""The transformer network of fast neural style (Johnson, Alahi and Fei-Fei 2016, arXiv:1603.08155), in every published form.

pytorch/examples (BSD-3-Clause) enlarges by nearest neighbor, rrmina/fast-neural-style-pytorch by transposed convolutions, with
plain or bottleneck blocks; the authors' own (jcjohnson/fast-neural-style) extends the picture by 40 pixels, lets the blocks eat
the borders up again, and ends in 150 tanh.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch.nn.functional as F
from torch import Tensor, nn

from ...canvas.norm import Norm
from ...canvas.whole import Whole
from ...ops.padding import pad_small

FRAME = 40
EATEN = 2  # positions that a block without padding loses on each side
TANH = 150.0

Range = Literal["rgb", "bgr", "imagenet", "caffe"]


@dataclass(frozen=True)
class JohnsonConfig:
    """down: channels of the three convolutions before the blocks. block: (channels, kernel) of a block's convolutions.

    up: channels of the two that enlarge. transposed: they are transposed convolutions. framed: the authors' borders.
    batch: batch instead of instance normalization. tanh: the last is 150 tanh. range: what the network takes and gives, 0..255
    in either order of colors, or normalized as for ImageNet's networks of PyTorch or of Caffe.
    """

    down: tuple[int, ...]
    blocks: int
    block: tuple[tuple[int, int], ...]
    up: tuple[int, ...]
    transposed: bool = False
    framed: bool = False
    batch: bool = False
    tanh: bool = False
    range: Range = "rgb"


class Layer(nn.Module):
    """A convolution and its normalization."""

    def __init__(self, conv: nn.Conv2d | nn.ConvTranspose2d, batch: bool) -> None:
        super().__init__()
        self.conv = conv
        self.norm = Norm(conv.out_channels, batch, affine=True)


class TransformerNet(nn.Module):
    """[B, 3, H, W] in the network's own range -> the same with sides rounded up to multiples of 4."""

    def __init__(self, config: JohnsonConfig) -> None:
        super().__init__()
        self.config = config
        inputs = (3, *config.down)
        strides = zip(inputs, config.down, (9, 3, 3), (1, 2, 2), strict=False)
        self.down = nn.ModuleList(Layer(nn.Conv2d(i, o, k, s), config.batch) for i, o, k, s in strides)
        self.blocks = nn.ModuleList(self._block(config.down[-1]) for _ in range(config.blocks))
        pairs = zip((config.down[-1], *config.up), config.up, strict=False)
        self.up = nn.ModuleList(Layer(self._enlarging(i, o), config.batch) for i, o in pairs)
        self.out = nn.Conv2d(config.up[-1], 3, 9)

    def _block(self, channels: int) -> nn.ModuleList:
        inputs = (channels, *(width for width, _ in self.config.block))
        layers = zip(inputs, self.config.block, strict=False)
        return nn.ModuleList(Layer(nn.Conv2d(i, o, k), self.config.batch) for i, (o, k) in layers)

    def _enlarging(self, inputs: int, outputs: int) -> nn.Conv2d | nn.ConvTranspose2d:
        if self.config.transposed:
            return nn.ConvTranspose2d(inputs, outputs, 3, 2, 1, 1)
        return nn.Conv2d(inputs, outputs, 3)

    def framed(self, x: Tensor) -> Tensor:
        """The picture with the borders that the network begins with."""
        return F.pad(pad_small(x, FRAME + 1), (FRAME,) * 4, mode="reflect") if self.config.framed else x

    def paint(self, canvas: Any, h: Any) -> Any:
        """A map of the framed picture -> a map of the result, before the factor of tanh."""
        borders = "zeros" if self.config.framed else "reflect"
        for layer in self.down:
            h = layer.norm(canvas, canvas.conv(h, layer.conv, layer.conv.kernel_size[0] // 2, borders), "relu")  # type: ignore[union-attr]
        for block in self.blocks:
            h = self._added(canvas, h, list(block))  # type: ignore[arg-type]
        for layer in self.up:
            transposed = self.config.transposed
            h = canvas.transpose(h, layer.conv) if transposed else canvas.doubled_conv(h, layer.conv, borders)
            h = layer.norm(canvas, h, "relu")  # type: ignore[operator]
        return canvas.conv(h, self.out, 4, borders, "tanh" if self.config.tanh else "none")

    def _added(self, canvas: Any, h: Any, layers: list[Layer]) -> Any:
        """A residual block; no activation after the sum."""
        y = h
        for number, layer in enumerate(layers):
            padding = 0 if self.config.framed else layer.conv.kernel_size[0] // 2
            y = canvas.conv(y, layer.conv, padding, "reflect")
            y = layer.norm(canvas, y, "relu" if number < len(layers) - 1 else "none")
        return canvas.add(canvas.cropped(h, EATEN) if self.config.framed else h, y)

    def scaled(self, y: Tensor) -> Tensor:
        """What `paint` made, in the network's own range."""
        return y * TANH if self.config.tanh else y

    def forward(self, x: Tensor) -> Tensor:
        """The authors' forward pass in evaluation mode."""
        canvas = Whole()
        return self.scaled(canvas.close(self.paint(canvas, canvas.open(self.framed(x)))))
