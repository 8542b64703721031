"""Measuring the statistics that normalizations need, fast and without loss on large pictures."""

from __future__ import annotations

import torch
from torch import Tensor

from ..ops.moments import Moments
from ..ops.normalization import Statistics

NUMBERS_AT_ONCE = 1 << 20


def moments_of(x: Tensor) -> Moments:
    """Moments (diagonal) of [B, C, H, W] in double precision, [B, C].

    On the processor strip by strip: a strip stays in its cache for all three passes over it, and needs no copy of the whole map.
    (torch.var_mean reads channels-last memory ten times more slowly.)
    """
    if x.device.type != "cpu":
        variance, mean = torch.var_mean(x.float(), dim=(2, 3), correction=0)
        return _moments(mean, variance, x.shape[2] * x.shape[3])
    rows = max(1, NUMBERS_AT_ONCE // (x.shape[0] * x.shape[1] * x.shape[3]))
    total: Moments | None = None
    for strip in x.split(rows, dim=2):
        strip = strip.float()
        mean = strip.mean(dim=(2, 3), keepdim=True)
        variance = (strip - mean).square_().mean(dim=(2, 3))
        part = _moments(mean[:, :, 0, 0], variance, strip.shape[2] * strip.shape[3])
        total = part if total is None else total.merge(part)
    assert total is not None
    return total


def statistics_of(moments: Moments) -> Statistics:
    """As single precision means and biased variances."""
    weight = moments.weight[:, None]
    return Statistics(moments.mean.float(), (moments.scatter / weight).float(), int(moments.weight[0]))


def _moments(mean: Tensor, variance: Tensor, count: int) -> Moments:
    precise = torch.float32 if mean.device.type == "mps" else torch.float64
    mean, variance = mean.to(precise), variance.to(precise)
    return Moments(mean.new_full((mean.shape[0],), float(count)), mean, variance * count)
