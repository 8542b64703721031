"""The transformer network of fast neural style (Johnson, Alahi and Fei-Fei 2016, arXiv:1603.08155), in every published form.

pytorch/examples (BSD-3-Clause) enlarges by nearest neighbor, rrmina/fast-neural-style-pytorch by transposed convolutions, with
plain or bottleneck blocks; the authors' own (jcjohnson/fast-neural-style) extends the picture by 40 pixels, lets the blocks eat
the borders up again, and ends in 150 tanh. lengstrom/fast-style-transfer has TensorFlow's borders of zeros and a normalization
before its 150 tanh; rrmina's TransformerNetworkV2 has blocks that begin with their normalizations; in
yakhyo/fast-neural-style-transfer blocks add twice what comes in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch.nn.functional as F
from torch import Tensor, nn

from ...canvas.convolution import Sides
from ...canvas.norm import Norm
from ...canvas.whole import Whole
from ...ops.normalization import EPS
from ...ops.padding import pad_small

FRAME = 40
EATEN = 2  # positions that a block without padding loses on each side
TANH = 150.0
MIDDLE = 127.5

Range = Literal["rgb", "bgr", "imagenet", "caffe"]


@dataclass(frozen=True)
class JohnsonConfig:
    """down: channels of the three convolutions before the blocks. block: (channels, kernel) of a block's convolutions.

    up: channels of the two that enlarge. transposed: they are transposed convolutions. framed: the authors' borders.
    batch: batch instead of instance normalization. tanh: the last is 150 tanh. range: what the network takes and gives, 0..255
    in either order of colors, or normalized as for ImageNet's networks of PyTorch or of Caffe. eps: of instance normalization.
    preactivated: blocks are norm, ReLU, convolution. carried: what a block adds its input by. same: TensorFlow's borders, the
    last layer normalized, and the middle of the range added to what tanh gives.
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
    eps: float = EPS
    preactivated: bool = False
    carried: float = 1.0
    same: bool = False


class Layer(nn.Module):
    """A convolution and its normalization. before: which comes first."""

    def __init__(self, conv: nn.Conv2d | nn.ConvTranspose2d, config: JohnsonConfig, before: bool = False) -> None:
        super().__init__()
        self.conv = conv
        self.norm = Norm(conv.in_channels if before else conv.out_channels, config.batch, affine=True, eps=config.eps)


class TransformerNet(nn.Module):
    """[B, 3, H, W] in the network's own range -> the same with sides rounded up to multiples of 4."""

    def __init__(self, config: JohnsonConfig) -> None:
        super().__init__()
        self.config = config
        inputs = (3, *config.down)
        strides = zip(inputs, config.down, (9, 3, 3), (1, 2, 2), strict=False)
        self.down = nn.ModuleList(Layer(nn.Conv2d(i, o, k, s), config) for i, o, k, s in strides)
        self.blocks = nn.ModuleList(self._block(config.down[-1]) for _ in range(config.blocks))
        pairs = zip((config.down[-1], *config.up), config.up, strict=False)
        self.up = nn.ModuleList(Layer(self._enlarging(i, o), config) for i, o in pairs)
        self.out = nn.Conv2d(config.up[-1], 3, 9)
        self.last = Norm(3, affine=True, eps=config.eps) if config.same else None

    def _block(self, channels: int) -> nn.ModuleList:
        inputs = (channels, *(width for width, _ in self.config.block))
        layers = zip(inputs, self.config.block, strict=False)
        return nn.ModuleList(Layer(nn.Conv2d(i, o, k), self.config, self.config.preactivated) for i, (o, k) in layers)

    def _enlarging(self, inputs: int, outputs: int) -> nn.Conv2d | nn.ConvTranspose2d:
        if self.config.same:
            return nn.ConvTranspose2d(inputs, outputs, 4, 2, 1)  # the published 3x3 behind a row and a column of zeros
        if self.config.transposed:
            return nn.ConvTranspose2d(inputs, outputs, 3, 2, 1, 1)
        return nn.Conv2d(inputs, outputs, 3)

    def framed(self, x: Tensor) -> Tensor:
        """The picture with the borders that the network begins with."""
        return F.pad(pad_small(x, FRAME + 1), (FRAME,) * 4, mode="reflect") if self.config.framed else x

    def paint(self, canvas: Any, h: Any) -> Any:
        """A map of the framed picture -> a map of the result, before the factor of tanh."""
        config = self.config
        borders = "zeros" if config.framed or config.same else "reflect"
        for layer in self.down:
            h = layer.norm(canvas, canvas.conv(h, layer.conv, self._sides(canvas, h, layer.conv), borders), "relu")  # type: ignore[union-attr, arg-type]
        for block in self.blocks:
            h = self._added(canvas, h, list(block), borders)  # type: ignore[arg-type]
        for layer in self.up:
            h = canvas.transpose(h, layer.conv) if config.transposed else canvas.doubled_conv(h, layer.conv, borders)
            h = layer.norm(canvas, h, "relu")  # type: ignore[operator]
        if self.last is not None:
            return self.last(canvas, canvas.conv(h, self.out, 4, borders), "tanh")
        return canvas.conv(h, self.out, 4, borders, "tanh" if config.tanh else "none")

    def _sides(self, canvas: Any, h: Any, conv: nn.Conv2d) -> int | Sides:
        """Borders that keep the size, or halve it rounded up; TensorFlow's stride begins at the first position of even sides."""
        reach = conv.kernel_size[0] // 2
        if not self.config.same or conv.stride[0] == 1:
            return reach
        height, width = canvas.size(h)
        return (width % 2, 1, height % 2, 1)

    def _added(self, canvas: Any, h: Any, layers: list[Layer], borders: str) -> Any:
        """A residual block; no activation after the sum."""
        if self.config.preactivated:
            y = canvas.fresh(h)
            for layer in layers:
                y = canvas.conv(layer.norm(canvas, y, "relu"), layer.conv, layer.conv.kernel_size[0] // 2, borders)
            return canvas.add(y, h, self.config.carried)
        y = h
        for number, layer in enumerate(layers):
            framed = self.config.framed
            y = canvas.conv(y, layer.conv, 0 if framed else layer.conv.kernel_size[0] // 2, borders)
            y = layer.norm(canvas, y, "relu" if number < len(layers) - 1 else "none")
        return canvas.add(y, canvas.cropped(h, EATEN) if self.config.framed else h, self.config.carried)

    def scaled(self, y: Tensor) -> Tensor:
        """What `paint` made, in the network's own range."""
        return y * TANH + (MIDDLE if self.config.same else 0.0) if self.config.tanh else y

    def forward(self, x: Tensor) -> Tensor:
        """The authors' forward pass in evaluation mode."""
        canvas = Whole()
        return self.scaled(canvas.close(self.paint(canvas, canvas.open(self.framed(x)))))
