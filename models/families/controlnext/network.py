"""ControlNeXt's light network (Peng et al. 2024, arXiv:2408.06070; dvlab-research/ControlNeXt, Apache-2.0): a hint picture and a
time become one map that is added to a UNet's features.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log

import torch
import torch.nn.functional as F
from torch import Tensor, nn

TIME, EMBEDDED = 128, 256
RES_EPS = 1e-6
EMBEDDING_GROUPS, MIDDLE_GROUPS = 2, 8


@dataclass(frozen=True)
class ControlNeXtConfig:
    """blocks: (inputs, outputs, groups) of each residual block. embedded: three convolutions stand before them (all but the first
    published networks for SD1.5). outputs: channels of the map. scaled: a learned scale is part of the file.
    """

    blocks: tuple[tuple[int, int, int], ...]
    outputs: int
    embedded: bool
    scaled: bool


class ResBlock(nn.Module):
    """Two convolutions with the time between them; keys as diffusers' ResnetBlock2D."""

    def __init__(self, inputs: int, outputs: int, groups: int) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(groups, inputs, eps=RES_EPS)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.time_emb_proj = nn.Linear(EMBEDDED, outputs)
        self.norm2 = nn.GroupNorm(groups, outputs, eps=RES_EPS)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.conv_shortcut = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        """x [B, I, H, W], time [B, 256] -> [B, O, H, W]."""
        y = self.conv1(F.silu(self.norm1(x))) + self.time_emb_proj(F.silu(time))[:, :, None, None]
        return self.conv2(F.silu(self.norm2(y))) + self.conv_shortcut(x)


class Halved(nn.Module):
    """A convolution of stride 2."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, C, H / 2, W / 2]."""
        return self.conv(x)


class TimeEmbedding(nn.Module):
    """Time of diffusion (0 to 999) as 256 numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.linear_1 = nn.Linear(TIME, EMBEDDED)
        self.linear_2 = nn.Linear(EMBEDDED, EMBEDDED)

    def forward(self, timestep: Tensor) -> Tensor:
        """[B] -> [B, 256]; cosines first."""
        half = TIME // 2
        rates = torch.exp(torch.arange(half, device=timestep.device, dtype=torch.float32) * (-log(10000) / half))
        angles = timestep.float()[:, None] * rates
        waves = torch.cat([angles.cos(), angles.sin()], dim=1).to(self.linear_1.weight.dtype)
        return self.linear_2(F.silu(self.linear_1(waves)))


class ControlNeXt(nn.Module):
    """Hint [B, 3, 8H, 8W] in 0..1 and time [B] -> the map [B, C, H, W] that is injected. Keys as published."""

    def __init__(self, config: ControlNeXtConfig) -> None:
        super().__init__()
        self.config = config
        self.time_embedding = TimeEmbedding()
        last = config.blocks[-1][1]
        if config.embedded:
            self.embedding = nn.Sequential(
                *(nn.Conv2d(3, 64, 3, stride=2, padding=1), nn.GroupNorm(EMBEDDING_GROUPS, 64), nn.ReLU()),
                *(nn.Conv2d(64, 64, 3, padding=1), nn.GroupNorm(EMBEDDING_GROUPS, 64), nn.ReLU()),
                *(nn.Conv2d(64, 128, 3, padding=1), nn.GroupNorm(EMBEDDING_GROUPS, 128), nn.ReLU()),
            )
            middle = [
                *(nn.Conv2d(last, last, 3, padding=1), nn.ReLU(), nn.GroupNorm(MIDDLE_GROUPS, last)),
                *(nn.Conv2d(last, last, 3, padding=1), nn.GroupNorm(MIDDLE_GROUPS, last)),
            ]
        else:
            self.embedding = nn.Identity()
            middle = [nn.Conv2d(last, last, 3, padding=1), nn.ReLU(), nn.Conv2d(last, last, 3, padding=1)]
        self.down_res = nn.ModuleList(ResBlock(*block) for block in config.blocks)
        self.down_sample = nn.ModuleList(Halved(outputs) for _, outputs, _ in config.blocks)
        self.mid_convs = nn.ModuleList([nn.Sequential(*middle), nn.Conv2d(last, config.outputs, 1)])
        self.scale = nn.Parameter(torch.ones(())) if config.scaled else None

    def forward(self, hint: Tensor, timestep: Tensor) -> Tensor:
        """The map, without the learned scale."""
        time = self.time_embedding(timestep)
        x = self.embedding(hint)
        for block, halve in zip(self.down_res, self.down_sample, strict=True):
            x = halve(block(x, time))
        y = self.mid_convs[0](x)
        return self.mid_convs[1](y + x if self.config.embedded else y)
