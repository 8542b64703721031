"""pix2pix (Isola et al. 2017; junyanz/pytorch-CycleGAN-and-pix2pix, BSD): U-Net generators for 128 and 256 pixels."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ...architecture import STATISTICS, Architecture, Tensors, shape
from ...canvas import Canvas
from ...translation.translator import Painted, Sizes, TranslateOptions, Translator
from .network import UnetConfig, UnetGenerator

OUTERMOST = "model.model."


def downs(tensors: Tensors) -> list[str]:
    """Keys of the convolutions on the way down, outermost first."""
    found, prefix = [], OUTERMOST
    if f"{prefix}0.weight" not in tensors:
        return []
    found.append(f"{prefix}0.weight")
    prefix += "1.model."
    while f"{prefix}1.weight" in tensors and tensors[f"{prefix}1.weight"].dim() == 4:
        found.append(f"{prefix}1.weight")
        prefix += "3.model."
    return found


def is_unet(tensors: Tensors) -> bool:
    """A U-Net of nested blocks, with 4x4 kernels."""
    found = downs(tensors)
    return len(found) >= 5 and all(shape(tensors, name)[2:] == (4, 4) for name in found)


def unet_config(tensors: Tensors) -> UnetConfig:
    """Depth, widths and kind of norm."""
    found = downs(tensors)
    second = f"{OUTERMOST}1.model.2."
    affine = f"{second}weight" in tensors
    batch = affine and f"{second}running_mean" in tensors
    return UnetConfig(
        widths=tuple(shape(tensors, name)[0] for name in found),
        inputs=shape(tensors, found[0])[1],
        outputs=shape(tensors, f"{OUTERMOST}3.weight")[1],
        batch=batch,
        affine=affine and not batch,
        biased=f"{OUTERMOST}1.model.1.bias" in tensors,
    )


def without_statistics(tensors: Tensors, config: UnetConfig) -> dict[str, Tensor]:
    """The parameters; running statistics only of batch norms."""
    unused = STATISTICS[2:] if config.batch else STATISTICS
    return {k: t for k, t in tensors.items() if not k.endswith(unused)}


class Pix2Pix(Translator):
    """One direction. The authors' test keeps dropout and the picture's own statistics live: so does "as published"."""

    def __init__(self, network: UnetGenerator, name: str, title: str, license: str) -> None:
        self.name, self.title, self.license, self.module = name, title, license, network
        self.network = network
        side = 1 << len(network.config.widths)
        self.sizes = Sizes(own=side, multiple=side, usual="picture", least=side)
        self.bytes_per_pixel = 8.0 * network.config.widths[0] + 60
        self.resident_bytes_per_pixel = 60 + 7.0 * network.config.widths[0]

    def encode(self, canvas: Canvas, picture: Any, options: TranslateOptions) -> Any:
        return picture

    def decode(self, canvas: Canvas, content: Any, code: Tensor | None, options: TranslateOptions) -> Painted:
        dice = torch.Generator().manual_seed(options.seed) if options.evaluation == "as published" else None
        own = options.evaluation != "deterministic"
        return Painted(canvas.close(self.network.paint(canvas, content, own, dice)))


ARCHITECTURES = (
    Architecture(
        id="pix2pix-unet",
        kind="translator",
        title="pix2pix",
        recognize=is_unet,
        configure=unet_config,
        build=UnetGenerator,
        rename=without_statistics,
        license="BSD-2-Clause",
        value_range="RGB -1..1",
        translator=Pix2Pix,
    ),
)
