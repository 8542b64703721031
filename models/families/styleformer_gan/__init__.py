"""Styleformer's generator (Park and Kim 2021; Jeeseung-Park/Styleformer, MIT), plain and with Linformer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor

from ...architecture import Architecture, Tensors, shape
from ..generator_files import generator_of, mapping_config, settings_of
from .generate import StyleformerGAN
from .network import FIRST, GeneratorConfig, GeneratorNetwork

__all__ = ["ARCHITECTURES", "GeneratorConfig", "StyleformerGAN"]


def recognize(tensors: Tensors) -> bool:
    """Modulated attention from 8 x 8 positions on."""
    return {"synthesis.b8_0.const", "synthesis.b8_0.enc.q_weight", "mapping.w_avg"} <= generator_of(tensors).keys()


def configure(tensors: Tensors) -> GeneratorConfig:
    """What names and shapes tell; the channels of a head stand in the settings alone."""
    part = generator_of(tensors)
    sides = [FIRST << i for i in range(16) if f"synthesis.b{FIRST << i}_0.enc.q_weight" in part]
    layers = tuple(sum(f"synthesis.b{side}_{i}.enc.q_weight" in part for i in range(64)) for side in sides)
    return GeneratorConfig(
        mapping=mapping_config(part),
        widths=tuple(shape(part, f"synthesis.b{side}_0.enc.q_weight")[1] for side in sides),
        layers=layers,
        projected=tuple((shape(part, f"synthesis.b{side}_0.enc.proj_weight") or (0,))[0] for side in sides),
        images=shape(part, f"synthesis.b{sides[-1]}_{layers[-1] - 1}.torgb.weight")[0],
    )


def with_settings(config: GeneratorConfig, metadata: Mapping[str, str]) -> GeneratorConfig:
    """Heads and clamping."""
    kwargs = settings_of(metadata)
    synthesis, mapping = kwargs.get("synthesis_kwargs", {}), kwargs.get("mapping_kwargs", {})
    clamp = synthesis.get("conv_clamp")
    return replace(
        config,
        depth=int(synthesis.get("depth", config.depth)),
        least_heads=int(synthesis.get("minimum_head", config.least_heads)),
        clamp=None if clamp is None else float(clamp),
        mapping=replace(config.mapping, rate=float(mapping.get("lr_multiplier", config.mapping.rate))),
    )


def rename(tensors: Tensors, config: GeneratorConfig) -> dict[str, Tensor]:
    """The parameters and buffers of the network; a block's projection is stored twice, as its own and as its attention's."""
    part = generator_of(tensors)
    return {name: tensor for name, tensor in part.items() if not (name.endswith("proj_weight") and ".enc." not in name)}


ARCHITECTURES = (
    Architecture(
        id="styleformer-gan",
        kind="generator",
        title="Styleformer GAN",
        recognize=recognize,
        configure=configure,
        build=GeneratorNetwork,
        rename=rename,
        license="MIT",
        value_range="RGB -1..1",
        with_settings=with_settings,
        generator=StyleformerGAN,
    ),
)
