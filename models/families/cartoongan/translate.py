"""CartoonGAN as a translator."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ...translation.translator import Canvas, Painted, Sizes, TranslateOptions, Translator
from .network import CartoonGANGenerator


class CartoonGAN(Translator):
    """Photographs as drawings, any size; the authors show 450 pixels."""

    sizes = Sizes(own=448, multiple=4, usual="picture")
    feature_strength = True

    def __init__(self, network: CartoonGANGenerator, name: str, title: str, license: str) -> None:
        self.name, self.title, self.license, self.module = name, title, license, network
        self.network = network
        # as CycleGAN's, whose maps have the same sizes
        self.bytes_per_pixel = 14.0 * network.config.widths[0]
        self.resident_bytes_per_pixel = 40 + 3.2 * network.config.widths[0]

    def encode(self, canvas: Canvas, picture: Any, options: TranslateOptions) -> Any:
        return picture

    def decode(self, canvas: Canvas, content: Any, code: Tensor | None, options: TranslateOptions) -> Painted:
        strength = options.strength if options.strength_in == "features" else 1.0
        return Painted(canvas.close(self.network.paint(canvas, content, strength)))
