"""The ResNet generator of CycleGAN (Zhu et al. 2017, arXiv:1703.10593; junyanz/pytorch-CycleGAN-and-pix2pix, BSD) and of CUT
(Park et al. 2020, arXiv:2007.15651; taesungp/contrastive-unpaired-translation, BSD).

Its parameters have their published names: places in an nn.Sequential.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import Tensor, nn

from ...canvas.convolution import Kernel
from ...canvas.norm import Norm
from ...canvas.whole import Whole
from .layout import DOWN_TAPS, Enlarging, binomial, places_of


@dataclass(frozen=True)
class ResnetConfig:
    """width: channels of the first layer. batch: batch instead of instance normalization. affine: instance norms with weights.
    biased: convolutions before a normalization have a bias. dropout: in the residual blocks. filtered: shrinks by a filter behind
    the layer instead of its stride. up: enlarges by a transposed convolution, by bilinear interpolation or by nearest neighbor.
    """

    width: int
    blocks: int
    inputs: int = 3
    outputs: int = 3
    batch: bool = False
    affine: bool = False
    biased: bool = True
    dropout: bool = False
    filtered: bool = False
    up: Enlarging = "transposed"


class ResnetBlock(nn.Module):
    """reflect, conv, norm, ReLU, (dropout), reflect, conv, norm, added to what came in."""

    def __init__(self, config: ResnetConfig) -> None:
        super().__init__()
        width = 4 * config.width
        second = 6 if config.dropout else 5  # dropout has a place, and is still when the network is used
        norm = partial(Norm, width, config.batch, config.affine)
        self.conv_block = nn.ModuleDict(
            {
                "1": nn.Conv2d(width, width, 3, bias=config.biased),
                "2": norm(),
                str(second): nn.Conv2d(width, width, 3, bias=config.biased),
                str(second + 1): norm(),
            }
        )

    def forward(self, canvas: Any, h: Any, strength: float) -> Any:
        """The map with strength times what the block adds."""
        first, norm, second, last = self.conv_block.values()
        y = norm(canvas, canvas.conv(h, first, 1, "reflect"), "relu")
        return canvas.add(h, last(canvas, canvas.conv(y, second, 1, "reflect"), "none"), strength)


class ResnetGenerator(nn.Module):
    """[B, inputs, H, W] in -1..1 -> [B, outputs, H, W] in -1..1; H and W rounded up to multiples of 4."""

    def __init__(self, config: ResnetConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.shrinking, blocks, self.enlarging, self.last = places_of(config.filtered, config.up, config.blocks)
        norm = partial(Norm, batch=config.batch, affine=config.affine)
        first, *shrinking = self.shrinking
        parts: dict[str, nn.Module] = {}
        parts[str(first)], parts[str(first + 1)] = nn.Conv2d(config.inputs, width, 7, bias=config.biased), norm(width)
        for place, channels in zip(shrinking, (width, 2 * width), strict=True):
            parts[str(place)] = nn.Conv2d(channels, 2 * channels, 3, 1 if config.filtered else 2, bias=config.biased)
            parts[str(place + 1)] = norm(2 * channels)
        parts |= {str(place): ResnetBlock(config) for place in blocks}
        for place, channels in zip(self.enlarging, (4 * width, 2 * width), strict=True):
            parts[str(place)] = self._enlarging(channels)
            parts[str(place + 1)] = norm(channels // 2)
        parts[str(self.last)] = nn.Conv2d(width, config.outputs, 7)
        self.model = nn.ModuleDict(parts)

    def _enlarging(self, channels: int) -> nn.Module:
        if self.config.up == "transposed":
            return nn.ConvTranspose2d(channels, channels // 2, 3, 2, 1, 1, bias=self.config.biased)
        return nn.Conv2d(channels, channels // 2, 3, bias=self.config.biased)

    def paint(self, canvas: Any, h: Any, strength: float = 1.0) -> Any:
        """A map of the picture -> a map of the result. strength: of what the residual blocks change."""
        for place in self.shrinking:
            first = place == self.shrinking[0]
            h = canvas.conv(h, self.model[str(place)], *((3, "reflect") if first else (1, "zeros")))
            h = self.model[str(place + 1)](canvas, h, "relu")
            if self.config.filtered and not first:
                h = canvas.conv(h, self._filter(place), 1, "reflect")
        for block in self.model.values():
            if isinstance(block, ResnetBlock):
                h = block(canvas, h, strength)
        for place in self.enlarging:
            h = self.model[str(place + 1)](canvas, self._enlarged(canvas, h, self.model[str(place)]), "relu")
        return canvas.conv(h, self.model[str(self.last)], 3, "reflect", "tanh")

    def _filter(self, place: int) -> Kernel:
        """The binomial filter of every channel by itself, at every second position."""
        like: Tensor = self.model[str(place)].weight  # type: ignore[assignment]
        return Kernel(binomial(DOWN_TAPS[0]).to(like).expand(like.shape[0], 1, -1, -1), None, (2, 2), like.shape[0])

    def _enlarged(self, canvas: Any, h: Any, layer: Any) -> Any:
        """To twice the size; the taps 1, 3, 3, 1 behind repeated borders are bilinear interpolation."""
        if self.config.up == "transposed":
            return canvas.transpose(h, layer)
        if self.config.up == "nearest":
            return canvas.doubled_conv(h, layer)
        height, width = canvas.size(h)
        return canvas.conv(canvas.resize(h, 2 * height, 2 * width, False), layer, 1)

    def forward(self, x: Tensor) -> Tensor:
        """The authors' forward pass in evaluation mode."""
        canvas = Whole()
        return canvas.close(self.paint(canvas, canvas.open(x)))
