"""Resampling with a finite impulse response, as StyleGAN does it: zeros between the samples, then a filter.

Karras et al. 2019 (arXiv:1912.04958) smooth what a transposed convolution or an enlarged picture leaves with the outer product
of [1, 3, 3, 1] / 8; `upfirdn2d` of NVlabs/stylegan2-ada-pytorch states the positions. Filters have an even number of taps.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def smooth(x: Tensor, kernel: Tensor, gain: float, bias: Tensor | None = None) -> Tensor:
    """What a 3x3 transposed convolution of stride 2 leaves, [B, C, 2H + 1, 2W + 1], filtered by `kernel` [k, k] times `gain` ->
    [B, C, 2H, 2W], plus bias [C].
    """
    channels, size = x.shape[1], kernel.shape[0]
    weight = (kernel.flip((0, 1)) * gain).to(x).expand(channels, 1, size, size)
    return F.conv2d(x, weight, bias, padding=size // 2 - 1, groups=channels)


def upsample(x: Tensor, kernel: Tensor) -> Tensor:
    """Twice the size with brightness kept: [B, C, H, W], kernel [k, k] that adds up to one -> [B, C, 2H, 2W]."""
    channels, size = x.shape[1], kernel.shape[0]
    weight = (kernel * 4).to(x).expand(channels, 1, size, size)
    return F.conv_transpose2d(x, weight, stride=2, padding=size // 2 - 1, groups=channels)
