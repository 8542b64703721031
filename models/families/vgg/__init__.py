"""Published VGG encoders: torchvision, Caffe and normalized files, and how they are recognized.

Sources: torchvision (vgg16-397923af, vgg19-dcbb9e9d); Gatys' vgg_conv.pth and pystiche's Caffe files; vgg_normalised.pth of
xunhuang1995/AdaIN-style and naoto0804/pytorch-AdaIN (MIT).
"""

from __future__ import annotations

import re
from functools import partial

import torch
from torch import Tensor

from ...architecture import Architecture, Tensors, shape
from ...encoders.vgg import VGG, VGG16_BLOCKS, VGG19_BLOCKS, VGGConfig, conv_names

NORMALIZED_INDICES = (2, 5, 9, 12, 16, 19, 22, 25, 29, 32, 35, 38, 42, 45, 48, 51)
TORCHVISION_INDICES = {
    16: (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28),
    19: (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34),
}
BLOCKS = {16: VGG16_BLOCKS, 19: VGG19_BLOCKS}


def normalized_keys() -> dict[str, str]:
    """Canonical name -> key in vgg_normalised.pth."""
    return dict(zip(conv_names(VGG19_BLOCKS), map(str, NORMALIZED_INDICES), strict=True))


def torchvision_keys(depth: int) -> dict[str, str]:
    """Canonical name -> key in torchvision's files, VGG-16 or VGG-19."""
    return {n: f"features.{i}" for n, i in zip(conv_names(BLOCKS[depth]), TORCHVISION_INDICES[depth], strict=True)}


def named_keys(depth: int) -> dict[str, str]:
    """Canonical name -> key in Gatys' files: the same."""
    return {name: name for name in conv_names(BLOCKS[depth])}


def widths(tensors: Tensors, keys: dict[str, str]) -> tuple[tuple[str, int], ...]:
    """Output channels of the convolutions that are there, up to the first one missing."""
    found = []
    for name, key in keys.items():
        if f"{key}.weight" not in tensors:
            break
        found.append((name, shape(tensors, f"{key}.weight")[0]))
    return tuple(found)


def chain(tensors: Tensors, keys: dict[str, str]) -> bool:
    """Whether the convolutions present are 3x3 and feed one another from RGB on."""
    channels = 3
    for name, width in widths(tensors, keys):
        if shape(tensors, f"{keys[name]}.weight") != (width, channels, 3, 3):
            return False
        channels = width
    return channels != 3


def rename(tensors: Tensors, config: VGGConfig, keys: dict[str, str]) -> dict[str, Tensor]:
    """The network's own parameter names."""
    return {f"convs.{name}.{part}": tensors[f"{keys[name]}.{part}"] for name, _ in config.widths for part in ("weight", "bias")}


def fold_conv0(tensors: Tensors, config: VGGConfig, keys: dict[str, str], conv0: str) -> dict[str, Tensor]:
    """Multiply the 1x1 input convolution into conv1_1: exact under reflection padding, and one pass fewer."""
    renamed = rename(tensors, config, keys)
    weight, bias = (tensors[f"{conv0}.{part}"].double() for part in ("weight", "bias"))
    first = renamed["convs.conv1_1.weight"].double()
    shift = torch.einsum("oikl,i->o", first, bias)
    own = renamed["convs.conv1_1.weight"].dtype
    renamed["convs.conv1_1.bias"] = (renamed["convs.conv1_1.bias"].double() + shift).to(own)
    renamed["convs.conv1_1.weight"] = torch.einsum("oikl,ij->ojkl", first, weight[:, :, 0, 0]).to(own)
    return renamed


def is_normalized(tensors: Tensors) -> bool:
    """0 is a 1x1 convolution of RGB, then 2, 5, 9 ..."""
    return shape(tensors, "0.weight") == (3, 3, 1, 1) and chain(tensors, normalized_keys())


def is_torchvision(tensors: Tensors, depth: int, caffe: bool) -> bool:
    """features.<i>; index 14 follows 12 in VGG-16's block 3, 16 in VGG-19's. Caffe copies number the classifier 1, 4."""
    if any(key.startswith("features.") and key.endswith(".running_mean") for key in tensors):
        return False
    deep = "features.17.weight" if depth == 16 else "features.16.weight"
    return (
        deep in tensors
        and chain(tensors, torchvision_keys(depth))
        and ("classifier.1.weight" in tensors and "classifier.0.weight" not in tensors) == caffe
    )


def is_named(tensors: Tensors, depth: int) -> bool:
    """conv1_1 ... ; conv3_4 or anything deeper than VGG-16 has tells the two apart, else VGG-16."""
    has_19 = "conv3_4.weight" in tensors
    return (
        has_19 == (depth == 19)
        and "conv1_1.weight" in tensors
        and all(re.fullmatch(r"conv\d_\d\.(weight|bias)", key) for key in tensors)
        and chain(tensors, named_keys(depth))
    )


def _torchvision(depth: int, caffe: bool) -> Architecture:
    keys = torchvision_keys(depth)
    return Architecture(
        id=f"vgg{depth}-caffe-layers" if caffe else f"vgg{depth}",
        kind="encoder",
        title=f"VGG-{depth} (Caffe weights)" if caffe else f"VGG-{depth} (ImageNet)",
        recognize=lambda t: is_torchvision(t, depth, caffe),
        configure=lambda t: VGGConfig(widths(t, keys), normalization="caffe" if caffe else "imagenet"),
        build=VGG,
        rename=partial(rename, keys=keys),
        license="CC BY 4.0" if caffe else "BSD-3-Clause",
    )


def _named(depth: int) -> Architecture:
    keys = named_keys(depth)
    return Architecture(
        id=f"vgg{depth}-caffe",
        kind="encoder",
        title=f"VGG-{depth} (Caffe weights)",
        recognize=lambda t: is_named(t, depth),
        configure=lambda t: VGGConfig(widths(t, keys), normalization="caffe"),
        build=VGG,
        rename=partial(rename, keys=keys),
        license="CC BY 4.0",
    )


NORMALIZED = Architecture(
    id="vgg19-normalised",
    kind="encoder",
    title="VGG-19, normalized (AdaIN, WCT)",
    recognize=is_normalized,
    configure=lambda t: VGGConfig(widths(t, normalized_keys()), "reflect", True, "conv0"),
    build=VGG,
    rename=partial(fold_conv0, keys=normalized_keys(), conv0="0"),
    license="MIT",
)
ARCHITECTURES = (
    NORMALIZED,
    _torchvision(19, caffe=False),
    _torchvision(16, caffe=False),
    _torchvision(19, caffe=True),
    _torchvision(16, caffe=True),
    _named(19),
    _named(16),
)
