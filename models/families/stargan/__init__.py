"""StarGAN (Choi et al. 2018; yunjey/stargan, MIT): one generator for many attributes, told which by a label vector."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ...architecture import STATISTICS, Architecture, Tensors, shape
from ...canvas import Canvas
from ...translation.translator import Painted, Sizes, TranslateOptions, Translator
from .network import Discriminator, DiscriminatorConfig, Generator, StarGANConfig

CELEBA = ("Black_Hair", "Blond_Hair", "Brown_Hair", "Male", "Young")
RAFD = ("angry", "contemptuous", "disgusted", "fearful", "happy", "neutral", "sad", "surprised")


def is_generator(tensors: Tensors) -> bool:
    """A generator: 7x7 first, residual blocks from place 9."""
    return shape(tensors, "main.0.weight")[2:] == (7, 7) and "main.9.main.0.weight" in tensors


def generator_config(tensors: Tensors) -> StarGANConfig:
    """Width, depth and labels."""
    width, inputs = shape(tensors, "main.0.weight")[:2]
    return StarGANConfig(width, len({k.split(".")[1] for k in tensors if ".main." in k}), inputs - 3)


def is_discriminator(tensors: Tensors) -> bool:
    """Strided 4x4 layers and two heads."""
    return shape(tensors, "main.0.weight")[2:] == (4, 4) and {"conv1.weight", "conv2.weight"} <= tensors.keys()


def discriminator_config(tensors: Tensors) -> DiscriminatorConfig:
    """Widths and heads."""
    numbers = sorted(int(k.split(".")[1]) for k in tensors if k.startswith("main.") and k.endswith(".weight"))
    labels, _, kernel, _ = shape(tensors, "conv2.weight")
    return DiscriminatorConfig(tuple(shape(tensors, f"main.{n}.weight")[0] for n in numbers), kernel, labels)


class StarGAN(Translator):
    """Wants a label vector of what the face should be: CelebA's five attributes, RaFD's eight expressions, or the person's
    own.
    """

    sizes = Sizes(own=128, multiple=4, usual="network")
    needs = "labels"
    feature_strength = True

    def __init__(self, network: Generator, name: str, title: str, license: str) -> None:
        self.name, self.title, self.license, self.module = name, title, license, network
        self.network = network
        if "256" in name:
            self.sizes = Sizes(own=256, multiple=4, usual="network")
        labels = network.config.labels
        self.domains = {5: CELEBA, 8: RAFD}.get(labels, tuple(f"label {i + 1}" for i in range(labels)))
        self.code_family, self.code_size = "StarGAN labels", labels
        self.bytes_per_pixel = 14.0 * network.config.width
        self.resident_bytes_per_pixel = 40 + 3.2 * network.config.width

    def weakened(self, x: Tensor, values: Tensor, options: TranslateOptions) -> Tensor:
        return values  # a picture's own labels are unknown: the residual blocks are weakened instead

    def encode(self, canvas: Canvas, picture: Any, options: TranslateOptions) -> Any:
        return picture

    def decode(self, canvas: Canvas, content: Any, code: Tensor | None, options: TranslateOptions) -> Painted:
        assert code is not None
        strength = options.strength if options.strength_in == "features" else 1.0
        return Painted(canvas.close(self.network.paint(canvas, content, code, strength)))


ARCHITECTURES = (
    Architecture(
        id="stargan",
        kind="translator",
        title="StarGAN",
        recognize=is_generator,
        configure=generator_config,
        build=Generator,
        rename=lambda tensors, config: {k: t for k, t in tensors.items() if not k.endswith(STATISTICS)},
        license="MIT",
        value_range="RGB -1..1",
        multiple=4,
        translator=StarGAN,
    ),
    Architecture(
        id="stargan-discriminator",
        kind="discriminator",
        title="StarGAN discriminator",
        recognize=is_discriminator,
        configure=discriminator_config,
        build=Discriminator,
        rename=lambda tensors, config: dict(tensors),
        license="MIT",
        value_range="RGB -1..1",
    ),
)
