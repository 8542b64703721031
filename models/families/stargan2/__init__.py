"""StarGAN v2 (Choi et al. 2020; clovaai/stargan-v2, CC BY-NC 4.0): the published containers, and the landmark network by
itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log2

from torch import Tensor, nn

from ...architecture import Architecture, Tensors, shape, split
from .fan import FAN
from .network import Generator, GeneratorConfig, HighPass, MappingNetwork, StyleEncoder
from .translate import StarGAN2

SIDE_TIMES_WIDTH = 2**14
CONTAINED = ("generator", "mapping_network", "style_encoder", "fan")


@dataclass(frozen=True)
class StarGAN2Config:
    """Of all networks in a container. encoder: widths of the style encoder. mapping: latent, width, shared and own layers."""

    generator: GeneratorConfig
    encoder: tuple[int, ...]
    mapping: tuple[int, int, int, int]
    domains: int
    fan: tuple[int, int] | None


def is_container(tensors: Tensors) -> bool:
    """Generator, mapping network and style encoder together."""
    return {"generator.from_rgb.weight", "mapping_network.shared.0.weight", "style_encoder.shared.0.weight"} <= tensors.keys()


def configure(tensors: Tensors) -> StarGAN2Config:
    """Everything from shapes."""
    parts = split(tensors, CONTAINED)
    g, m, e = (parts[name] for name in CONTAINED[:3])
    blocks = count_of(g, "encode.")
    generator = GeneratorConfig(
        first=shape(g, "from_rgb.weight")[0],
        widths=tuple(shape(g, f"encode.{i}.conv2.weight")[0] for i in range(blocks)),
        style=shape(g, "decode.0.norm1.fc.weight")[1],
        highpass="hpf.filter" in g or blocks > blocks_without(shape(g, "from_rgb.weight")[0]),
    )
    encoder = tuple(shape(e, f"shared.{i}.conv2.weight")[0] for i in range(1, 32) if f"shared.{i}.conv2.weight" in e)
    width, latent = shape(m, "shared.0.weight")
    layers = (
        sum(k.startswith("shared.") and k.endswith("weight") for k in m),
        sum(k.startswith("unshared.0.") and k.endswith("weight") for k in m),
    )
    return StarGAN2Config(
        generator,
        encoder,
        (latent, width, *layers),
        count_of(m, "unshared."),
        fan_config(parts["fan"]) if "fan" in parts else None,
    )


def count_of(tensors: Tensors, start: str) -> int:
    """How many numbered parts begin so."""
    return len({k[len(start) :].split(".")[0] for k in tensors if k.startswith(start)})


def blocks_without(first: int) -> int:
    """How many blocks the authors' generator without the high pass has, by its first layer's channels, 2^14 / side."""
    return int(log2(SIDE_TIMES_WIDTH // first)) - 2


def build(config: StarGAN2Config) -> nn.Module:
    """The networks by their published names."""
    latent, width, shared, own = config.mapping
    parts: dict[str, nn.Module] = {
        "generator": Generator(config.generator),
        "mapping_network": MappingNetwork(latent, config.generator.style, config.domains, width, (shared, own)),
        "style_encoder": StyleEncoder(config.generator.first, config.encoder, config.generator.style, config.domains),
    }
    if config.fan is not None:
        parts["fan"] = FAN(*config.fan)
    return nn.ModuleDict(parts)


def rename(tensors: Tensors, config: StarGAN2Config) -> dict[str, Tensor]:
    """The networks' parameters; the high pass is a constant."""
    constant = {"generator.hpf.filter": HighPass().filter} if config.generator.highpass else {}
    return constant | {k: t for k, t in tensors.items() if k.startswith(tuple(f"{name}." for name in CONTAINED))}


def is_fan(tensors: Tensors) -> bool:
    """The landmark network (wing.ckpt)."""
    return {"conv1.conv.weight", "m0.coordconv.conv.weight", "m0.b2_plus_1.conv1.weight", "l0.weight"} <= tensors.keys()


def fan_config(tensors: Tensors) -> tuple[int, int]:
    """Landmarks and width."""
    outputs, width = shape(tensors, "l0.weight")[:2]
    return outputs - 1, width


ARCHITECTURES = (
    Architecture(
        id="stargan2",
        kind="translator",
        title="StarGAN v2",
        recognize=is_container,
        configure=configure,
        build=build,
        rename=rename,
        license="CC-BY-NC-4.0",
        value_range="RGB -1..1",
        multiple=32,
        translator=StarGAN2,
    ),
    Architecture(
        id="stargan2-fan",
        kind="landmarks",
        title="face landmarks for StarGAN v2",
        recognize=is_fan,
        configure=fan_config,
        build=lambda config: FAN(*config),
        rename=lambda tensors, config: dict(tensors),
        license="CC-BY-NC-4.0",
    ),
)
