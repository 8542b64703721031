"""AnimeGANv2 (bryandlee/animegan2-pytorch, MIT): one generator, many published styles."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ...architecture import Architecture, Tensors, shape
from ...canvas import Canvas
from ...translation.translator import Painted, Sizes, TranslateOptions, Translator
from .network import AnimeConfig, Generator


def is_generator(tensors: Tensors) -> bool:
    """The names of the first, a middle and the last convolution."""
    return {"block_a.0.1.weight", "block_c.1.layers.3.weight", "out_layer.0.weight"} <= tensors.keys()


class AnimeGAN(Translator):
    """Any size; the face networks are for 512 pixels."""

    sizes = Sizes(own=512, multiple=1, usual="picture")
    feature_strength = True

    def __init__(self, network: Generator, name: str, title: str, license: str) -> None:
        self.name, self.title, self.license, self.module = name, title, license, network
        self.network = network
        width = network.block_a[0]["1"].weight.shape[0]  # type: ignore[index]
        self.bytes_per_pixel = 50.0 * width
        self.resident_bytes_per_pixel = 40 + 8.0 * width

    def multiple(self, options: TranslateOptions) -> int:
        return 1 if options.align_corners else 4

    def encode(self, canvas: Canvas, picture: Any, options: TranslateOptions) -> Any:
        return picture

    def decode(self, canvas: Canvas, content: Any, code: Tensor | None, options: TranslateOptions) -> Painted:
        strength = options.strength if options.strength_in == "features" else 1.0
        return Painted(canvas.close(self.network.paint(canvas, content, options.align_corners, strength)))


ARCHITECTURES = (
    Architecture(
        id="animegan2",
        kind="translator",
        title="AnimeGANv2",
        recognize=is_generator,
        configure=lambda tensors: AnimeConfig(shape(tensors, "block_a.0.1.weight")[0]),
        build=Generator,
        rename=lambda tensors, config: dict(tensors),
        license="MIT",
        value_range="RGB -1..1",
        translator=AnimeGAN,
    ),
)
