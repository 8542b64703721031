"""The three published forms of a StyleGAN2 generator, as the one with the names of NVlabs/stylegan2-ada-pytorch.

TensorFlow (NVlabs/stylegan2, stylegan2-ada): kernels [k, k, I, O], those of layers that enlarge turned by half a turn, and
biases of styles without their one. rosinality/stylegan2-pytorch: a flat list of layers, the average of W in a file's
`latent_avg`.
"""

from __future__ import annotations

from math import log2

import torch
from torch import Tensor

from ...architecture import Tensors

RESAMPLING = (1.0, 3.0, 3.0, 1.0)


def is_tensorflow(tensors: Tensors) -> bool:
    """Variables of a TensorFlow generator."""
    return {"synthesis/4x4/Const/const", "synthesis/4x4/Conv/mod_weight"} <= tensors.keys()


def is_rosinality(tensors: Tensors) -> bool:
    """The flat list of layers."""
    return {"style.1.weight", "input.input", "conv1.conv.modulation.weight", "to_rgb1.conv.weight"} <= tensors.keys()


def is_published(tensors: Tensors) -> bool:
    """The names of stylegan2-ada-pytorch."""
    return {"mapping.fc0.weight", "synthesis.b4.const", "synthesis.b4.conv1.weight"} <= tensors.keys()


def from_tensorflow(tensors: Tensors) -> dict[str, Tensor]:
    """From the variables, which do not hold the resampling filter."""
    found: dict[str, Tensor] = {"mapping.w_avg": tensors["dlatent_avg"]}
    for name, tensor in tensors.items():
        parts = name.split("/")
        if parts[0] == "mapping":
            found |= _mapping_layer(parts[1], parts[2], tensor)
        elif parts[0] == "synthesis" and len(parts) > 2 and (not parts[1].startswith("ToRGB_lod") or parts[1] == "ToRGB_lod0"):
            # The other ToRGBs outside the blocks are left from a network that grew; they paint nothing.
            found |= _layer(parts[1:], tensor, largest(tensors))
    for name, tensor in tensors.items():
        if name.startswith("synthesis/noise") and name[15:].isdecimal():
            found[f"synthesis.{noise_layer(int(name[15:]))}.noise_const"] = tensor[0, 0]
    return with_filters(found, resampling_filter(RESAMPLING))


def _mapping_layer(layer: str, what: str, tensor: Tensor) -> dict[str, Tensor]:
    if layer == "LabelConcat":  # without a bias, and without the gain of a layer
        embedding = {"weight": tensor.t() * tensor.shape[0] ** 0.5, "bias": tensor.new_zeros(tensor.shape[1])}
        return {f"mapping.embed.{name}": value for name, value in embedding.items()}
    name = "embed" if layer == "LabelEmbed" else f"fc{layer.removeprefix('Dense')}"
    return {f"mapping.{name}.{what}": tensor.t() if what == "weight" else tensor}


def _layer(parts: list[str], tensor: Tensor, largest_side: int) -> dict[str, Tensor]:
    if parts[0].startswith("ToRGB_lod"):  # `orig` has its only ToRGB outside the blocks
        side = largest_side >> int(parts[0].removeprefix("ToRGB_lod"))
        parts = [f"{side}x{side}", "ToRGB", *parts[1:]]
    block, layer, *rest = parts
    start = f"synthesis.b{block.split('x')[0]}"
    if layer == "Const":
        return {f"{start}.const": tensor[0]}
    name = {"Conv": "conv1", "Conv0_up": "conv0", "Conv1": "conv1", "ToRGB": "torgb", "Skip": "skip"}[layer]
    what = rest[0]
    if what == "weight":
        kernel = tensor.flip((0, 1)) if layer in ("Conv0_up", "Skip") else tensor
        return {f"{start}.{name}.weight": kernel.permute(3, 2, 0, 1)}
    if what == "mod_weight":
        return {f"{start}.{name}.affine.weight": tensor.t()}
    if what == "mod_bias":
        return {f"{start}.{name}.affine.bias": tensor + 1}
    return {f"{start}.{name}.{what}": tensor}


def largest(tensors: Tensors) -> int:
    """Side of the pictures, from the names of the blocks."""
    blocks = {name.split("/")[1] for name in tensors if name.startswith("synthesis/") and name.count("/") > 1}
    return max(int(block.split("x")[0]) for block in blocks if block[0].isdecimal())


def noise_layer(index: int) -> str:
    """The layer of the n-th noise: b4.conv1, b8.conv0, b8.conv1 ..."""
    return "b4.conv1" if index == 0 else f"b{8 << ((index - 1) // 2)}.conv{(index - 1) % 2}"


def from_rosinality(tensors: Tensors) -> dict[str, Tensor]:
    """tensors may hold `latent_avg` beside the layers, one row or one for each layer, all equal; else there is no mapping.w_avg.

    Noise maps may be missing too, as a file without its buffers leaves them out.
    """
    found: dict[str, Tensor] = {}
    if "latent_avg" in tensors:
        found["mapping.w_avg"] = tensors["latent_avg"].reshape(-1, tensors["style.1.weight"].shape[0])[0]
    kernel = next((t for name, t in tensors.items() if name.endswith("upsample.kernel")), None)
    for name, tensor in tensors.items():
        part, _, rest = name.partition(".")
        if part == "style":
            index, what = rest.split(".")
            found[f"mapping.fc{int(index) - 1}.{what}"] = tensor
        elif part == "input":
            found["synthesis.b4.const"] = tensor[0]
        elif part == "noises":
            found[f"synthesis.{noise_layer(int(rest.removeprefix('noise_')))}.noise_const"] = tensor[0, 0]
        elif part in ("conv1", "to_rgb1"):
            found |= _rosinality_layer("b4.conv1" if part == "conv1" else "b4.torgb", rest, tensor)
        elif part in ("convs", "to_rgbs"):
            index, _, rest = rest.partition(".")
            level = int(index) // 2 if part == "convs" else int(index)
            layer = f"conv{int(index) % 2}" if part == "convs" else "torgb"
            found |= _rosinality_layer(f"b{8 << level}.{layer}", rest, tensor)
    # Its kernel holds the gain of 4 that the authors' code applies beside it.
    return with_filters(found, resampling_filter(RESAMPLING) if kernel is None else kernel / 4)


def _rosinality_layer(layer: str, what: str, tensor: Tensor) -> dict[str, Tensor]:
    names = {
        "conv.weight": "weight",
        "conv.modulation.weight": "affine.weight",
        "conv.modulation.bias": "affine.bias",
        "noise.weight": "noise_strength",
        "activate.bias": "bias",
        "bias": "bias",
    }
    if what not in names:
        return {}
    shaped = tensor[0] if what in ("conv.weight", "noise.weight") else tensor.reshape(-1) if what == "bias" else tensor
    return {f"synthesis.{layer}.{names[what]}": shaped}


def resampling_filter(taps: tuple[float, ...]) -> Tensor:
    """The outer product of the taps, adding up to one."""
    line = torch.tensor(taps)
    return torch.outer(line, line) / line.sum() ** 2


def with_filters(found: dict[str, Tensor], fir: Tensor) -> dict[str, Tensor]:
    """The stored resampling filters of every block and layer, which only one of the forms holds."""
    places = set()
    for name in found:
        if name.startswith("synthesis.b"):
            _, block, layer, *rest = name.split(".")
            places.add(f"synthesis.{block}")
            if layer in ("conv0", "conv1", "skip") and rest == ["weight"]:
                places.add(f"synthesis.{block}.{layer}")
    return found | {f"{place}.resample_filter": fir for place in places}


def levels(tensors: Tensors) -> int:
    """Resolutions of a generator under its published names."""
    sides = {int(name.split(".")[1][1:]) for name in tensors if name.startswith("synthesis.b")}
    return int(log2(max(sides))) - 1
