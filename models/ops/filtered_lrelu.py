"""StyleGAN3's nonlinearity: leaky ReLU between an upsampling and a downsampling filter, so that it makes no aliases.

Karras et al. 2021 (arXiv:2106.12423), section 3.2; `filtered_lrelu` of NVlabs/stylegan3 states positions and gains.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .cached_filters import CachedFilters


@dataclass(frozen=True)
class Resampling:
    """up, down: factors. before, after: places added along each axis at the higher rate, negative to cut."""

    up: int
    down: int
    before: int
    after: int

    def between(self, size: int, taps: int) -> int:
        """Places along an axis behind the upsampling filter of so many taps."""
        return size * self.up + self.before + self.after - taps + 1


class FilteredLReLU:
    """x + bias -> upsample -> leaky ReLU times gain, clamped -> downsample.

    up_filter [k] or None for the identity; down_filter [k], [k, k] (radial) or None. Filters add up to one.
    """

    def __init__(
        self,
        up_filter: Tensor | None,
        down_filter: Tensor | None,
        how: Resampling,
        gain: float,
        slope: float,
        clamp: float | None,
    ) -> None:
        self.up_filter, self.down_filter, self.how = up_filter, down_filter, how
        self.gain, self.slope, self.clamp = gain, slope, clamp
        self._cached: dict[tuple[int, int], CachedFilters | None] = {}

    def __call__(self, x: Tensor, bias: Tensor) -> Tensor:
        """x [B, C, H, W], bias [C] -> [B, C, H', W']."""
        tracked = torch.is_grad_enabled() and x.requires_grad
        if not tracked and x.device.type == "cpu" and x.dtype == torch.float32:
            cached = self._filters(x.shape[2], x.shape[3])
            if cached is not None:
                return cached(x, bias, self.slope, self.clamp)
        return self._plain(x, bias)

    def _filters(self, height: int, width: int) -> CachedFilters | None:
        """The processor's way for maps of this size, None where it has none."""
        key = height, width
        if key not in self._cached:
            how, taps, kernel = self.how, self.up_filter, self.down_filter
            cached = None
            if taps is not None and kernel is not None and how.up % how.down == 0:
                cached = CachedFilters(key, taps, kernel, how.up, how.down, how.before, how.after, self.gain)
            self._cached[key] = cached
        return self._cached[key]

    def _plain(self, x: Tensor, bias: Tensor) -> Tensor:
        """Step by step, on any device and with gradients; no product with a zero between samples is computed."""
        y = _upsampled(x + bias[:, None, None], self.up_filter, self.how)
        y = (F.leaky_relu(y, self.slope) if self.slope != 1 else y) * self.gain
        if self.clamp is not None:
            y = y.clamp(-self.clamp, self.clamp)
        return _downsampled(y, self.down_filter, self.how.down)


def _upsampled(x: Tensor, taps: Tensor | None, how: Resampling) -> Tensor:
    """[B, C, H, W] with zeros between the samples, padded, and filtered along both axes with gain up^2."""
    if taps is None:
        return F.pad(x, (how.before, how.after, how.before, how.after))
    kernel = (taps * how.up).to(x)
    channels, size = x.shape[1], taps.numel()
    for axis in (2, 3):
        shape, step = ((1, size, 1), (how.up, 1)) if axis == 2 else ((1, 1, size), (1, how.up))
        wanted = how.between(x.shape[axis], size)
        # All places that a sample reaches; what the padding is for begins size - 1 - before after the first of them.
        y = F.conv_transpose2d(x, kernel.view(shape).expand(channels, *shape), stride=step, groups=channels)
        x = _narrowed(y, axis, size - 1 - how.before, wanted)
    return x


def _narrowed(y: Tensor, axis: int, start: int, length: int) -> Tensor:
    """Places start to start + length of an axis, zeros where it has none."""
    front, back = max(-start, 0), max(start + length - y.shape[axis], 0)
    if front or back:
        y = F.pad(y, (front, back) if axis == 3 else (0, 0, front, back))
    return y.narrow(axis, start + front, length)


def _downsampled(x: Tensor, kernel: Tensor | None, down: int) -> Tensor:
    """[B, C, H, W] filtered by taps [k] along both axes or by [k, k], every `down`-th kept."""
    if kernel is None:
        return x[..., ::down, ::down]
    channels, size = x.shape[1], kernel.shape[0]
    if kernel.ndim == 2:
        return F.conv2d(x, kernel.flip((0, 1)).to(x).expand(channels, 1, size, size), stride=down, groups=channels)
    line = kernel.flip(0).to(x)
    x = F.conv2d(x, line.view(1, 1, size, 1).expand(channels, 1, size, 1), stride=(down, 1), groups=channels)
    return F.conv2d(x, line.view(1, 1, 1, size).expand(channels, 1, 1, size), stride=(1, down), groups=channels)
