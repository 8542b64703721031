"""MicroAST (Wang et al. 2023, arXiv:2211.15313; EndyWon/MicroAST, MIT): two micro encoders, a modulator and a micro decoder.

Parameters have their published names, below the names of the authors' four files. Written against `models/canvas`, so that
pictures of any size go through whole or in tiles.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from ...canvas.activation import Activation
from .modulation import Modulation

LEVELS = ("enc1", "enc2")
EPS = 1e-5


@dataclass(frozen=True)
class MicroASTConfig:
    """widths: channels at full, half and quarter size; published 16, 32, 64."""

    widths: tuple[int, int, int]


class Layer(nn.Module):
    """Reflection and a convolution."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.conv_layer = nn.Conv2d(inputs, outputs, kernel, stride, groups=groups)

    def forward(self, canvas: Any, h: Any, act: Activation = "none") -> Any:
        return canvas.conv(h, self.conv_layer, self.conv_layer.kernel_size[0] // 2, "reflect", act)


class Residual(nn.Module):
    """Two convolutions, added to what came in."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = Layer(channels, channels, 3), Layer(channels, channels, 3)

    def forward(self, canvas: Any, h: Any) -> Any:
        return canvas.add(h, self.conv2(canvas, self.conv1(canvas, canvas.fresh(h), "relu")))

    def modulated(self, canvas: Any, h: Any, by: Modulation, level: str) -> Any:
        """With both filters modulated."""
        x = by.filtered(canvas, canvas.fresh(h), self.conv1.conv_layer, level, "relu")
        return canvas.add(h, by.filtered(canvas, x, self.conv2.conv_layer, level, "none"))


class MicroEncoder(nn.Module):
    """A map of a picture in 0..1 -> features of two levels, at a quarter of its sides, rounded up."""

    def __init__(self, config: MicroASTConfig) -> None:
        super().__init__()
        full, half, quarter = config.widths
        self.enc1 = nn.ModuleDict(
            {
                "0": Layer(3, full, 9),
                "2": Layer(full, half, 3, 2, full),
                "4": Layer(half, half, 1),
                "6": Layer(half, quarter, 3, 2, half),
                "8": Layer(quarter, quarter, 1),
                "10": Residual(quarter),
            }
        )
        self.enc2 = nn.ModuleDict({"0": Residual(quarter)})

    def first(self, canvas: Any, h: Any) -> Any:
        """Level enc1."""
        *layers, block = self.enc1.values()
        for layer in layers:
            h = layer(canvas, h, "relu")
        return block(canvas, h)

    def second(self, canvas: Any, h: Any) -> Any:
        """Level enc2 from level enc1."""
        return self.enc2["0"](canvas, h)


class Modulator(nn.Module):
    """Features of the style -> factors of the decoder's filters: averages over positions of depthwise convolutions."""

    def __init__(self, config: MicroASTConfig) -> None:
        super().__init__()
        channels = config.widths[2]
        for name in ("weight1", "bias1", "weight2", "bias2"):
            self.add_module(name, nn.ModuleDict({"0": Layer(channels, channels, 3, groups=channels)}))

    def forward(self, canvas: Any, h: Any, what: str, level: str, mask: Tensor | None) -> Tensor:
        """The "weight" or "bias" of a level, [1, C], from its features; of what the mask covers."""
        layer = self.get_submodule(f"{what}{LEVELS.index(level) + 1}.0")
        return canvas.statistics(layer(canvas, h), mask).mean


class MicroDecoder(nn.Module):
    """Content features of level enc2 and a modulation -> the picture at four times the sides, not clamped."""

    def __init__(self, config: MicroASTConfig) -> None:
        super().__init__()
        full, half, quarter = config.widths
        self.dec1, self.dec2 = Residual(quarter), Residual(quarter)
        self.dec3 = nn.ModuleDict(
            {
                "1": Layer(quarter, half, 3, groups=half),
                "3": Layer(half, half, 1),
                "6": Layer(half, full, 3, groups=full),
                "8": Layer(full, full, 1),
                "10": Layer(full, 3, 9),
            }
        )

    def forward(self, canvas: Any, h: Any, by: Modulation) -> Any:
        for block, level in ((self.dec1, "enc2"), (self.dec2, "enc1")):
            h = block.modulated(canvas, by.features(canvas, h, level), by, level)
        for depthwise, pointwise in (("1", "3"), ("6", "8")):
            height, width = canvas.size(h)
            h = canvas.resize(h, 2 * height, 2 * width, align_corners=False)
            h = self.dec3[pointwise](canvas, self.dec3[depthwise](canvas, h, "relu"), "relu")
        return self.dec3["10"](canvas, h)


class MicroAST(nn.Module):
    """The four networks. Sides of pictures come back as multiples of 4, rounded up."""

    def __init__(self, config: MicroASTConfig) -> None:
        super().__init__()
        self.config = config
        self.content_encoder, self.style_encoder = MicroEncoder(config), MicroEncoder(config)
        self.modulator, self.decoder = Modulator(config), MicroDecoder(config)

    def signals(self, canvas: Any, h: Any, mask: Tensor | None = None) -> dict[str, Tensor]:
        """The modulation signals of a map of a style picture, [1, C] each, or of what a mask [1, 1, H, W] in 0..1 covers of it.

        std is the root of the unbiased variance + 1e-5, as the authors have it.
        """
        found: dict[str, Tensor] = {}
        for level in LEVELS:
            h = self.style_encoder.first(canvas, h) if level == "enc1" else self.style_encoder.second(canvas, h)
            statistics = canvas.statistics(h, mask)
            found[f"{level}.mean"] = statistics.mean
            found[f"{level}.std"] = (statistics.unbiased_variance + EPS).sqrt()
            for what in ("weight", "bias"):
                found[f"{level}.{what}"] = self.modulator(canvas, canvas.fresh(h), what, level, mask)
        return found

    def paint(self, canvas: Any, h: Any, by: Modulation) -> Any:
        """A map of the content in 0..1 -> a map of the result."""
        return self.decoder(canvas, self.content_encoder.second(canvas, self.content_encoder.first(canvas, h)), by)
