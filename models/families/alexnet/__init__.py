"""AlexNet of torchvision (alexnet-owt-7be5be79): LPIPS' first network. The classifier, most of the file, is left out."""

from __future__ import annotations

from torch import Tensor

from ...architecture import Architecture, Tensors, shape
from .network import INDICES, KERNELS, AlexNet, AlexNetConfig


def recognize(tensors: Tensors) -> bool:
    """Five convolutions of AlexNet's kernels that feed one another from RGB on."""
    channels = 3
    for index, kernel in zip(INDICES, KERNELS, strict=True):
        found = shape(tensors, f"features.{index}.weight")
        if found[1:] != (channels, kernel, kernel):
            return False
        channels = found[0]
    return True


def rename(tensors: Tensors, config: AlexNetConfig) -> dict[str, Tensor]:
    """Without the classifier."""
    return {f"features.{i}.{part}": tensors[f"features.{i}.{part}"] for i in INDICES for part in ("weight", "bias")}


ARCHITECTURE = Architecture(
    id="alexnet",
    kind="metric",
    title="AlexNet (ImageNet)",
    recognize=recognize,
    configure=lambda t: AlexNetConfig(tuple(shape(t, f"features.{i}.weight")[0] for i in INDICES)),
    build=AlexNet,
    rename=rename,
    license="BSD-3-Clause",
)
ARCHITECTURES = (ARCHITECTURE,)
