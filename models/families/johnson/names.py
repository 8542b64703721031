"""The published names of fast neural style's layers, in every form."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal

from torch import Tensor

from ...architecture import Tensors

# canonical name of a layer -> its convolution and its normalization in a file
Keys = dict[str, tuple[str, str]]
Affine = Literal["weight and bias", "scale and shift"]
NUMBERS_A_LAYER = 4
VARIABLES_A_LAYER = 3
VARIABLE = r"^(?:[^/]+/)?Variable(?:_(\d+))?$"


def pytorch_keys(tensors: Tensors, up: Callable[[int], str] = lambda i: f"deconv{i}.conv2d", norm: str = "in") -> Keys:
    """pytorch/examples."""
    keys = {f"down.{i}": (f"conv{i + 1}.conv2d", f"{norm}{i + 1}") for i in range(3)}
    blocks = count(tensors, lambda b: f"res{b + 1}.conv1.conv2d.weight")
    keys |= {
        f"blocks.{b}.{j}": (f"res{b + 1}.conv{j + 1}.conv2d", f"res{b + 1}.{norm}{j + 1}") for b in range(blocks) for j in (0, 1)
    }
    return keys | {f"up.{i}": (up(i + 1), f"{norm}{i + 4}") for i in (0, 1)} | {"out": (up(3), "")}


def batch_keys(tensors: Tensors) -> Keys:
    """pytorch/examples with BatchNorm2d under names of its own."""
    return pytorch_keys(tensors, norm="bn")


def aleksa_keys(tensors: Tensors) -> Keys:
    """gordicaleksa/pytorch-neural-style-transfer-johnson."""
    return pytorch_keys(tensors, lambda i: "up3.conv2d" if i == 3 else f"up{i}.conv2d.conv2d")


def yakhyo_keys(tensors: Tensors) -> Keys:
    """yakhyo/fast-neural-style-transfer."""
    return pytorch_keys(tensors, lambda i: f"upsample_conv{i}.conv2d")


def erik_keys(tensors: Tensors) -> Keys:
    """eriklindernoren/Fast-Neural-Style-Transfer: all layers in one nn.Sequential."""
    blocks = count(tensors, lambda b: f"model.{b + 3}.block.0.block.1.weight")
    keys = {f"down.{i}": (f"model.{i}.block.1", f"model.{i}.norm") for i in range(3)}
    for b in range(blocks):
        for j in (0, 1):
            start = f"model.{b + 3}.block.{j}"
            keys[f"blocks.{b}.{j}"] = (f"{start}.block.1", f"{start}.norm")
    keys |= {f"up.{i}": (f"model.{blocks + 3 + i}.block.1", f"model.{blocks + 3 + i}.norm") for i in (0, 1)}
    return keys | {"out": (f"model.{blocks + 5}.block.1", "")}


def rrmina_keys(tensors: Tensors) -> Keys:
    """rrmina/fast-neural-style-pytorch, and its ResNeXt blocks of three convolutions."""
    keys = {f"down.{i}": (f"ConvBlock.{2 * i}.conv_layer", f"ConvBlock.{2 * i}.norm_layer") for i in range(3)}
    blocks = count(tensors, lambda b: f"ResidualBlock.{b}.conv1.conv_layer.weight")
    layers = count(tensors, lambda j: f"ResidualBlock.0.conv{j + 1}.conv_layer.weight")
    for b in range(blocks):
        for j in range(layers):
            start = f"ResidualBlock.{b}.conv{j + 1}"
            keys[f"blocks.{b}.{j}"] = (f"{start}.conv_layer", f"{start}.norm_layer")
    keys |= {f"up.{i}": (f"DeconvBlock.{2 * i}.conv_transpose", f"DeconvBlock.{2 * i}.norm_layer") for i in (0, 1)}
    return keys | {"out": ("DeconvBlock.4.conv_layer", "")}


def pystiche_keys(tensors: Tensors) -> Keys:
    """The authors' networks (jcjohnson/fast-neural-style), converted by pystiche/papers."""
    keys = {f"down.{i}": (f"encoder.{i + 1}.0", f"encoder.{i + 1}.1") for i in range(3)}
    blocks = count(tensors, lambda b: f"encoder.{b + 4}.residual.0.0.weight")
    for b in range(blocks):
        for j in (0, 1):
            keys[f"blocks.{b}.{j}"] = (f"encoder.{b + 4}.residual.{j}.0", f"encoder.{b + 4}.residual.{j}.1")
    return keys | {f"up.{i}": (f"decoder.{i}.0", f"decoder.{i}.1") for i in (0, 1)} | {"out": ("decoder.2", "")}


def numbered_keys(tensors: Tensors) -> Keys:
    """pytorch/examples exported to ONNX by a PyTorch that gave parameters numbers instead of names."""
    numbers = sorted(int(key) for key in tensors if key.isdecimal())
    names = list(pytorch_keys({f"res{b + 1}.conv1.conv2d.weight": t for b, t in enumerate(blocks_of_numbered(tensors))}))
    return {name: (str(numbers[i * NUMBERS_A_LAYER]), "") for i, name in enumerate(names)} if numbers else {}


def blocks_of_numbered(tensors: Tensors) -> list[Tensor]:
    """A tensor for each residual block: of two convolutions, beside six layers."""
    convolutions = [t for t in tensors.values() if t.dim() == 4]
    return convolutions[: max(len(convolutions) - 6, 0) // 2]


def count(tensors: Tensors, name: Callable[[int], str]) -> int:
    """How many of name(0), name(1) ... are there."""
    found = 0
    while name(found) in tensors:
        found += 1
    return found


def parameters(keys: Keys, numbered: bool = False, affine: Affine = "weight and bias") -> dict[str, str]:
    """Name of a parameter -> key in the file."""
    words: dict[str, str] = dict(zip(("weight", "bias"), affine.split(" and "), strict=True))
    names: dict[str, str] = {}
    for layer, (conv, norm) in keys.items():
        places = ("conv.weight", "conv.bias", "norm.weight", "norm.bias") if layer != "out" else ("weight", "bias")
        for number, place in enumerate(places):
            kind, _, last = place.rpartition(".")
            written = f"{norm}.{words[last]}" if kind == "norm" else f"{conv}.{last}"
            names[f"{layer}.{place}"] = str(int(conv) + number) if numbered else written
    return names


def variables(tensors: Tensors) -> dict[str, tuple[str, str, str]]:
    """lengstrom/fast-style-transfer: the kernel, shift and scale of every layer, by the numbers that TensorFlow gave to variables
    without names. {} for other files.
    """
    found = sorted((int(match[1] or 0), key) for key in tensors if (match := re.match(VARIABLE, key)))
    ordered = [key for _, key in found]
    while ordered and tensors[ordered[0]].dim() != 4:
        ordered.pop(0)  # a counter of steps
    layers = [tuple(ordered[i : i + VARIABLES_A_LAYER]) for i in range(0, len(ordered), VARIABLES_A_LAYER)]
    blocks, odd = divmod(len(layers) - 6, 2)
    dims = [tuple(tensors[key].dim() for key in layer) for layer in layers]
    if blocks < 1 or odd or any(d != (4, 1, 1) for d in dims):
        return {}
    names = [f"down.{i}" for i in range(3)] + [f"blocks.{b}.{j}" for b in range(blocks) for j in (0, 1)]
    return dict(zip([*names, "up.0", "up.1", "out"], layers, strict=True))  # type: ignore[arg-type]
