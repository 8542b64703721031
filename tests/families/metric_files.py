"""Small files of the networks that measures look through, in their published names."""

from __future__ import annotations

import torch
from torch import Tensor
from torchvision.models import Inception3

from style_atelier.models.families.alexnet.network import AlexNetConfig
from style_atelier.models.families.inception.network import InceptionConfig, names
from style_atelier.models.families.squeezenet.network import SqueezeNetConfig
from style_atelier.models.families.stlpips.network import STLPIPSConfig
from style_atelier.tests.golden.fill import fill

NARROW = 16  # times narrower than the published ones
ALEXNET = AlexNetConfig((4, 6, 8, 6, 5))
SQUEEZENET = SqueezeNetConfig(4, tuple((2, i + 2, i + 3) for i in range(8)))
ALEX_SLICES = tuple(((o, i, k, k),) for o, i, k in ((4, 3, 11), (5, 4, 5), (6, 5, 3), (5, 6, 3), (4, 5, 3)))
STLPIPS = STLPIPSConfig("alex", ALEX_SLICES)


def inception_tensors(narrow: int = 1) -> dict[str, Tensor]:
    """FID's file, zeros."""
    whole = Inception3(num_classes=1008, aux_logits=False, init_weights=False).state_dict()
    return {name: torch.zeros(narrower(name, t, narrow), dtype=t.dtype) for name, t in whole.items()}


def narrower(name: str, tensor: Tensor, narrow: int) -> list[int]:
    """Channels divided, but for colors, classes and kernels."""
    first = [n if name.startswith("fc") else n // narrow for n in tensor.shape[:1]]
    second = [n if n == 3 else n // narrow for n in tensor.shape[1:2]]
    return [*first, *second, *tensor.shape[2:]]


def art_inception_tensors(narrow: int = 1) -> dict[str, Tensor]:
    """ArtFID's file: two heads, and others on the way."""
    tensors = inception_tensors(narrow)
    width = tensors.pop("fc.weight").shape[1]
    del tensors["fc.bias"]
    heads = {f"fc{i}.{part}": torch.zeros(*size) for i in (1, 2) for part, size in (("weight", (9, width)), ("bias", (9,)))}
    return {**tensors, "AuxLogits1.conv0.conv.weight": torch.zeros(8, 48, 1, 1), **heads}


def inception_config(narrow: int, pools: str) -> InceptionConfig:
    tensors = inception_tensors(narrow)
    return InceptionConfig(tuple((name, tuple(tensors[f"{name}.conv.weight"].shape)) for name in names()), pools)  # type: ignore


def alexnet_tensors() -> dict[str, Tensor]:
    channels = (3, *ALEXNET.widths)
    sizes = zip((0, 3, 6, 8, 10), (11, 5, 3, 3, 3), channels[:-1], channels[1:], strict=True)
    tensors = {f"features.{i}.weight": torch.zeros(o, c, k, k) for i, k, c, o in sizes}
    tensors |= {name.replace("weight", "bias"): torch.zeros(len(t)) for name, t in tensors.items()}
    return {**tensors, "classifier.1.weight": torch.zeros(3, 3)}


def squeezenet_tensors() -> dict[str, Tensor]:
    tensors, channels = {"features.0.weight": torch.zeros(SQUEEZENET.first, 3, 3, 3)}, SQUEEZENET.first
    for place, (squeezed, one, three) in zip((3, 4, 6, 7, 9, 10, 11, 12), SQUEEZENET.fires, strict=True):
        tensors[f"features.{place}.squeeze.weight"] = torch.zeros(squeezed, channels, 1, 1)
        tensors[f"features.{place}.expand1x1.weight"] = torch.zeros(one, squeezed, 1, 1)
        tensors[f"features.{place}.expand3x3.weight"] = torch.zeros(three, squeezed, 3, 3)
        channels = one + three
    tensors |= {name.replace("weight", "bias"): torch.zeros(len(t)) for name, t in tensors.items()}
    return {**tensors, "classifier.1.weight": torch.zeros(3, channels, 1, 1)}


def stlpips_tensors() -> dict[str, Tensor]:
    places = (0, 5, 9, 11, 13)
    tensors: dict[str, Tensor] = {"scaling_layer.shift": torch.zeros(1, 3, 1, 1), "net.slice2.4.filt": torch.zeros(4, 1, 3, 3)}
    for part, (place, ((o, i, k, _),)) in enumerate(zip(places, ALEX_SLICES, strict=True)):
        tensors[f"net.slice{part + 1}.{place}.weight"] = torch.zeros(o, i, k, k)
        tensors[f"net.slice{part + 1}.{place}.bias"] = torch.zeros(o)
        tensors[f"lin{part}.model.1.weight"] = torch.zeros(1, o, 1, 1)
    return tensors


FILES = {
    "inception-fid": lambda: inception_tensors(NARROW),
    "inception-art": lambda: art_inception_tensors(NARROW),
    "alexnet": alexnet_tensors,
    "squeezenet": squeezenet_tensors,
    "stlpips": stlpips_tensors,
}
CONFIGS = {
    "inception-fid": lambda: inception_config(NARROW, "tensorflow"),
    "inception-art": lambda: inception_config(NARROW, "torchvision"),
    "alexnet": lambda: ALEXNET,
    "squeezenet": lambda: SQUEEZENET,
    "stlpips": lambda: STLPIPS,
}


def seeded(identity: str) -> dict[str, Tensor]:
    """A small file with numbers in it."""
    tensors = FILES[identity]()
    fill(tensors, 3, 1.7)
    return tensors
