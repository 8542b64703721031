"""Upsampling, leaky ReLU and downsampling of a few channels at a time, while they are in the processor's cache.

A filter along columns is a band matrix, carried out band by band as small matrix products over all rows and channels. A filter
along rows is a convolution over blocks: pixels in memory are read as [rows, blocks, pixels of a block], and a library's
convolution makes each block of results from a block and the one after it, without a copy. A radial filter, which is no product
of two, is a depthwise convolution.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

BLOCK = 8  # pixels of a block, at the lower rate
BAND = 16  # results of a band at the higher rate, half as many at the lower
NUMBERS_AT_ONCE = 1 << 20  # at the higher rate
VECTOR = 16  # channels that a depthwise convolution takes together

Bands = list[tuple[Tensor, int, int, int, int]]


class CachedFilters:
    """For maps of one size [height, width]: taps [k] up, kernel [k] or [k, k] down, and `gain` at the higher rate.

    up, down: factors, the first a multiple of the second. before, after: places added along each axis at the higher rate.
    """

    def __init__(
        self, size: tuple[int, int], taps: Tensor, kernel: Tensor, up: int, down: int, before: int, after: int, gain: float
    ) -> None:
        height, width = size
        taps = taps.detach().cpu()
        kernel = kernel.detach().cpu()
        self.height, self.width, self.down = height, width, down
        self.high = [n * up + before + after - taps.numel() + 1 for n in size]
        self.low = [(n - kernel.shape[0]) // down + 1 for n in self.high]
        self.up_columns = bands(up_matrix(height, self.high[0], taps * (up * gain), up, before), BAND)
        reach, start = up_kernel(taps * up, up, before)
        self.up_rows, self.start = reach, start
        self.radial = kernel.ndim == 2
        wide = BLOCK * up
        blocks = -(-self.high[1] // wide)
        if self.radial:
            self.down_weight = kernel.flip((0, 1))[None, None].repeat(VECTOR, 1, 1, 1)
        else:
            self.down_columns = bands(down_matrix(self.high[0], self.low[0], kernel, down), BAND // 2)
            self.down_rows = down_kernel(kernel, down)
            needed = (-(-self.low[1] // BLOCK) - 1 + self.down_rows.shape[3]) * BLOCK * down
            blocks = max(blocks, -(-needed // wide))
        self.between = blocks * wide
        self.input_width = (blocks + self.up_rows.shape[3] - 1) * BLOCK
        together = max(NUMBERS_AT_ONCE // (self.high[0] * self.between), 1)
        self.together = max(together // VECTOR, 1) * VECTOR if self.radial else together

    def __call__(self, x: Tensor, bias: Tensor, slope: float, clamp: float | None) -> Tensor:
        """x [B, C, H, W], bias [C] -> [B, C, H', W']."""
        batch, channels = x.shape[:2]
        out = x.new_empty((batch, channels, *self.low))
        count = min(self.together, -(-channels // VECTOR) * VECTOR if self.radial else channels)
        low = x.new_zeros((self.height, count, self.input_width))
        high = x.new_empty((self.high[0], count * self.between))
        few = None if self.radial else x.new_empty((self.low[0], count * self.between))
        for picture in range(batch):
            for first in range(0, channels, count):
                last = min(first + count, channels)
                self._take_in(x[picture, first:last], bias[first:last], low)
                wide = self._along_rows(low, self.up_rows).reshape(self.height, -1)
                multiply(self.up_columns, wide, high)
                if slope != 1:
                    F.leaky_relu_(high, slope)
                if clamp is not None:
                    high.clamp_(-clamp, clamp)
                made = self._radial(high, count) if few is None else self._separable(high, few, count)
                out[picture, first:last] = made[: last - first]
        return out

    def _take_in(self, x: Tensor, bias: Tensor, low: Tensor) -> None:
        """Rows of the picture with all channels, at the place where the first block needs them; the rest stays zero."""
        from_, to = max(-self.start, 0), max(self.start, 0)
        length = min(self.width - from_, self.input_width - to)
        torch.add(x.permute(1, 0, 2)[..., from_ : from_ + length], bias[:, None], out=low[:, : x.shape[0], to : to + length])

    def _along_rows(self, x: Tensor, kernel: Tensor) -> Tensor:
        """x [H, C, W] by a kernel [Q, P, 1, K] over blocks of P -> [H, C, blocks, Q]."""
        rows, channels, width = x.shape
        blocks = x.view(rows, channels, width // kernel.shape[1], kernel.shape[1]).permute(0, 3, 1, 2)
        return F.conv2d(blocks, kernel).permute(0, 2, 3, 1)

    def _separable(self, high: Tensor, few: Tensor, count: int) -> Tensor:
        multiply(self.down_columns, high, few)
        made = self._along_rows(few.view(self.low[0], count, self.between), self.down_rows)
        return made.reshape(self.low[0], count, -1)[..., : self.low[1]].permute(1, 0, 2)

    def _radial(self, high: Tensor, count: int) -> Tensor:
        maps = high.view(self.high[0], count, self.between)[..., : self.high[1]].permute(1, 0, 2)[None]
        weight = self.down_weight if count == VECTOR else self.down_weight[:1].expand(count, -1, -1, -1)
        return F.conv2d(maps.contiguous(memory_format=torch.channels_last), weight, stride=self.down, groups=count)[0]


def multiply(parts: Bands, x: Tensor, out: Tensor) -> None:
    """out [M, N] = the band matrix times x [K, N]."""
    for matrix, low, high, first, last in parts:
        torch.mm(matrix, x[low:high], out=out[first:last])


def up_matrix(inputs: int, outputs: int, taps: Tensor, up: int, before: int) -> Tensor:
    """[outputs, inputs]: a zero between samples, `before` zeros ahead of them, then the filter as a convolution."""
    matrix = taps.new_zeros((outputs, inputs))
    place = torch.arange(outputs)
    for t, tap in enumerate(taps.flip(0)):
        sample, rest = torch.div(place + t - before, up, rounding_mode="floor"), (place + t - before) % up
        meets = (rest == 0) & (sample >= 0) & (sample < inputs)
        matrix[place[meets], sample[meets]] += tap
    return matrix


def down_matrix(inputs: int, outputs: int, taps: Tensor, down: int) -> Tensor:
    """[outputs, inputs]: the filter as a convolution, every `down`-th result."""
    matrix = taps.new_zeros((outputs, inputs))
    place = torch.arange(outputs)
    for t, tap in enumerate(taps.flip(0)):
        matrix[place, place * down + t] += tap
    return matrix


def bands(matrix: Tensor, rows: int) -> Bands:
    """Bands of so many rows: (their numbers that are not zero, first and last column, first and last row)."""
    found = []
    for first in range(0, matrix.shape[0], rows):
        band = matrix[first : first + rows]
        used = band.abs().sum(0).nonzero()
        low, high = (int(used.min()), int(used.max()) + 1) if used.numel() else (0, 1)
        found.append((band[:, low:high].contiguous(), low, high, first, first + band.shape[0]))
    return found


def up_kernel(taps: Tensor, up: int, before: int) -> tuple[Tensor, int]:
    """(kernel [BLOCK * up, BLOCK, 1, K] over blocks, place of the first sample in the first block; negative: so many are cut)."""
    start = before // up
    matrix = up_matrix(4 * BLOCK, BLOCK * up, taps, up, before - start * up)
    return blocked(matrix), start


def down_kernel(taps: Tensor, down: int) -> Tensor:
    """Kernel [BLOCK, BLOCK * down, 1, K] over blocks."""
    matrix = down_matrix(4 * BLOCK * down, BLOCK, taps, down)
    return blocked(matrix, BLOCK * down)


def blocked(matrix: Tensor, size: int = BLOCK) -> Tensor:
    """[Q, inputs] -> [Q, size, 1, K], as many blocks as it uses."""
    used = int(matrix.abs().sum(0).nonzero().max()) + 1
    count = -(-used // size)
    kernel = matrix[:, : count * size].view(matrix.shape[0], count, size).transpose(1, 2)[:, :, None]
    return kernel.contiguous(memory_format=torch.channels_last)
