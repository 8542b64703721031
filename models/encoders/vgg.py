"""VGG-16 and VGG-19 as feature extractors, in every published form, computing only what is asked for.

One network serves torchvision's ImageNet weights, the Caffe weights, the normalized VGG-19 of AdaIN and
WCT (Huang and Belongie 2017; Li et al. 2017) and the 16x pruned encoders of Wang et al. 2020: they differ
in widths, padding, pooling and in how the input is normalized. Simonyan and Zisserman 2014, arXiv:1409.1556.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..ops.padding import pad_small

VGG16_BLOCKS = (2, 2, 3, 3, 3)
VGG19_BLOCKS = (2, 2, 4, 4, 4)
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
CAFFE_MEAN_BGR = (103.939, 116.779, 123.68)


def conv_names(blocks: Sequence[int]) -> list[str]:
    """conv1_1, conv1_2, conv2_1, ... for a network with `blocks` convolutions per block."""
    return [f"conv{b}_{i}" for b, count in enumerate(blocks, 1) for i in range(1, count + 1)]


def tap_to_conv(tap: str) -> str:
    """relu3_1 -> conv3_1."""
    return tap.replace("relu", "conv")


@dataclass(frozen=True)
class VGGConfig:
    """What is not in the weights' names.

    widths: output channels of each convolution present, by canonical name and in order.
    padding: "zeros" (ImageNet training) or "reflect" (AdaIN, WCT).
    ceil_pool: pools round odd sides up (AdaIN's Lua heritage) instead of down.
    normalization: "imagenet" (RGB, mean/std), "caffe" (BGR 0..255 minus means) or "conv0" (the 1x1
        convolution that AdaIN's file carries, folded into conv1_1 on loading).
    """

    widths: tuple[tuple[str, int], ...]
    padding: Literal["zeros", "reflect"] = "zeros"
    ceil_pool: bool = False
    normalization: str = "imagenet"

    @property
    def taps(self) -> tuple[str, ...]:
        """Names of the activations this network can give: relu1_1 ... ."""
        return tuple(name.replace("conv", "relu") for name, _ in self.widths)


class VGG(nn.Module):
    """forward(images [B, 3, H, W] in 0..1 RGB, taps) -> {tap: [B, C, h, w]}, post-ReLU.

    Attributes: `pooling` is "max" (as trained) or "average" (Gatys et al. 2016, smoother gradients).
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, config: VGGConfig) -> None:
        super().__init__()
        self.config = config
        self.pooling = "max"
        self.convs = nn.ModuleDict()
        channels = 3
        for name, width in config.widths:
            self.convs[name] = nn.Conv2d(channels, width, 3, padding=1, padding_mode=config.padding)
            channels = width
        mean, scale = self._constants()
        self.register_buffer("mean", mean.float(), persistent=False)
        self.register_buffer("scale", scale.float(), persistent=False)

    def _constants(self) -> tuple[Tensor, Tensor]:
        """mean and scale [3, 1, 1] in double precision."""
        mean, scale = torch.zeros(3, dtype=torch.float64), torch.ones(3, dtype=torch.float64)
        if self.config.normalization == "imagenet":
            mean, scale = mean.new_tensor(IMAGENET_MEAN), 1 / scale.new_tensor(IMAGENET_STD)
        elif self.config.normalization == "caffe":
            mean, scale = mean.new_tensor(CAFFE_MEAN_BGR).flip(0) / 255, scale.new_full((3,), 255.0)
        return mean[:, None, None], scale[:, None, None]

    def _apply(self, fn: Any, recurse: bool = True) -> VGG:
        super()._apply(fn, recurse)
        if self.mean.dtype == torch.float64:  # else they would be the single precision ones, widened
            self.mean, self.scale = (value.to(self.mean.device) for value in self._constants())
        return self

    def forward(self, images: Tensor, taps: Sequence[str]) -> dict[str, Tensor]:
        """Run as far as the last tap. Raises ValueError for a tap this network does not have."""
        wanted = {tap_to_conv(tap): tap for tap in taps}
        unknown = [tap for conv, tap in wanted.items() if conv not in self.convs]
        if unknown:
            raise ValueError(f"this encoder has no {', '.join(unknown)}: it has {', '.join(self.config.taps)}")
        x = images if self.config.normalization == "conv0" else (images - self.mean) * self.scale
        if self.config.normalization == "caffe":
            x = x.flip(1)
        found: dict[str, Tensor] = {}
        for name, conv in self.convs.items():
            if name.endswith("_1") and name != "conv1_1":
                x = self.pool(x)
            x = F.relu(conv(pad_small(x) if self.config.padding == "reflect" else x), inplace=not x.requires_grad)
            if name in wanted:
                found[wanted[name]] = x
                if len(found) == len(wanted):
                    break
        return {tap: found[tap] for tap in taps}

    def pool(self, x: Tensor) -> Tensor:
        """Halve the sides. A side of 1 stays 1 (published code fails there)."""
        ceil = self.config.ceil_pool or min(x.shape[-2:]) < 2
        pool = F.max_pool2d if self.pooling == "max" else F.avg_pool2d
        return pool(x, 2, ceil_mode=ceil)

    @property
    def strides(self) -> dict[str, int]:
        """Pixels of the picture per feature, by tap."""
        return {tap: 2 ** (int(tap[4]) - 1) for tap in self.config.taps}

    def size(self, height: int, width: int, tap: str) -> tuple[int, int]:
        """Height and width of the features at a tap: sides halve, rounding as the pools do."""
        for _ in range(int(tap[4]) - 1):
            up = self.config.ceil_pool or min(height, width) < 2
            height, width = ((height + up) // 2, (width + up) // 2)
        return height, width

    def halo(self, taps: Sequence[str]) -> int:
        """Pixels around a point that can change its features at these taps: one stride per convolution or pool."""
        deepest = max(self.config.taps.index(tap) for tap in taps)
        names = [name for name, _ in self.config.widths[: deepest + 1]]
        pools = sum(2 ** (int(name[4]) - 2) for name in names if name.endswith("_1") and name != "conv1_1")
        return sum(2 ** (int(name[4]) - 1) for name in names) + pools

    def bytes_per_pixel(self, taps: Sequence[str]) -> float:
        """Peak memory per pixel in bytes: the input, padded input and output of the widest convolution, and the taps."""
        widths = dict(self.config.widths)
        area = {name: 4.0 ** (1 - int(name[4])) for name in widths}
        kept = sum(widths[tap_to_conv(tap)] * area[tap_to_conv(tap)] for tap in taps)
        return 4 * (3 * max(widths[name] * area[name] for name in widths) + kept)
