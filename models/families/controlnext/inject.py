"""How ControlNeXt's map enters a UNet: cross normalization, as the authors' code has it and as their paper has it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch.nn.functional as F
from torch import Tensor

Formula = Literal["code", "paper"]
Variant = Literal["SD1.5 v1", "SD1.5 v2", "SDXL", "SVD v2"]


@dataclass(frozen=True)
class Placement:
    """Where a variant enters and how. group, index: of the host's block patches. eps: of the normalization.

    pool_first: the map is averaged down to the features' size before it is normalized, else after. scale: the authors'.
    """

    group: Literal["input", "output"]
    index: int
    eps: float
    pool_first: bool
    scale: float = 1.0


# v1 enters behind the middle block, which is where the output blocks begin; v2 and SVD behind the first down block with its
# downsampler; SDXL behind the first convolution. All three after the skip was stored.
PLACEMENTS: dict[Variant, Placement] = {
    "SD1.5 v1": Placement("output", 0, 1e-12, pool_first=True),
    "SD1.5 v2": Placement("input", 3, 1e-12, pool_first=True),
    "SDXL": Placement("input", 0, 1e-12, pool_first=False),
    "SVD v2": Placement("input", 3, 1e-5, pool_first=False, scale=0.2),
}


def injected(hidden: Tensor, control: Tensor, placement: Placement, strength: float, formula: Formula = "code") -> Tensor:
    """hidden [B, C, h, w] + strength times the map [B, C, H, W] with the features' mean and deviation. Statistics in float32.

    code: c <- (c - mean(c)) std(h) / (std(c) + eps) + mean(h). paper (equation 4): c <- (c - mean(h)) / sqrt(var(h) + eps).
    Mean and unbiased deviation are of each picture over channels and positions.
    """
    if strength == 0:
        return hidden
    c, h = control.float(), hidden.float()
    size = (h.shape[-2], h.shape[-1])
    if placement.pool_first:
        c = F.adaptive_avg_pool2d(c, size)
    axes = (1, 2, 3)
    mean, spread = h.mean(axes, keepdim=True), h.std(axes, keepdim=True)
    if formula == "code":
        c = (c - c.mean(axes, keepdim=True)) * (spread / (c.std(axes, keepdim=True) + placement.eps)) + mean
    else:
        c = (c - mean) / (spread.square() + placement.eps).sqrt()
    if not placement.pool_first:
        c = F.adaptive_avg_pool2d(c, size)
    return (h + c * (strength * placement.scale)).to(hidden.dtype)
