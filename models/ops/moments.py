"""Weighted first and second moments of feature maps, exact over tiles.

Every closed-form transfer (AdaIN, WCT, optimal transport, CORAL) is a function of the moments of the
content and of the style. They are kept as (weight, mean, scatter), which two tiles can be merged into
one (Chan, Golub, LeVeque 1979), so statistics of a picture of any size need only one tile in memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import torch
from torch import Tensor

from .rows import rows


@dataclass(frozen=True)
class Moments:
    """Moments of [B, C, H, W] features over their positions.

    weight: [B], the sum of the position weights (H*W without a mask).
    mean: [B, C].
    scatter: sums of squared deviations, [B, C] (diagonal) or [B, C, C] (full).
    """

    weight: Tensor
    mean: Tensor
    scatter: Tensor

    @property
    def full(self) -> bool:
        """True where the scatter holds all channel pairs, not only the variances."""
        return self.scatter.dim() == 3

    def variance(self) -> Tensor:
        """Unbiased variances, [B, C]."""
        diagonal = self.scatter.diagonal(dim1=-2, dim2=-1) if self.full else self.scatter
        return diagonal / (self.weight - 1).clamp_min(1)[:, None]

    def covariance(self) -> Tensor:
        """Unbiased covariance, [B, C, C]; ValueError for diagonal moments."""
        if not self.full:
            raise ValueError("these moments hold variances only: measure them with full=True for a covariance")
        return self.scatter / (self.weight - 1).clamp_min(1)[:, None, None]

    def std(self, eps: float = 1e-5) -> Tensor:
        """sqrt(unbiased variance + eps), [B, C]: the convention of AdaIN's published code."""
        return (self.variance() + eps).sqrt()

    def merge(self, other: Moments) -> Moments:
        """The moments of both sets of positions together (exact)."""
        weight = self.weight + other.weight
        share = (other.weight / weight.clamp_min(torch.finfo(weight.dtype).tiny))[:, None]
        delta = other.mean - self.mean
        between = (self.weight * share[:, 0])[:, None] * delta
        between = between[:, :, None] * delta[:, None, :] if self.full else between * delta
        return Moments(weight, self.mean + share * delta, self.scatter + other.scatter + between)

    def select(self, index: Tensor) -> Moments:
        """The rows `index` of the batch (repeats allowed)."""
        return Moments(self.weight[index], self.mean[index], self.scatter[index])


def measure(features: Tensor, mask: Tensor | None = None, full: bool = False) -> Moments:
    """Moments of features [B, C, H, W], optionally under position weights mask [B, 1, H, W] in 0..1.

    With `full` the scatter is [B, C, C], else [B, C]. A mask of zeros gives zero weight, mean and scatter.
    """
    parts = rows(features) if mask is None else rows(features, mask)
    return reduce(Moments.merge, (_measure(*part, full=full) for part in parts))


def _measure(features: Tensor, mask: Tensor | None = None, *, full: bool) -> Moments:
    if mask is None and not full:
        variance, mean = torch.var_mean(features, dim=(2, 3), correction=0)
        count = features.shape[2] * features.shape[3]
        return Moments(mean.new_full((mean.shape[0],), float(count)), mean, variance * count)
    flat = features.flatten(2)  # [B, C, N]
    if mask is None:
        weight = flat.new_full((flat.shape[0],), float(flat.shape[2]))
        mean = flat.mean(dim=2)
        centered = flat - mean[:, :, None]
        weighted = centered
    else:
        w = mask.flatten(2).to(flat.dtype)  # [B, 1, N]
        weight = w.sum(dim=(1, 2))
        mean = (flat * w).sum(dim=2) / weight.clamp_min(1e-12)[:, None]
        centered = flat - mean[:, :, None]
        weighted = centered * w
    scatter = weighted @ centered.transpose(1, 2) if full else (weighted * centered).sum(dim=2)
    return Moments(weight, mean, scatter)
