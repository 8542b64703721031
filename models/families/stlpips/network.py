"""ST-LPIPS (Ghildyal and Liu 2022, arXiv:2207.13686): LPIPS that a shift by a few pixels does not disturb.

AlexNet or VGG-16 without strides: every halving is a maximum over neighbors followed by a blur (Zhang 2019, arXiv:1904.11486)
over a picture that is reflected by two pixels. The linear layers of the distance are in the same file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...encoders.vgg import IMAGENET_MEAN, IMAGENET_STD

PAD = 2
SMALLEST_SIDE = 32


@dataclass(frozen=True)
class STLPIPSConfig:
    """backbone: whose layers. slices: the convolutions' weight shapes, for each of the five parts between taps."""

    backbone: Literal["alex", "vgg"]
    slices: tuple[tuple[tuple[int, ...], ...], ...]


class STLPIPS(nn.Module):
    """forward(images [B, 3, H, W] in 0..1 RGB) -> five maps [B, C, h, w], post-ReLU. `heads` are the distance's weights [C].

    Sides of at least 32 pixels.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, config: STLPIPSConfig) -> None:
        super().__init__()
        self.config = config
        self.slices = nn.ModuleList(
            nn.ModuleList(nn.Conv2d(i, o, k, padding=2 if k == 11 else k // 2) for o, i, k, _ in shapes)
            for shapes in config.slices
        )
        self.heads = nn.ParameterList(nn.Parameter(torch.zeros(shapes[-1][0])) for shapes in config.slices)
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD)[:, None, None], persistent=False)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Raises ValueError for pictures that are too small."""
        if min(images.shape[-2:]) < SMALLEST_SIDE:
            height, width = images.shape[-2:]
            raise ValueError(
                f"a picture of {width}x{height} pixels is too small for ST-LPIPS: give sides of {SMALLEST_SIDE} or more"
            )
        x, found = (images - self.mean) / self.std, []
        for index, convolutions in enumerate(self.slices):
            if self.halves(index):
                x = blurred_half(F.max_pool2d(x, 3 if self.config.backbone == "alex" else 2, 1))
            for convolution in convolutions:  # type: ignore[attr-defined]
                x = convolution(x)
                if self.config.backbone == "alex" and index == 0:
                    x = blurred_half(x)
                x = F.relu(x)
            found.append(x)
        return found

    def halves(self, index: int) -> bool:
        """Whether a part begins at half the size."""
        return index in (1, 2) if self.config.backbone == "alex" else index > 0


def blurred_half(x: Tensor) -> Tensor:
    """Every second value of [B, C, H, W], reflected by two, under the filter 1 2 1 in both directions."""
    line = x.new_tensor([1.0, 2.0, 1.0]) / 4
    kernel = (line[:, None] * line[None, :]).expand(x.shape[1], 1, 3, 3)
    return F.conv2d(F.pad(x, (PAD,) * 4, mode="reflect"), kernel, stride=2, groups=x.shape[1])
