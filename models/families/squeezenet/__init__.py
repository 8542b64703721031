"""SqueezeNet 1.1 of torchvision (squeezenet1_1-b8a52dc0), through which LPIPS looks too."""

from __future__ import annotations

from torch import Tensor

from ...architecture import Architecture, Tensors, shape
from .network import FIRES, SqueezeNet, SqueezeNetConfig

LAYERS = ("squeeze", "expand1x1", "expand3x3")


def recognize(tensors: Tensors) -> bool:
    """A first convolution of 3x3 and fire modules at 1.1's places."""
    return shape(tensors, "features.0.weight")[1:] == (3, 3, 3) and all(
        f"features.{index}.{layer}.weight" in tensors for index in FIRES for layer in LAYERS
    )


def configure(tensors: Tensors) -> SqueezeNetConfig:
    """Channels of every layer."""
    fires = []
    for index in FIRES:
        squeezed, one, three = (shape(tensors, f"features.{index}.{layer}.weight")[0] for layer in LAYERS)
        fires.append((squeezed, one, three))
    return SqueezeNetConfig(shape(tensors, "features.0.weight")[0], tuple(fires))


def rename(tensors: Tensors, config: SqueezeNetConfig) -> dict[str, Tensor]:
    """Without the classifier."""
    return {key: tensor for key, tensor in tensors.items() if key.startswith("features.")}


ARCHITECTURE = Architecture(
    id="squeezenet",
    kind="metric",
    title="SqueezeNet 1.1 (ImageNet)",
    recognize=recognize,
    configure=configure,
    build=SqueezeNet,
    rename=rename,
    license="BSD-3-Clause",
)
ARCHITECTURES = (ARCHITECTURE,)
