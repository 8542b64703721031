"""StyleGAN2 (Karras et al. 2019; NVlabs/stylegan2-ada-pytorch, Nvidia Source Code License): every published container."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from torch import Tensor

from ...architecture import Architecture, Tensors, shape
from ...weights.errors import CheckpointError
from ..generator_files import generator_of, mapping_config, settings_of
from .generate import StyleGAN2
from .network import FIRST, GeneratorConfig, GeneratorNetwork, SynthesisConfig
from .published import RESAMPLING, from_rosinality, from_tensorflow, is_published, is_rosinality, is_tensorflow, levels

__all__ = ["ARCHITECTURES", "GeneratorConfig", "StyleGAN2", "SynthesisConfig"]
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
    """The parameters and buffers of the network."""
    return dict(published(tensors))


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
        generator=StyleGAN2,
    ),
)
