"""LPIPS and ST-LPIPS: how different two pictures look, by networks' features under weights fitted to people's judgments.

Zhang et al. 2018, arXiv:1801.03924, version 0.1 of the weights. The linear layers of LPIPS come with the pack
(`heads.safetensors`, BSD-2-Clause, Richard Zhang and others); the networks under them are torchvision's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Literal

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from .structural import same_shape

HEADS = Path(__file__).with_name("heads.safetensors")
EPS = 1e-10
VGG_TAPS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3")
Backbone = Literal["alex", "vgg", "squeeze"]
BACKBONES: tuple[Backbone, ...] = ("alex", "vgg", "squeeze")


@cache
def bundled() -> dict[str, Tensor]:
    """Everything in the file of heads: "lpips.alex.0" [C] and so on, "dists.alpha" and "dists.beta" [1475]."""
    return load_file(str(HEADS))


def lpips_heads(backbone: Backbone) -> list[Tensor]:
    """The weights [C] of each layer."""
    tensors = bundled()
    names = sorted((name for name in tensors if name.startswith(f"lpips.{backbone}.")), key=lambda n: int(n.rpartition(".")[2]))
    return [tensors[name] for name in names]


class PerceptualDistance:
    """features: pictures [B, 3, H, W] in 0..1 -> maps [B, C, h, w]. heads: a weight [C] >= 0 for each map's channels."""

    def __init__(self, features: Callable[[Tensor], Sequence[Tensor]], heads: Sequence[Tensor]) -> None:
        self.features = features
        self.heads = tuple(heads)

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        """The distance of two batches of equal size, [B]: 0 for equal pictures, about 1 for unlike ones. Raises ValueError."""
        return self.layers(a, b).sum(1)

    def layers(self, a: Tensor, b: Tensor) -> Tensor:
        """What each layer adds, [B, layers]."""
        return torch.stack([m.mean(dim=(1, 2, 3)) for m in self.maps(a, b)], dim=1)

    def spatial(self, a: Tensor, b: Tensor) -> Tensor:
        """Where they differ: [B, 1, H, W], whose layers are stretched to the picture's size and summed."""
        stretched = [F.interpolate(m, a.shape[-2:], mode="bilinear", align_corners=False) for m in self.maps(a, b)]
        return sum(stretched[1:], stretched[0])

    def maps(self, a: Tensor, b: Tensor) -> list[Tensor]:
        """Weighted squared differences at every position of every layer, [B, 1, h, w] each."""
        same_shape(a, b, 1, "LPIPS")
        pairs = zip(self.features(a), self.features(b), self.heads, strict=True)
        return [((unit(x) - unit(y)).square() * head.to(x)[:, None, None]).sum(1, keepdim=True) for x, y, head in pairs]


def unit(x: Tensor) -> Tensor:
    """Every position of [B, C, h, w] at length 1. The small number stands outside of the root, as the authors have it."""
    return x / (x.square().sum(1, keepdim=True).sqrt() + EPS)


def lpips(network: nn.Module, backbone: Backbone) -> PerceptualDistance:
    """LPIPS through torchvision's AlexNet, VGG-16 (as `VGG`) or SqueezeNet 1.1, with its published heads."""
    taps = (VGG_TAPS,) if backbone == "vgg" else ()
    return PerceptualDistance(lambda images: list(network(images, *taps).values()), lpips_heads(backbone))


def st_lpips(network: nn.Module) -> PerceptualDistance:
    """ST-LPIPS, whose file has everything."""
    return PerceptualDistance(network, list(network.heads))  # type: ignore[arg-type]
