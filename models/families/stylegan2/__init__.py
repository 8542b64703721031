"""StyleGAN2 (Karras et al. 2019; NVlabs/stylegan2-ada-pytorch, Nvidia Source Code License): every published container."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ...architecture import Architecture, Tensors, shape
from ...generation.mapping import MappingConfig, MappingNetwork
from ...weights.errors import CheckpointError
from ..generator_files import generator_of, mapping_config, settings_of
from .generate import StyleGAN2
from .network import FIRST, GeneratorConfig, GeneratorNetwork, SynthesisConfig
from .published import RESAMPLING, from_rosinality, from_tensorflow, is_published, is_rosinality, is_tensorflow, levels

__all__ = ["ARCHITECTURES", "GeneratorConfig", "StyleGAN2", "SynthesisConfig"]
AVERAGE = "mapping.w_avg"
POINTS = 10_000  # of Z, for an average of W that the file does not hold
FLAT_DEFAULTS = {"conv_clamp": 256, "num_fp16_res": 4}  # of the StyleGAN3 repository, whose settings are not nested


def recognize(tensors: Tensors) -> bool:
    """A generator in any of its forms, alone or in a container."""
    part = generator_of(tensors)
    return is_published(part) or is_tensorflow(part) or is_rosinality(part)


def published(tensors: Tensors) -> Tensors:
    """The generator under its published names."""
    part = generator_of(tensors)
    if is_tensorflow(part):
        return from_tensorflow(part)
    return from_rosinality({**part, **{k: t for k, t in tensors.items() if k == "latent_avg"}}) if is_rosinality(part) else part


def configure(tensors: Tensors) -> GeneratorConfig:
    """What names and shapes tell."""
    part = published(tensors)
    height, width = shape(part, "synthesis.b4.const")[1:]
    if height != width:
        raise CheckpointError(f"the generator's pictures are not square (it begins with {height}x{width}): choose a square one")
    count = levels(part)
    widths = tuple(shape(part, f"synthesis.b{FIRST << i}.conv1.weight")[0] for i in range(count))
    last = FIRST << (count - 1)
    form = "resnet" if "synthesis.b8.skip.weight" in part else "skip" if "synthesis.b4.torgb.weight" in part else "orig"
    synthesis = SynthesisConfig(
        style=shape(part, "synthesis.b4.conv1.affine.weight")[1],
        widths=widths,
        images=shape(part, f"synthesis.b{last}.torgb.weight")[0],
        form=form,
        noisy="synthesis.b4.conv1.noise_strength" in part,
    )
    together = "mapping/LabelConcat/weight" in generator_of(tensors)
    return GeneratorConfig(mapping_config(part, labels_normalized=not together), synthesis)


def with_settings(config: GeneratorConfig, metadata: Mapping[str, str]) -> GeneratorConfig:
    """What only the settings beside the tensors tell: clamping, half precision, the learning rate of the mapping."""
    kwargs = settings_of(metadata)
    synthesis, mapping = kwargs.get("synthesis_kwargs", kwargs), kwargs.get("mapping_kwargs", kwargs)
    if "img_resolution" in kwargs and "synthesis_kwargs" not in kwargs:
        synthesis = FLAT_DEFAULTS | kwargs
    activations = (
        synthesis.get("activation", synthesis.get("nonlinearity")),
        kwargs.get("mapping_kwargs", {}).get("activation", mapping.get("mapping_nonlinearity")),
    )
    unknown = next((name for name in activations if name not in (None, "lrelu")), None)
    if unknown:
        raise CheckpointError(f"the generator's layers use {unknown}, and only leaky ReLU is known here: choose another file")
    kernel: Any = synthesis.get("resample_kernel") or RESAMPLING
    if tuple(kernel) != RESAMPLING:
        raise CheckpointError("the generator resamples with another filter than [1, 3, 3, 1]: choose another file")
    half = int(synthesis.get("num_fp16_res") or 0)
    clamp = synthesis.get("conv_clamp")
    own = replace(
        config.synthesis,
        clamp=None if clamp is None else float(clamp),
        half_from=max((config.synthesis.resolution * 2) >> half, 8) if half else config.synthesis.half_from,
    )
    rate = float(mapping.get("lr_multiplier", mapping.get("mapping_lrmul", config.mapping.rate)))
    return replace(config, synthesis=own, mapping=replace(config.mapping, rate=rate))


def rename(tensors: Tensors, config: GeneratorConfig) -> dict[str, Tensor]:
    """The parameters and buffers of the network; what `notes` says is missing is drawn by a fixed seed or measured."""
    found = dict(published(tensors))
    if AVERAGE not in found:
        found[AVERAGE] = measured_average(found, config.mapping)
    missing = missing_noise(found, config)
    chance = torch.Generator().manual_seed(0)
    return found | {name: torch.randn(side, side, generator=chance) for name, side in missing.items()}


def measured_average(part: Tensors, config: MappingConfig) -> Tensor:
    """The mean of W over points of Z from a fixed seed, which is what training keeps a running mean of."""
    mapping = MappingNetwork(config).requires_grad_(False)
    mapping.load_state_dict({AVERAGE.split(".")[1]: torch.zeros(config.style)} | _of_mapping(part))
    chance = torch.Generator().manual_seed(0)
    z = torch.randn(POINTS, config.latent, generator=chance)
    label = torch.eye(config.label)[torch.arange(POINTS) % config.label] if config.label else None
    return mapping(z, label).mean(dim=0)


def _of_mapping(part: Tensors) -> dict[str, Tensor]:
    start = "mapping."
    return {name.removeprefix(start): tensor.float() for name, tensor in part.items() if name.startswith(start)}


def missing_noise(part: Tensors, config: GeneratorConfig) -> dict[str, int]:
    """Noise maps that the file does not hold, with their sides."""
    if not config.synthesis.noisy:
        return {}
    sides = {f"b{FIRST << level}": FIRST << level for level in range(len(config.synthesis.widths))}
    layers = [(block, layer) for block in sides for layer in ("conv0", "conv1") if f"synthesis.{block}.{layer}.weight" in part]
    names = {f"synthesis.{block}.{layer}.noise_const": sides[block] for block, layer in layers}
    return {name: side for name, side in names.items() if name not in part}


def notes(tensors: Tensors, config: GeneratorConfig) -> tuple[str, ...]:
    """What a file without its buffers leaves open."""
    part = published(tensors)
    found = [f"the file has no average of W: it was measured over {POINTS} points"] if AVERAGE not in part else []
    return (*found, *(["the file has no noise maps: they were drawn by a fixed seed"] if missing_noise(part, config) else []))


ARCHITECTURES = (
    Architecture(
        id="stylegan2",
        kind="generator",
        title="StyleGAN2",
        recognize=recognize,
        configure=configure,
        build=GeneratorNetwork,
        rename=rename,
        license="Nvidia Source Code License-NC",
        value_range="RGB -1..1",
        with_settings=with_settings,
        notes=notes,
        generator=StyleGAN2,
    ),
)
