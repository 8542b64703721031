"""CycleGAN as a translator."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ...canvas import Canvas
from ...translation.translator import Painted, Sizes, TranslateOptions, Translator
from .network import ResnetGenerator


class CycleGAN(Translator):
    """One direction, any size; published files are for photographs of 256 pixels."""

    sizes = Sizes(own=256, multiple=4, usual="picture")
    feature_strength = True

    def __init__(self, network: ResnetGenerator, name: str, title: str, license: str) -> None:
        self.name, self.title, self.license, self.module = name, title, license, network
        self.network = network
        # measured: the widest moment is a full-size map, its padded copy and the next layer's
        self.bytes_per_pixel = 14.0 * network.config.width
        self.resident_bytes_per_pixel = 40 + 3.2 * network.config.width

    def encode(self, canvas: Canvas, picture: Any, options: TranslateOptions) -> Any:
        return picture

    def decode(self, canvas: Canvas, content: Any, code: Tensor | None, options: TranslateOptions) -> Painted:
        strength = options.strength if options.strength_in == "features" else 1.0
        return Painted(canvas.close(self.network.paint(canvas, content, strength)))
