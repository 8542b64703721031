"""3x3 convolutions of wide maps with half the products.

Winograd's F(4, 3) (Winograd 1980; Lavin and Gray 2016, arXiv:1509.09308) makes four neighboring results of a 3-tap filter with
six products instead of twelve. Here it is used along rows only: the three rows of the kernel stay a plain 3x1 convolution, which
the processor's library does at full speed, and rounding errors are about twice the plain ones (in both directions they are six
times).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

STEP = 4
WIDE = 128  # channels from which transforming costs less than it saves
MANY = 2048  # results, likewise
NUMBERS_AT_ONCE = 1 << 20  # of the wider of the two maps
LEAST_ROWS = 8


def winograd_pays(x: Tensor, weight: Tensor) -> bool:
    """Whether `winograd` takes this map (padded already) and is faster: on the processor, where no library does it by itself."""
    outputs, inputs, rows, columns = weight.shape
    height, width = x.shape[2] - 2, x.shape[3] - 2
    fits = (rows, columns) == (3, 3) and width % STEP == 0 and x.device.type == "cpu" and x.dtype == torch.float32
    return fits and min(outputs, inputs) >= WIDE and height * width >= MANY


def winograd(x: Tensor, taps: list[Tensor], bias: Tensor | None) -> Tensor:
    """The convolution of x [B, C, H + 2, W + 2], W a multiple of 4, with `winograd_taps` of [O, C, 3, 3] -> [B, O, H, W]."""
    batch, _, height, width = x.shape
    steps, outputs = (width - 2) // STEP, taps[0].shape[0]
    columns = x.permute(0, 2, 3, 1)
    out = x.new_empty((batch, height - 2, steps, STEP, outputs))
    rows = max(LEAST_ROWS, NUMBERS_AT_ONCE // (batch * width * max(outputs, x.shape[1])))
    for top in range(0, height - 2, rows):
        _rows(columns[:, top : top + rows + 2], taps, bias, out[:, top : top + rows])
    return out.view(batch, height - 2, width - 2, outputs).permute(0, 3, 1, 2)


def _rows(columns: Tensor, taps: list[Tensor], bias: Tensor | None, out: Tensor) -> None:
    """Some rows of the result, so that what lies between stays small and in the cache."""
    points = _points(columns, out.shape[2])
    biases = (None, bias, None, None, None, None)  # all four results count point 1 once
    made = [F.conv2d(p.permute(0, 3, 1, 2), t, b).permute(0, 2, 3, 1) for p, t, b in zip(points, taps, biases, strict=True)]
    near, far = made[1] + made[2], made[3] + made[4]
    near_difference, far_difference = made[1].sub_(made[2]), made[3].sub_(made[4])
    torch.add(near, far, out=made[2])
    out[:, :, :, 0] = made[2].add_(made[0])
    out[:, :, :, 1] = torch.add(near_difference, far_difference, alpha=2)
    out[:, :, :, 2] = near.add_(far, alpha=4)
    out[:, :, :, 3] = near_difference.add_(far_difference, alpha=8).add_(made[5])


def _points(columns: Tensor, steps: int) -> list[Tensor]:
    """Every six columns, four apart, [B, H, W, C], as values at the six points 0, 1, -1, 2, -2 and infinity."""
    d0, d1, d2, d3, d4, d5 = (columns[:, :, i : i + STEP * (steps - 1) + 1 : STEP] for i in range(6))
    even, odd = torch.sub(d4, d2, alpha=4), torch.sub(d3, d1, alpha=4)
    even_far, odd_far = d4 - d2, (d3 - d1).mul_(2)
    first = torch.add(d4, d0, alpha=4).sub_(d2, alpha=5)
    last = torch.add(d5, d1, alpha=4).sub_(d3, alpha=5)
    return [first, even + odd, even.sub_(odd), even_far + odd_far, even_far.sub_(odd_far), last]


def winograd_taps(weight: Tensor) -> list[Tensor]:
    """Kernels [O, C, 3, 3] as 3x1 kernels at the same six points."""
    left, middle, right = weight.unbind(dim=3)
    sides, spread = left + right, torch.add(left, right, alpha=4)
    at = [
        left / 4,
        (sides + middle).div_(-6),
        (sides - middle).div_(-6),
        torch.add(spread, middle, alpha=2).div_(24),
        torch.sub(spread, middle, alpha=2).div_(24),
        right,
    ]
    return [tap[..., None].contiguous(memory_format=torch.channels_last) for tap in at]
