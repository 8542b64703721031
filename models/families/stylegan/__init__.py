"""StyleGAN (Karras et al. 2018; NVlabs/stylegan, CC BY-NC 4.0): the published TensorFlow pickles."""

from __future__ import annotations

from math import log2, sqrt

import torch.nn.functional as F
from torch import Tensor

from ...architecture import Architecture, Tensors, shape
from ...generation.mapping import MappingConfig
from ..generator_files import generator_of
from .generate import StyleGAN
from .network import FIRST, FUSED_FROM, GeneratorConfig, GeneratorNetwork

__all__ = ["ARCHITECTURES", "GeneratorConfig", "StyleGAN"]


def recognize(tensors: Tensors) -> bool:
    """TensorFlow variables with a scale and a shift behind each layer."""
    part = generator_of(tensors)
    return {"synthesis/4x4/Const/const", "synthesis/4x4/Const/StyleMod/weight", "mapping/Dense0/weight"} <= part.keys()


def sides(part: Tensors) -> list[int]:
    """Resolutions, from the names of the blocks."""
    names = {name.split("/")[1] for name in part if name.startswith("synthesis/") and name.count("/") > 1}
    return sorted(int(name.split("x")[0]) for name in names if name[0].isdecimal())


def configure(tensors: Tensors) -> GeneratorConfig:
    """What names and shapes tell."""
    part = generator_of(tensors)
    count = int(log2(max(sides(part)))) - 1
    widths = tuple(shape(part, f"synthesis/{FIRST << i}x{FIRST << i}/Conv{'1' if i else ''}/weight")[3] for i in range(count))
    layers = sum(f"mapping/Dense{i}/weight" in part for i in range(64))
    label, embedding = shape(part, "mapping/LabelConcat/weight") or (0, 0)
    mapping = MappingConfig(
        latent=shape(part, "mapping/Dense0/weight")[0] - embedding,
        label=label,
        style=shape(part, "dlatent_avg")[-1],
        embedding=embedding,
        widths=tuple(shape(part, f"mapping/Dense{i}/weight")[1] for i in range(layers)),
        labels_normalized=False,
    )
    return GeneratorConfig(mapping, widths, shape(part, "synthesis/ToRGB_lod0/weight")[3])


def rename(tensors: Tensors, config: GeneratorConfig) -> dict[str, Tensor]:
    """Kernels with their gains multiplied in, biases of the mapping for a leaky ReLU times sqrt 2."""
    part = generator_of(tensors)
    found = {"mapping.w_avg": part["dlatent_avg"].reshape(-1)}
    for i in range(len(config.mapping.widths)):
        found[f"mapping.fc{i}.weight"] = part[f"mapping/Dense{i}/weight"].t()
        found[f"mapping.fc{i}.bias"] = part[f"mapping/Dense{i}/bias"] / sqrt(2)
    if config.mapping.label:
        weight = part["mapping/LabelConcat/weight"]
        found["mapping.embed.weight"] = weight.t() * sqrt(weight.shape[0])
        found["mapping.embed.bias"] = weight.new_zeros(weight.shape[1])
    for level in range(len(config.widths)):
        side = FIRST << level
        place, block = f"synthesis/{side}x{side}", f"synthesis.b{side}"
        first, second = ("Const", "Conv") if level == 0 else ("Conv0_up", "Conv1")
        if level == 0:
            found[f"{block}.const"] = part[f"{place}/Const/const"][0]
        else:
            kernel = he(part[f"{place}/Conv0_up/weight"])
            found[f"{block}.conv0"] = fused(kernel) if side >= FUSED_FROM else kernel.permute(3, 2, 0, 1)
        found[f"{block}.conv1"] = he(part[f"{place}/{second}/weight"]).permute(3, 2, 0, 1)
        for index, layer in enumerate((first, second)):
            start = f"{block}.epilogue{index}"
            found[f"{start}.noise_const"] = part[f"synthesis/noise{2 * level + index}"][0, 0]
            found[f"{start}.noise_strength"] = part[f"{place}/{layer}/Noise/weight"]
            found[f"{start}.bias"] = part[f"{place}/{layer}/bias"]
            found[f"{start}.affine.weight"] = part[f"{place}/{layer}/StyleMod/weight"].t()
            found[f"{start}.affine.bias"] = part[f"{place}/{layer}/StyleMod/bias"]
    colors = part["synthesis/ToRGB_lod0/weight"]
    found["synthesis.torgb.weight"] = colors.permute(3, 2, 0, 1) / sqrt(colors.shape[2])
    found["synthesis.torgb.bias"] = part["synthesis/ToRGB_lod0/bias"]
    return found


def he(kernel: Tensor) -> Tensor:
    """A stored kernel [k, k, I, O] with the gain of He's initialization, sqrt(2 / inputs)."""
    return kernel * sqrt(2 / (kernel.shape[0] * kernel.shape[1] * kernel.shape[2]))


def fused(kernel: Tensor) -> Tensor:
    """[3, 3, I, O] -> the kernel [I, O, 4, 4] of a transposed convolution that also enlarges: the sum of four shifted ones."""
    shifted = kernel.permute(2, 3, 0, 1)
    return sum((F.pad(shifted, (x, 1 - x, y, 1 - y)) for y in (0, 1) for x in (0, 1) if x + y), F.pad(shifted, (0, 1, 0, 1)))


ARCHITECTURES = (
    Architecture(
        id="stylegan",
        kind="generator",
        title="StyleGAN",
        recognize=recognize,
        configure=configure,
        build=GeneratorNetwork,
        rename=rename,
        license="CC-BY-NC-4.0",
        value_range="RGB -1..1",
        generator=StyleGAN,
    ),
)
