"""U-GAT-IT (Kim et al. 2020): the PyTorch container, bare generators, the official TensorFlow checkpoint, and discriminators."""

from __future__ import annotations

from math import isqrt

from torch import Tensor, nn

from ...architecture import Architecture, Tensors, shape, split
from . import tensorflow
from .discriminator import Discriminator, DiscriminatorConfig, without_spectral_norm
from .network import Generator, UGATITConfig
from .translate import UGATIT

CONTAINED = ("genA2B", "genB2A")
PairConfig = tuple[tuple[str, UGATITConfig], ...]


def is_generator(tensors: Tensors) -> bool:
    """Names of a PyTorch U-GAT-IT generator."""
    return {"gap_fc.weight", "FC.0.weight", "DownBlock.1.weight", "UpBlock2.2.weight", "UpBlock1_1.norm1.rho"} <= tensors.keys()


def is_pair(tensors: Tensors) -> bool:
    """A container with one or both generators, or a bare generator."""
    return any(is_generator(part) for part in split(tensors, CONTAINED).values())


def generator_config(tensors: Tensors) -> UGATITConfig:
    """Widths, depth, and the side of a full version."""
    width = shape(tensors, "DownBlock.1.weight")[0]
    blocks = len({k.split(".")[0] for k in tensors if k.startswith("UpBlock1_")})
    flat = shape(tensors, "FC.0.weight")[1]
    return UGATITConfig(width, blocks, 0 if flat == 4 * width else 4 * isqrt(flat // (4 * width)))


def configure(tensors: Tensors) -> PairConfig:
    """(name, configuration) of every generator."""
    return tuple((n, generator_config(part)) for n, part in split(tensors, CONTAINED).items() if is_generator(part))


def build(config: PairConfig) -> nn.Module:
    """The generators by their published names; a bare one stands alone."""
    return nn.ModuleDict({name: Generator(own) for name, own in config})


def rename(tensors: Tensors, config: PairConfig) -> dict[str, Tensor]:
    """The generators' parameters."""
    parts = split(tensors, CONTAINED)
    return {f"{name}.{k}": t for name, _ in config for k, t in parts[name].items()}


def is_discriminator(tensors: Tensors) -> bool:
    """Names of a U-GAT-IT discriminator with spectral norm."""
    return {"gap_fc.weight_orig", "conv1x1.weight", "conv.weight_orig", "model.1.weight_orig"} <= tensors.keys()


def discriminator_config(tensors: Tensors) -> DiscriminatorConfig:
    """Widths of the layers."""
    numbers = sorted(int(k.split(".")[1]) for k in tensors if k.startswith("model.") and k.endswith(".weight_orig"))
    widths = tuple(shape(tensors, f"model.{n}.weight_orig")[0] for n in numbers)
    return DiscriminatorConfig(widths, shape(tensors, "model.1.weight_orig")[1])


ARCHITECTURES = (
    Architecture(
        id="ugatit",
        kind="translator",
        title="U-GAT-IT",
        recognize=is_pair,
        configure=configure,
        build=build,
        rename=rename,
        license="MIT",
        value_range="RGB -1..1",
        multiple=4,
        translator=UGATIT,
    ),
    Architecture(
        id="ugatit-tensorflow",
        kind="translator",
        title="U-GAT-IT (TensorFlow)",
        recognize=tensorflow.is_tensorflow,
        configure=tensorflow.configure,
        build=build,
        rename=tensorflow.rename,
        license="MIT",
        value_range="RGB -1..1",
        multiple=4,
        translator=UGATIT,
    ),
    Architecture(
        id="ugatit-discriminator",
        kind="discriminator",
        title="U-GAT-IT discriminator",
        recognize=is_discriminator,
        configure=discriminator_config,
        build=Discriminator,
        rename=lambda tensors, config: without_spectral_norm(dict(tensors)),
        license="MIT",
        value_range="RGB -1..1",
    ),
)
