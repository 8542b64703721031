"""Affine maps of feature channels: what every closed-form style transfer comes down to.

AdaIN is a diagonal map, WCT and optimal transport are full ones. Kept as maps, they can be mixed, weakened
and applied tile by tile before a single pixel is decoded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .rows import by_rows


@dataclass(frozen=True)
class AffineMap:
    """x -> matrix x + offset on the channel axis.

    matrix: [B, C] (diagonal) or [B, C, C]. offset: [B, C].
    """

    matrix: Tensor
    offset: Tensor

    def __call__(self, features: Tensor) -> Tensor:
        """Apply to features [B, C, H, W]."""
        return by_rows(self._apply, features)

    def _apply(self, features: Tensor) -> Tensor:
        matrix = self.matrix.to(features.dtype)
        offset = self.offset.to(features.dtype)
        if matrix.dim() == 2:
            return torch.addcmul(offset[:, :, None, None], features, matrix[:, :, None, None])
        b, c, h, w = features.shape
        out = torch.baddbmm(offset[:, :, None], matrix, features.reshape(b, c, h * w))
        return out.reshape(b, c, h, w)

    def weaken(self, strength: float) -> AffineMap:
        """Interpolate towards the identity: strength 0 is the identity, 1 the map itself."""
        if self.matrix.dim() == 2:
            identity = torch.ones_like(self.matrix)
        else:
            identity = torch.eye(self.matrix.shape[-1], dtype=self.matrix.dtype, device=self.matrix.device)
        return AffineMap(identity + strength * (self.matrix - identity), strength * self.offset)


def mix(maps: Sequence[AffineMap], weights: Sequence[float]) -> AffineMap:
    """The weighted sum of maps, weights scaled to sum 1: the same as summing their outputs.

    Diagonal and full maps may be mixed; the sum is then full.
    """
    total = float(sum(weights))
    if len(maps) != len(weights) or not maps:
        raise ValueError(f"got {len(maps)} maps and {len(weights)} weights: they must pair up")
    if total <= 0 or min(weights) < 0:
        raise ValueError("style weights must not be negative and at least one must be above 0")
    full = any(m.matrix.dim() == 3 for m in maps)
    matrices = [torch.diag_embed(m.matrix) if full and m.matrix.dim() == 2 else m.matrix for m in maps]
    matrix = sum((m * (w / total) for m, w in zip(matrices, weights, strict=True)), torch.zeros_like(matrices[0]))
    offset = sum((m.offset * (w / total) for m, w in zip(maps, weights, strict=True)), torch.zeros_like(maps[0].offset))
    return AffineMap(matrix, offset)
