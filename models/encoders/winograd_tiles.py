"""3x3 convolutions and their gradients with a quarter of the products: Winograd's F(4x4, 3x3).

Lavin and Gray 2016 (arXiv:1509.09308): a tile of 4x4 results of a 3x3 kernel is made from 6x6 inputs with 36 products instead of
144. Rows and columns are values of polynomials at six points; between the two changes of basis lies one matrix product a point,
which is where nearly all the time goes.

The points are 0, c, -c, 1/c, -1/c and infinity, for two reasons.

- Rounding errors are about 1.4 times those of the plain convolution. With the usual 0, 1, -1, 2, -2 they are three times as large
  (Alam, Anderson, Barabasz and Gregg 2022, arXiv:2201.10369, on points in groups of reciprocals and opposites).
- They are their own reciprocals. The gradient of a convolution is the convolution with the flipped kernel, and a flipped kernel
  takes at a point, but for a power of it, the value that the kernel takes at the reciprocal: g0 x^2 + g1 x + g2 is
  x^2 (g0 + g1 / x + g2 / x^2). So one set of prepared kernels serves both directions, with the points in another order.

Everything is laid out channels-last and done block by block, so that what lies between the steps stays in the cache.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor

STEP = 4
POINTS = 6
NEAR, FAR = 1.5, 1 / 1.5  # c and 1/c: errors are flat from 1.35 to 1.6
NEAR2, FAR2 = NEAR**2, FAR**2
MIDDLE = NEAR2 + FAR2
NUMBERS_AT_ONCE = 1_200_000  # of the transformed maps, where kernels are small
LEAST_CHANNELS = 48  # below, transforming costs more than it saves
FORWARD, BACKWARD = (0, 1, 2, 3, 4, 5), (5, 3, 4, 1, 2, 0)  # which prepared value belongs to which point

Padding = Literal["zeros", "reflect", "full"]
Finish = Callable[[Tensor, slice, slice], None]


def tiles_pay(batch: int, height: int, width: int, inputs: int, outputs: int) -> bool:
    """Whether a map of results of this size is made faster in tiles than by the processor's library."""
    if min(inputs, outputs) < LEAST_CHANNELS:
        return False
    tiles = batch * -(-height // STEP) * -(-width // STEP)
    return tiles >= 16 and tiles * STEP**2 <= 1.45 * batch * height * width


def tile_kernels(weight: Tensor) -> Tensor:
    """Kernels [O, C, 3, 3] as their values at the 6x6 points, [36, C, O]; for both directions."""
    near, far = NEAR / (2 * (NEAR2**2 - 1)), FAR / (2 * (FAR2**2 - 1))
    rows = [(1, 0, 0), (1, NEAR, NEAR2), (1, -NEAR, NEAR2), (1, FAR, FAR2), (1, -FAR, FAR2), (0, 0, 1)]
    scales = (1, near, near, far, far, 1)  # of interpolation; chosen so that half of `_from_points` is without factors
    values = torch.tensor(rows, dtype=torch.float64) * torch.tensor(scales, dtype=torch.float64)[:, None]
    outputs, inputs = weight.shape[:2]
    taps = weight.double().permute(2, 3, 1, 0).reshape(9, inputs * outputs)
    return (torch.kron(values, values) @ taps).float().view(POINTS**2, inputs, outputs)


def convolve_tiles(x: Tensor, kernels: Tensor, padding: Padding, finish: Finish, backward: bool = False) -> None:
    """Convolve x [B, H, W, C] with `tile_kernels`, handing over the result block by block.

    padding: "zeros" or "reflect" by one position, for results of the same size, or "full", zeros by two positions, for
    [H + 2, W + 2]. backward: with flipped kernels, O channels to C. finish(block [b, h, w, O], pictures, rows) takes each
    block while it is in the cache; the block's memory is used again afterwards.
    """
    values = kernels.transpose(1, 2) if backward else kernels
    inputs, outputs = values.shape[1:]
    margin = 2 if padding == "full" else 1
    batch, height, width = x.shape[0], x.shape[1] + 2 * margin - 2, x.shape[2] + 2 * margin - 2
    across, down = -(-width // STEP), -(-height // STEP)
    # Kernels are read once a block: where they are large, blocks are too, though they leave the nearest cache.
    at_once = NUMBERS_AT_ONCE if kernels.numel() <= NUMBERS_AT_ONCE else 2 * kernels.numel()
    tiles = max(1, at_once // (POINTS**2 * (inputs + outputs)))
    rows = min(down, max(1, tiles // across))
    rows = -(-down // -(-down // rows))
    pictures = max(1, min(batch, tiles // (rows * across))) if rows == down else 1
    most = pictures * rows * across
    padded = pictures * rows * (STEP * across + 2) * inputs
    # Two stretches of memory, used in turn: padded rows in the second, points in the first, products in the second, result.
    first = x.new_empty(most * max(POINTS**2 * inputs, (STEP**2 + 2 * POINTS) * outputs))
    second = x.new_empty(max(most * POINTS**2 * outputs, padded * (STEP + POINTS) + pictures * 2 * (STEP * across + 2) * inputs))
    for begin in range(0, batch, pictures):
        chosen = slice(begin, min(begin + pictures, batch))
        for top in range(0, down, rows):
            shape = (chosen.stop - begin, min(rows, down - top), across)
            points = _points_of_rows(x[chosen], top * STEP - margin, margin, padding == "reflect", shape, first, second, backward)
            products = second[: POINTS**2 * shape[0] * shape[1] * across * outputs].view(POINTS**2, -1, outputs)
            torch.bmm(points, values, out=products)
            made = _tiles_of_products(products, shape, first, backward)
            bottom = min((top + shape[1]) * STEP, height)
            finish(made[:, : bottom - top * STEP, :width], chosen, slice(top * STEP, bottom))


def _points_of_rows(
    x: Tensor, top: int, margin: int, reflect: bool, shape: tuple[int, int, int], first: Tensor, second: Tensor, backward: bool
) -> Tensor:
    """The rows of x [b, H, W, C] from `top` on, which may lie outside, as values [36, tiles, C] at the points."""
    (_, height, width, channels), (batch, rows, across) = x.shape, shape
    length, breadth = rows * STEP + 2, across * STEP + 2
    padded = second[: batch * length * breadth * channels].view(batch, length, breadth, channels)
    start, stop = max(top, 0), min(top + length, height)
    inner = padded[:, start - top : stop - top]
    inner[:, :, margin : margin + width] = x[:, start:stop]
    inner[:, :, :margin] = 0
    inner[:, :, margin + width :] = 0
    padded[:, : start - top] = 0
    padded[:, stop - top :] = 0
    if reflect:
        inner[:, :, 0] = inner[:, :, 2]
        inner[:, :, width + 1] = inner[:, :, width - 1]
        if top < 0:
            padded[:, 0] = padded[:, 2]
        if top + length > height:
            padded[:, height - top] = padded[:, height - 2 - top]
    half = second[padded.numel() :][: POINTS * batch * rows * breadth * channels].view(POINTS, batch, rows, breadth, channels)
    _to_points([padded[:, i : i + length - 5 : STEP] for i in range(POINTS)], half.unbind(0), backward)
    points = first[: POINTS**2 * batch * rows * across * channels].view(POINTS, POINTS, batch, rows, across, channels)
    _to_points([half[:, :, :, i : i + breadth - 5 : STEP] for i in range(POINTS)], points.unbind(1), backward)
    return points.view(POINTS**2, -1, channels)


def _tiles_of_products(products: Tensor, shape: tuple[int, int, int], first: Tensor, backward: bool) -> Tensor:
    """Products [36, tiles, O] at the points as results [b, 4 rows, 4 across, O]; writes over the products."""
    (batch, rows, across), outputs = shape, products.shape[2]
    grid = products.view(POINTS, POINTS, batch, rows, across, outputs)
    size = STEP**2 * batch * rows * across * outputs
    made = first[:size].view(batch, rows, STEP, across, STEP, outputs)
    spare = first[size : size + 2 * grid[0].numel()].view(2, -1)
    order = BACKWARD if backward else FORWARD
    # The four rows of results come to lie where the first four points were, whatever the order of the points.
    _from_points([grid[i] for i in order], grid[:STEP].unbind(0), spare, backward)
    _from_points([grid[:STEP, i] for i in order], made.permute(4, 2, 0, 1, 3, 5).unbind(0), spare, backward)
    return made.view(batch, rows * STEP, across * STEP, outputs)


def _to_points(d: Sequence[Tensor], out: Sequence[Tensor], backward: bool) -> None:
    """Six neighbors to six points. What is not yet written of `out` holds what lies between."""
    t0, t1, t2, t3, t4, t5 = (out[i] for i in (BACKWARD if backward else FORWARD))
    for even, odd, plus, c, others in ((t2, t3, t1, NEAR, FAR2), (t4, t5, t3, FAR, NEAR2)):
        torch.sub(d[4], d[2], alpha=others, out=even)
        torch.sub(d[3], d[1], alpha=others, out=odd)
        torch.add(even, odd, alpha=c, out=plus)
        even.sub_(odd, alpha=c)
    torch.add(d[0], d[4], out=t0).sub_(d[2], alpha=MIDDLE)
    torch.add(d[1], d[5], out=t5).sub_(d[3], alpha=MIDDLE)


def _from_points(m: Sequence[Tensor], out: Sequence[Tensor], spare: Tensor, backward: bool) -> None:
    """Products at six points to four results; `m` is written over.

    Backward, what belongs to c, -c, 1/c and -1/c comes with the other sign: c^4 times the quotient of their scales is -1.
    """
    sign = -1.0 if backward else 1.0
    near, far = (s[: m[0].numel()].view(m[0].shape) for s in spare)
    torch.add(m[1], m[2], out=near)
    torch.add(m[3], m[4], out=far)
    near_difference, far_difference = m[2], m[4]
    if backward:
        near_difference.sub_(m[1])
        far_difference.sub_(m[3])
    else:
        torch.sub(m[1], m[2], out=near_difference)
        torch.sub(m[3], m[4], out=far_difference)
    y0, y1, y2, y3 = out
    # In this order a result is written only where a product was that is no longer needed, in both directions.
    torch.add(m[5], near_difference, alpha=NEAR2, out=y3).add_(far_difference, alpha=FAR2)
    torch.add(m[0], near, alpha=sign * FAR, out=y0).add_(far, alpha=sign * NEAR)
    torch.add(near_difference, far_difference, out=y1)
    torch.add(near.mul_(sign * NEAR), far, alpha=sign * FAR, out=y2)
