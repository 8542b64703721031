"""Fast neural style (Johnson et al. 2016): pytorch/examples, gordicaleksa, rrmina, the ONNX zoo, and the authors' own networks.

What names and shapes cannot tell: rrmina's network exists with 150 tanh at the end too. Its last convolution then has to reach
about 1, without it the 255 of a picture; published files of the second kind are at 12 to 60.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from torch import Tensor

from ...architecture import STATISTICS, Architecture, Tensors, shape
from .network import JohnsonConfig, Range, TransformerNet
from .stylize import Johnson

# canonical name of a layer -> its convolution and its normalization in a file
Keys = dict[str, tuple[str, str]]
INSTANCE_WIDTH = 16  # of the authors' networks: those with batch normalization begin with 32 channels
NUMBERS_A_LAYER = 4
NO_PICTURE = 3.0  # what the last convolution reaches where it does not make 0..255


def pytorch_keys(tensors: Tensors, up: Callable[[int], str] = lambda i: f"deconv{i}.conv2d") -> Keys:
    """pytorch/examples."""
    keys = {f"down.{i}": (f"conv{i + 1}.conv2d", f"in{i + 1}") for i in range(3)}
    blocks = count(tensors, lambda b: f"res{b + 1}.conv1.conv2d.weight")
    keys |= {
        f"blocks.{b}.{j}": (f"res{b + 1}.conv{j + 1}.conv2d", f"res{b + 1}.in{j + 1}") for b in range(blocks) for j in (0, 1)
    }
    return keys | {f"up.{i}": (up(i + 1), f"in{i + 4}") for i in (0, 1)} | {"out": (up(3), "")}


def aleksa_keys(tensors: Tensors) -> Keys:
    """gordicaleksa/pytorch-neural-style-transfer-johnson."""
    return pytorch_keys(tensors, lambda i: "up3.conv2d" if i == 3 else f"up{i}.conv2d.conv2d")


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


def parameters(keys: Keys, numbered: bool = False) -> dict[str, str]:
    """Name of a parameter -> key in the file."""
    names: dict[str, str] = {}
    for layer, (conv, norm) in keys.items():
        places = ("conv.weight", "conv.bias", "norm.weight", "norm.bias") if layer != "out" else ("weight", "bias")
        for number, place in enumerate(places):
            kind, _, last = place.rpartition(".")
            start = norm if kind == "norm" else conv
            names[f"{layer}.{place}"] = str(int(conv) + number) if numbered else f"{start}.{last}"
    return names


def recognize(tensors: Tensors, keys: Callable[[Tensors], Keys], numbered: bool = False) -> bool:
    """Whether every parameter is there, and nothing else but what old norms leave behind."""
    found = keys(tensors)
    if not found or not any(name.startswith("blocks.") for name in found):
        return False
    wanted = set(parameters(found, numbered).values())
    return wanted <= tensors.keys() and all(key in wanted or key.endswith(STATISTICS) for key in tensors)


def configure(
    tensors: Tensors, keys: Callable[[Tensors], Keys], range: Range, numbered: bool = False, framed: bool = False
) -> JohnsonConfig:
    """Widths, depth and kinds of layers."""
    found = keys(tensors)
    names = parameters(found, numbered)
    sizes = {layer: shape(tensors, names[f"{layer}.{'' if layer == 'out' else 'conv.'}weight"]) for layer in found}
    transposed = "conv_transpose" in found["up.0"][0] or framed
    first = [sizes[name] for name in found if name.startswith("blocks.0.")]
    return JohnsonConfig(
        down=tuple(sizes[f"down.{i}"][0] for i in (0, 1, 2)),
        blocks=sum(name.startswith("blocks.") for name in found) // len(first),
        block=tuple((size[0], size[2]) for size in first),
        up=tuple(sizes[f"up.{i}"][1 if transposed else 0] for i in (0, 1)),
        transposed=transposed,
        framed=framed,
        batch=framed and sizes["down.0"][0] > INSTANCE_WIDTH,
        tanh=framed or (transposed and reach(tensors, names) < NO_PICTURE),
        range=range,
    )


def reach(tensors: Tensors, names: dict[str, str]) -> float:
    """Standard deviation of what the last convolution makes of features that are independent, the mean of its channels."""
    gamma, beta, weight = (tensors[names[name]].float() for name in ("up.1.norm.weight", "up.1.norm.bias", "out.weight"))
    power = (gamma.square() + beta.square()) / 2  # of a normal distribution behind ReLU
    return float((weight.square().sum(dim=(2, 3)) @ power).sqrt().mean())


def rename(tensors: Tensors, config: JohnsonConfig, keys: Callable[[Tensors], Keys], numbered: bool = False) -> dict[str, Tensor]:
    """The network's own parameter names; running statistics only of batch norms."""
    found = keys(tensors)
    made = {name: tensors[key] for name, key in parameters(found, numbered).items()}
    if config.batch:
        for layer, (_, norm) in found.items():
            if norm:
                made |= {f"{layer}.norm.{what[1:]}": tensors[norm + what] for what in STATISTICS[:2]}
    return made


def form(
    identity: str,
    title: str,
    keys: Callable[[Tensors], Keys],
    license: str,
    range: Range,
    value_range: str,
    numbered: bool = False,
    framed: bool = False,
) -> Architecture:
    """A published form of the network."""
    return Architecture(
        id=identity,
        kind="stylizer",
        title=title,
        recognize=partial(recognize, keys=keys, numbered=numbered),
        configure=partial(configure, keys=keys, range=range, numbered=numbered, framed=framed),
        build=TransformerNet,
        rename=partial(rename, keys=keys, numbered=numbered),
        license=license,
        value_range=value_range,
        stylizer=Johnson,
    )


ARCHITECTURES = (
    form("johnson", "Fast neural style", pytorch_keys, "BSD-3-Clause (the code)", "rgb", "RGB 0..255"),
    form("johnson-aleksa", "Fast neural style (gordicaleksa)", aleksa_keys, "MIT", "imagenet", "RGB, ImageNet's mean and std"),
    form("johnson-rrmina", "Fast neural style (rrmina)", rrmina_keys, "academic or research use", "bgr", "BGR 0..255"),
    form(
        "johnson-onnx",
        "Fast neural style (ONNX)",
        numbered_keys,
        "BSD-3-Clause (the code)",
        "rgb",
        "RGB 0..255",
        numbered=True,
    ),
    form(
        "johnson-authors",
        "Fast neural style (the authors')",
        pystiche_keys,
        "free for personal or research use",
        "caffe",
        "BGR 0..255 minus Caffe's means",
        framed=True,
    ),
)
