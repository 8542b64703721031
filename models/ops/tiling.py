"""Cutting a picture into tiles whose results put together equal the result on the whole.

A convolutional network sees no further than its receptive field: with that much context (the halo) around a tile,
and tiles that begin on multiples of the network's stride, the tile's core comes out as in the whole picture.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Span:
    """One axis of a tile, in pixels: the core [start, stop) and the context around it [lead, trail)."""

    start: int
    stop: int
    lead: int
    trail: int
    last: bool

    def outer(self, stride: int) -> slice:
        """The core with its context, in an array of this stride."""
        return slice(self.lead // stride, -(-self.trail // stride))

    def core(self, stride: int) -> slice:
        """The core's place in an array of this stride that covers the whole picture."""
        return slice(self.start // stride, None if self.last else self.stop // stride)

    def inner(self, stride: int) -> slice:
        """The core's place in what was computed from `outer`."""
        first = (self.start - self.lead) // stride
        return slice(first, None if self.last else first + (self.stop - self.start) // stride)


@dataclass(frozen=True)
class Tile:
    """A rectangle of a picture with its context; the methods index [..., H, W] arrays of a given stride."""

    rows: Span
    columns: Span

    def outer(self, x: Tensor, stride: int = 1) -> Tensor:
        """The tile with its context, cut from the whole."""
        return x[..., self.rows.outer(stride), self.columns.outer(stride)]

    def core(self, x: Tensor, stride: int = 1) -> Tensor:
        """The tile's place in the whole."""
        return x[..., self.rows.core(stride), self.columns.core(stride)]

    def inner(self, x: Tensor, stride: int = 1) -> Tensor:
        """The tile without its context, cut from what was computed on `outer`."""
        return x[..., self.rows.inner(stride), self.columns.inner(stride)]


def spans(length: int, side: int, halo: int, align: int) -> list[Span]:
    """Cut one axis. Starts, and the starts of contexts, are multiples of `align`."""
    side = max(align, side // align * align)
    halo = -(-halo // align) * align
    return [
        Span(start, min(start + side, length), max(0, start - halo), min(start + side + halo, length), start + side >= length)
        for start in range(0, length, side)
    ]


def tiles(height: int, width: int, side: int, halo: int, align: int) -> Iterator[Tile]:
    """Tiles of `side` pixels, row by row; side 0 gives the whole picture as one tile."""
    side = side or -(-max(height, width) // align) * align
    columns = spans(width, side, halo, align)
    for rows in spans(height, side, halo, align):
        for column in columns:
            yield Tile(rows, column)


def tile_for_budget(height: int, width: int, batch: int, bytes_per_pixel: float, budget: int, halo: int = 96) -> int:
    """Side of the tiles that keep `batch` pictures under `budget` bytes; 0 when they fit whole.

    Never below 128 pixels: smaller tiles are nearly all context.
    """
    pixels = budget / (bytes_per_pixel * max(batch, 1))
    if height * width <= pixels:
        return 0
    return max(128, int(pixels**0.5 - 2 * halo) // 32 * 32)
