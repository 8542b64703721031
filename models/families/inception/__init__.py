"""Inception-v3 as FID and ArtFID read it: mseitzer/pytorch-fid's port of TensorFlow's network, and matthias-wright/art-fid's.

torchvision's own file is neither and is not claimed: numbers made with it would look like FID and be none.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from ...architecture import Architecture, Tensors, shape
from .network import Inception, InceptionConfig, names

CLASSES = 1008  # of TensorFlow's network


def is_inception(tensors: Tensors) -> bool:
    """All convolutions with their normalizations."""
    return all(len(shape(tensors, f"{name}.conv.weight")) == 4 and f"{name}.bn.running_var" in tensors for name in names())


def is_fid(tensors: Tensors) -> bool:
    """1008 classes and no head beside."""
    return shape(tensors, "fc.weight")[:1] == (CLASSES,) and not has_second_head(tensors) and is_inception(tensors)


def is_art(tensors: Tensors) -> bool:
    """Two heads, for artists and styles."""
    return "fc1.weight" in tensors and "fc2.weight" in tensors and is_inception(tensors)


def has_second_head(tensors: Tensors) -> bool:
    """Whether it was trained with a head on the way, as torchvision's."""
    return any(key.startswith("AuxLogits") for key in tensors)


def configure(tensors: Tensors, pools: Literal["tensorflow", "torchvision"]) -> InceptionConfig:
    """Shapes of the convolutions."""
    return InceptionConfig(tuple((name, shape(tensors, f"{name}.conv.weight")) for name in names()), pools)


def rename(tensors: Tensors, config: InceptionConfig) -> dict[str, Tensor]:
    """Without the heads."""
    return {key: tensor for key, tensor in tensors.items() if key.startswith(("Conv2d_", "Mixed_"))}


FID = Architecture(
    id="inception-fid",
    kind="metric",
    title="Inception-v3 of FID",
    recognize=is_fid,
    configure=lambda t: configure(t, "tensorflow"),
    build=Inception,
    rename=rename,
    license="Apache-2.0",
    value_range="RGB -1..1, 299 x 299",
)
ART = Architecture(
    id="inception-art",
    kind="metric",
    title="Inception-v3 of ArtFID",
    recognize=is_art,
    configure=lambda t: configure(t, "torchvision"),
    build=Inception,
    rename=rename,
    license="MIT",
)
ARCHITECTURES = (FID, ART)
