"""Convolutions of translators, each carried out in the cheapest way that gives the same numbers.

All take and give [B, C, H, W] laid out channels-last, and are exact up to rounding: tests hold each against the plain formula.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from ..ops.winograd import winograd, winograd_pays, winograd_taps

Padding = Literal["zeros", "reflect", "replicate"]
Sides = tuple[int, int, int, int]  # left, right, top, bottom
FEW_CHANNELS = 4
MANY_POSITIONS = 1000  # from which folding a kernel pays
NUMBERS_AT_ONCE = 1 << 21
LEAST_ROWS = 8


@dataclass(frozen=True)
class Kernel:
    """A convolution's weights that are made from others; stands where a canvas takes an nn.Conv2d."""

    weight: Tensor
    bias: Tensor | None = None
    stride: tuple[int, int] = (1, 1)
    groups: int = 1

    @property
    def kernel_size(self) -> tuple[int, ...]:
        """Rows and columns."""
        return tuple(self.weight.shape[2:])

    @property
    def out_channels(self) -> int:
        """Channels it makes."""
        return self.weight.shape[0]


def all_sides(amount: int) -> Sides:
    """The same on all four sides."""
    return amount, amount, amount, amount


def pad(x: Tensor, sides: Sides, mode: Padding) -> Tensor:
    """Extend the borders by these many positions."""
    if not any(sides):
        return x
    return F.pad(x, sides) if mode == "zeros" else F.pad(x, sides, mode=mode)


def convolve(x: Tensor, weight: Tensor, bias: Tensor | None, stride: int = 1, padding: int = 0, groups: int = 1) -> Tensor:
    """A convolution with zero padding."""
    kernel = weight.shape[-1]
    if kernel == 1 and stride == 1 and groups == 1 and _has_onednn(x):
        # On one thread PyTorch hands 1x1 convolutions to a matrix product that is half as fast on some processors.
        return torch.mkldnn_convolution(x, weight, bias, (0, 0), (1, 1), (1, 1), 1)
    if weight.shape[0] <= FEW_CHANNELS and kernel > 3 and stride == 1 and groups == 1:
        return _to_few_channels(x, weight, bias, padding)
    if stride == 1 and padding == 0 and groups == 1 and winograd_pays(x, weight):
        return winograd(x, winograd_taps(weight), bias)
    return F.conv2d(x, weight, bias, stride, padding, 1, groups)


def _to_few_channels(x: Tensor, weight: Tensor, bias: Tensor | None, padding: int) -> Tensor:
    """A wide kernel with a few output channels, such as the last 7x7 to RGB.

    Vector units work on 16 output channels at a time, so three leave most of them idle. Every row of the kernel
    becomes output channels of its own, and the rows are added up where they belong.
    """
    out, inputs, rows, columns = weight.shape
    spread = weight.permute(2, 0, 1, 3).reshape(rows * out, inputs, 1, columns)
    lines = F.conv2d(x, spread.contiguous(memory_format=torch.channels_last), None, 1, (padding, padding))
    height = lines.shape[2] - rows + 1
    total = lines[:, :out, :height].clone()
    for row in range(1, rows):
        total += lines[:, row * out : (row + 1) * out, row : row + height]
    return total if bias is None else total.add_(bias[:, None, None])


def doubled(x: Tensor) -> Tensor:
    """Twice the size by nearest neighbor."""
    return F.interpolate(x, scale_factor=2, mode="nearest")


def doubled_convolve(x: Tensor, weight: Tensor, bias: Tensor | None, mode: Padding) -> Tensor:
    """convolve(pad(doubled(x))) of a 3x3 or 5x5 kernel to twice the size, without making the doubled map.

    Each of the four positions that a source position becomes sees only 2x2 (or 3x3) source positions, so taps that fall on the
    same one are added up: 16 products for four results instead of 36, or 36 instead of 100.
    """
    reach = weight.shape[-1] // 2
    if x.shape[2] * x.shape[3] < MANY_POSITIONS:  # adding up the taps of a wide kernel would cost more than it saves
        return convolve(pad(doubled(x), all_sides(reach), mode), weight, bias)
    # Reflected by one position, a doubled map shows its own edge: that is replication before doubling.
    low = pad(x, all_sides(-(-reach // 2)), "zeros" if mode == "zeros" else "replicate")
    out = doubled_valid(low, weight, bias)
    if mode == "reflect" and reach == 2:
        _mend_reflected_border(out, x, weight, bias)
    return out


def doubled_valid(low: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """The middle of `doubled_convolve`: low [B, C, h + 2, w + 2] is padded by one position already -> [B, O, 2h, 2w]."""
    outputs, reach = weight.shape[0], weight.shape[-1] // 2
    kernel, biases = _phases(weight), None if bias is None else bias.repeat(4)
    batch, height, width = low.shape[0], low.shape[-2] - 2, low.shape[-1] - 2
    taps = winograd_taps(kernel) if winograd_pays(low, kernel) else None
    out = low.new_empty((batch, height, 2, width, 2, outputs))
    rows = max(LEAST_ROWS, NUMBERS_AT_ONCE // (batch * width * 4 * outputs))
    for start in range(0, height, rows):
        stop = min(start + rows, height)
        part = low[:, :, start : stop + 2]
        made = F.conv2d(part, kernel, biases) if taps is None else winograd(part, taps, biases)
        for phase in range(4):
            a, b = divmod(phase, 2)
            top, left = (a, b) if reach % 2 else (0, 0)
            piece = made[:, phase * outputs : (phase + 1) * outputs, top : top + stop - start, left : left + width]
            out[:, start:stop, a, :, b] = piece.permute(0, 2, 3, 1)
    return out.view(batch, 2 * height, 2 * width, outputs).permute(0, 3, 1, 2)


def _phases(weight: Tensor) -> Tensor:
    """[O, C, k, k] -> [4*O, C, K, K], K = 2 for k = 3 and K = 3 for k = 5: the kernel as each of four positions sees the
    source.
    """
    taps = weight.shape[-1]
    reach = taps // 2
    size = reach + 1
    fold = weight.new_zeros(2, size, taps)
    for phase in (0, 1):
        first = (phase - reach) // 2 if reach % 2 else -(reach // 2)
        for tap in range(taps):
            fold[phase, (phase + tap - reach) // 2 - first, tap] = 1
    folded = torch.einsum("aik,bjl,ockl->abocij", fold, fold, weight)
    return folded.reshape(-1, weight.shape[1], size, size).contiguous(memory_format=torch.channels_last)


def _mend_reflected_border(out: Tensor, x: Tensor, weight: Tensor, bias: Tensor | None) -> None:
    """Reflected by two positions a doubled map shows its second source position: only the outermost lines of 5x5 see it."""
    for axis in (2, 3):
        for end in (0, 1):
            length = x.shape[axis]
            edge = doubled(x.narrow(axis, 0 if end == 0 else length - 2, 2))
            lines = pad(edge, (2, 2, 2, 2), "reflect")
            lines = lines.narrow(axis, 0 if end == 0 else lines.shape[axis] - 5, 5)
            made = F.conv2d(lines, weight, bias)
            out.narrow(axis, 0 if end == 0 else out.shape[axis] - 1, 1).copy_(made)


def pooled_convolve(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """avg_pool2d(convolve(x, padding=1), 2) of a 3x3 kernel, as one 4x4 convolution of stride 2: 4 products a position, not 9."""
    kernel = (
        F.pad(weight, (0, 1, 0, 1)) + F.pad(weight, (1, 0, 0, 1)) + F.pad(weight, (0, 1, 1, 0)) + F.pad(weight, (1, 0, 1, 0))
    ) / 4
    return F.conv2d(x, kernel.contiguous(memory_format=torch.channels_last), bias, 2, 1)


def _has_onednn(x: Tensor) -> bool:
    if torch.compiler.is_compiling():  # which cannot look into its calls
        return False
    return x.device.type == "cpu" and x.dtype == torch.float32 and torch.backends.mkldnn.is_available()
