"""SqueezeNet 1.1 (Iandola et al. 2016, arXiv:1602.07360, as torchvision has it): the smallest network of LPIPS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...encoders.vgg import IMAGENET_MEAN, IMAGENET_STD

FIRES = (3, 4, 6, 7, 9, 10, 11, 12)  # their places in torchvision's `features`
AFTER_POOL = (3, 6, 9)
TAPS = {"relu1": 0, "fire4": 4, "fire7": 7, "fire9": 9, "fire10": 10, "fire11": 11, "fire12": 12}
SMALLEST_SIDE = 17


@dataclass(frozen=True)
class SqueezeNetConfig:
    """first: channels of the first convolution. fires: (squeezed, 1x1, 3x3) channels of each fire module."""

    first: int
    fires: tuple[tuple[int, int, int], ...]


class Fire(nn.Module):
    """Squeeze by 1x1, expand by 1x1 and 3x3 side by side."""

    def __init__(self, inputs: int, widths: tuple[int, int, int]) -> None:
        super().__init__()
        squeezed, one, three = widths
        self.squeeze = nn.Conv2d(inputs, squeezed, 1)
        self.expand1x1 = nn.Conv2d(squeezed, one, 1)
        self.expand3x3 = nn.Conv2d(squeezed, three, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.squeeze(x))
        return F.relu(torch.cat([self.expand1x1(x), self.expand3x3(x)], dim=1))


class SqueezeNet(nn.Module):
    """forward(images [B, 3, H, W] in 0..1 RGB, taps) -> {tap: [B, C, h, w]}, post-ReLU. Sides of at least 17 pixels."""

    mean: Tensor
    std: Tensor

    def __init__(self, config: SqueezeNetConfig) -> None:
        super().__init__()
        self.config = config
        self.features = nn.ModuleDict({"0": nn.Conv2d(3, config.first, 3, 2)})
        channels = config.first
        for index, widths in zip(FIRES, config.fires, strict=True):
            self.features[str(index)] = Fire(channels, widths)
            channels = widths[1] + widths[2]
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD)[:, None, None], persistent=False)

    def forward(self, images: Tensor, taps: Sequence[str] = tuple(TAPS)) -> dict[str, Tensor]:
        """Raises ValueError for pictures that are too small."""
        if min(images.shape[-2:]) < SMALLEST_SIDE:
            height, width = images.shape[-2:]
            raise ValueError(
                f"a picture of {width}x{height} pixels is too small for SqueezeNet: give sides of {SMALLEST_SIDE} or more"
            )
        x = F.relu(self.features["0"]((images - self.mean) / self.std))
        found = {0: x}
        for index in FIRES:
            if index in AFTER_POOL:
                x = F.max_pool2d(x, 3, 2, ceil_mode=True)
            x = found[index] = self.features[str(index)](x)
        return {tap: found[TAPS[tap]] for tap in taps}
