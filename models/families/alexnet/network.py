"""AlexNet's convolutions (Krizhevsky 2014, arXiv:1404.5997, as torchvision has them): what LPIPS looks through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...encoders.vgg import IMAGENET_MEAN, IMAGENET_STD

INDICES = (0, 3, 6, 8, 10)  # of the convolutions in torchvision's `features`
KERNELS = (11, 5, 3, 3, 3)
TAPS = ("relu1", "relu2", "relu3", "relu4", "relu5")
SMALLEST_SIDE = 31


@dataclass(frozen=True)
class AlexNetConfig:
    """widths: output channels of the five convolutions."""

    widths: tuple[int, ...]


class AlexNet(nn.Module):
    """forward(images [B, 3, H, W] in 0..1 RGB, taps) -> {tap: [B, C, h, w]}, post-ReLU. Sides of at least 31 pixels."""

    mean: Tensor
    std: Tensor

    def __init__(self, config: AlexNetConfig) -> None:
        super().__init__()
        self.config = config
        channels = (3, *config.widths[:-1])
        self.features = nn.ModuleDict()
        for index, kernel, inputs, outputs in zip(INDICES, KERNELS, channels, config.widths, strict=True):
            stride, padding = (4, 2) if index == 0 else (1, kernel // 2)
            self.features[str(index)] = nn.Conv2d(inputs, outputs, kernel, stride, padding)
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD)[:, None, None], persistent=False)

    def forward(self, images: Tensor, taps: Sequence[str] = TAPS) -> dict[str, Tensor]:
        """Raises ValueError for pictures that are too small."""
        if min(images.shape[-2:]) < SMALLEST_SIDE:
            height, width = images.shape[-2:]
            raise ValueError(
                f"a picture of {width}x{height} pixels is too small for AlexNet: give sides of {SMALLEST_SIDE} or more"
            )
        x, found = (images - self.mean) / self.std, {}
        for tap, (index, convolution) in zip(TAPS, self.features.items(), strict=True):
            x = F.relu(convolution(F.max_pool2d(x, 3, 2) if index in ("3", "6") else x))
            found[tap] = x
        return {tap: found[tap] for tap in taps}
