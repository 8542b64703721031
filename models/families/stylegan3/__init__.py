"""StyleGAN3 (Karras et al. 2021; NVlabs/stylegan3, Nvidia Source Code License), configurations T and R."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor

from ...architecture import Architecture, Tensors, shape
from ..generator_files import generator_of, mapping_config, settings_of
from .generate import StyleGAN3
from .network import GeneratorConfig, GeneratorNetwork, SignalConfig, SynthesisConfig

__all__ = ["ARCHITECTURES", "GeneratorConfig", "StyleGAN3", "SynthesisConfig"]

SIGNAL = {
    "critical": "num_critical",
    "first_cutoff": "first_cutoff",
    "first_stopband": "first_stopband",
    "last_stopband_rel": "last_stopband_rel",
    "margin": "margin_size",
    "filter_size": "filter_size",
    "lrelu_upsampling": "lrelu_upsampling",
}
OTHERS = {"output_scale": "output_scale", "half_resolutions": "num_fp16_res", "clamp": "conv_clamp"}


def recognize(tensors: Tensors) -> bool:
    """Fourier features at the input."""
    return {"synthesis.input.freqs", "synthesis.input.affine.weight", "mapping.w_avg"} <= generator_of(tensors).keys()


def layer_names(part: Tensors) -> list[str]:
    """ "L0_36_512", ... in order."""
    names = {key.split(".")[1] for key in part if key.startswith("synthesis.L")}
    return sorted(names, key=lambda name: int(name[1:].split("_")[0]))


def configure(tensors: Tensors) -> GeneratorConfig:
    """What names and shapes tell."""
    part = generator_of(tensors)
    names = layer_names(part)
    first = f"synthesis.{names[0]}"
    synthesis = SynthesisConfig(
        style=shape(part, "synthesis.input.affine.weight")[1],
        resolution=int(names[-1].split("_")[1]),
        channels=(shape(part, "synthesis.input.weight")[0], *(shape(part, f"synthesis.{name}.weight")[0] for name in names)),
        kernel=shape(part, f"{first}.weight")[-1],
        radial=len(shape(part, f"{first}.down_filter")) == 2,
    )
    return GeneratorConfig(mapping_config(part), synthesis)


def with_settings(config: GeneratorConfig, metadata: Mapping[str, str]) -> GeneratorConfig:
    """What only the settings beside the tensors tell: frequencies, clamping, half precision."""
    kwargs = settings_of(metadata)
    kwargs = {**kwargs, **kwargs.get("synthesis_kwargs", {})}
    signal = {name: kwargs[theirs] for name, theirs in SIGNAL.items() if theirs in kwargs}
    others = {name: kwargs[theirs] for name, theirs in OTHERS.items() if theirs in kwargs}
    synthesis = replace(config.synthesis, signal=SignalConfig(**signal), **others)
    rate = float(kwargs.get("mapping_kwargs", {}).get("lr_multiplier", config.mapping.rate))
    return replace(config, synthesis=synthesis, mapping=replace(config.mapping, rate=rate))


def rename(tensors: Tensors, config: GeneratorConfig) -> dict[str, Tensor]:
    """The parameters and buffers of the network."""
    return dict(generator_of(tensors))


ARCHITECTURES = (
    Architecture(
        id="stylegan3",
        kind="generator",
        title="StyleGAN3",
        recognize=recognize,
        configure=configure,
        build=GeneratorNetwork,
        rename=rename,
        license="Nvidia Source Code License-NC",
        value_range="RGB -1..1",
        with_settings=with_settings,
        generator=StyleGAN3,
    ),
)
