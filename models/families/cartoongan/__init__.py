"""CartoonGAN (Chen, Lai and Liu 2018; Yijunmaverick/CartoonGAN-Test-Pytorch-Torch, MIT): Hayao, Hosoda, Paprika, Shinkai."""

from __future__ import annotations

from torch import Tensor

from ...architecture import Architecture, Tensors, shape
from .network import FIRST_BLOCK, CartoonGANConfig, CartoonGANGenerator
from .translate import CartoonGAN

MARKS = frozenset(
    ("conv01_1.weight", "in01_1.scale", "conv02_2.weight", "conv03_2.weight", "deconv01_2.weight", "deconv03_1.weight")
)
BGR = [2, 1, 0]


def is_generator(tensors: Tensors) -> bool:
    """The names of the layers before and behind the blocks."""
    return tensors.keys() >= MARKS


def configure(tensors: Tensors) -> CartoonGANConfig:
    """Widths and depth."""
    blocks = 0
    while f"conv{FIRST_BLOCK + blocks:02d}_2.weight" in tensors:
        blocks += 1
    return CartoonGANConfig(tuple(shape(tensors, f"conv{name}_1.weight")[0] for name in ("01", "02", "03")), blocks)


def rename(tensors: Tensors, config: CartoonGANConfig) -> dict[str, Tensor]:
    """torch.nn's names; the order of colors, BGR in the authors' pictures, is put into the first and the last layer."""
    names = {"scale": "weight", "shift": "bias"}
    made = {}
    for key, tensor in tensors.items():
        layer, _, last = key.rpartition(".")
        made[f"layers.{layer}.{names.get(last, last)}"] = tensor
    made["layers.conv01_1.weight"] = made["layers.conv01_1.weight"][:, BGR]
    for last in ("weight", "bias"):
        made[f"layers.deconv03_1.{last}"] = made[f"layers.deconv03_1.{last}"][BGR]
    return made


ARCHITECTURES = (
    Architecture(
        id="cartoongan",
        kind="translator",
        title="CartoonGAN",
        recognize=is_generator,
        configure=configure,
        build=CartoonGANGenerator,
        rename=rename,
        license="MIT (the code)",
        value_range="RGB -1..1 (the authors' BGR is in the first and last layer)",
        multiple=4,
        translator=CartoonGAN,
    ),
)
