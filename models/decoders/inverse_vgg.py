"""Decoders that mirror VGG: from relu<k>_1 back to the picture.

One network serves AdaIN's decoder (Huang and Belongie 2017), the feature invertors of WCT (Li et al. 2017) and the
16x pruned ones (Wang et al. 2020): the convolutions of VGG-19 in reverse order, reflection padding, ReLU between them, and
nearest-neighbor enlargement after each conv<k>_1 with k > 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from ..encoders.vgg import VGG19_BLOCKS, conv_names
from ..ops.padding import pad_small


@dataclass(frozen=True)
class InverseVGGConfig:
    """widths: (canonical name of the mirrored convolution, input channels, output channels), deep to shallow.

    rectified: a ReLU on the picture too, as the 16x pruned decoders were trained with; it matters between WCT's levels.
    """

    widths: tuple[tuple[str, int, int], ...]
    rectified: bool = False

    @property
    def level(self) -> int:
        """k of the relu<k>_1 it starts from."""
        return int(self.widths[0][0][4])


def inverse_names(level: int) -> list[str]:
    """conv<level>_1 ... conv1_1: the order in which the decoder runs."""
    names = conv_names(VGG19_BLOCKS)
    return names[names.index(f"conv{level}_1") :: -1]


class InverseVGG(nn.Module):
    """forward(features [B, C, h, w]) -> pictures [B, 3, H, W] near 0..1, H = h * 2^(level - 1)."""

    def __init__(self, config: InverseVGGConfig) -> None:
        super().__init__()
        self.config = config
        self.convs = nn.ModuleDict({name: nn.Conv2d(i, o, 3, padding=1, padding_mode="reflect") for name, i, o in config.widths})

    def forward(self, x: Tensor) -> Tensor:
        last = self.config.widths[-1][0]
        for name, conv in self.convs.items():
            x = conv(pad_small(x))
            if name != last:
                x = F.relu(x, inplace=not x.requires_grad)
                if name.endswith("_1"):
                    x = F.interpolate(x, scale_factor=2, mode="nearest")
        return F.relu(x) if self.config.rectified else x

    @property
    def halo(self) -> int:
        """Pixels around a point of the picture that can change it, in pixels of the picture."""
        return sum(2 ** (int(name[4]) - 1) for name in self.convs) + 2 ** (self.config.level - 1)
