"""photo2cartoon (minivision-ai/photo2cartoon, MIT): a portrait on white becomes a cartoon."""

from __future__ import annotations

from math import isqrt
from typing import Any

from torch import Tensor

from ...architecture import Architecture, Tensors, shape, split
from ...canvas import Canvas
from ...translation.translator import Painted, Sizes, TranslateOptions, Translator
from .network import CartoonConfig, Generator

CONTAINED = ("genA2B",)


def is_generator(tensors: Tensors) -> bool:
    """A U-GAT-IT with hourglasses, in its container or bare."""
    wanted = {"HourGlass1.Conv1.weight", "DecodeBlock1.norm1.w_gamma", "gap_fc.weight", "ConvBlock2.1.weight"}
    return wanted <= split(tensors, CONTAINED)["genA2B"].keys()


def configure(tensors: Tensors) -> CartoonConfig:
    """Width, and the side of a full version."""
    part = split(tensors, CONTAINED)["genA2B"]
    width, flat = shape(part, "ConvBlock1.1.weight")[0], shape(part, "FC.0.weight")[1]
    return CartoonConfig(width, 0 if flat == 4 * width else 4 * isqrt(flat // (4 * width)))


def rename(tensors: Tensors, config: CartoonConfig) -> dict[str, Tensor]:
    """The parameters in use: the 1x1 shortcuts of blocks that keep their width are in the file, but nothing goes through them."""
    part = split(tensors, CONTAINED)["genA2B"]
    return {k: t for k, t in part.items() if ".ConvBlock4.2." not in k}


class Photo2Cartoon(Translator):
    """Wants a face on white at 256 pixels: Face Crop makes it so."""

    has_attention = True
    feature_strength = True
    tileable = False
    bytes_per_pixel = 1400.0

    def __init__(self, network: Generator, name: str, title: str, license: str) -> None:
        self.name, self.title, self.license, self.module = name, title, license, network
        self.network = network
        fixed = network.config.size
        self.sizes = Sizes(own=fixed or 256, multiple=16, usual="network", fixed=bool(fixed))

    def encode(self, canvas: Canvas, picture: Any, options: TranslateOptions) -> Any:
        return picture

    def decode(self, canvas: Canvas, content: Any, code: Tensor | None, options: TranslateOptions) -> Painted:
        drawn = self.network.paint(canvas, content, options.strength if options.strength_in == "features" else 1.0)
        return Painted(canvas.close(drawn.picture), drawn.heat)


ARCHITECTURES = (
    Architecture(
        id="photo2cartoon",
        kind="translator",
        title="photo2cartoon",
        recognize=is_generator,
        configure=configure,
        build=Generator,
        rename=rename,
        license="MIT",
        value_range="RGB -1..1",
        multiple=16,
        translator=Photo2Cartoon,
    ),
)
