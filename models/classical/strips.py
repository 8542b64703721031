"""Large pictures in strips of rows, with as much context as a filter reads: the result is that of the whole."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from ..progress import Progress, glance, silent

PIXELS = 1 << 20  # of a strip without its context
LEAST_ROWS = 16

Work = Callable[[Tensor, int], Tensor]


def rows_of(height: int, width: int, halo: int, pixels: int = PIXELS) -> int:
    """Rows of a strip of about so many pixels; no fewer than half of what it reads beyond itself."""
    return min(height, max(LEAST_ROWS, pixels // width, halo))


def in_strips(work: Work, picture: Tensor, halo: int, rows: int = 0, progress: Progress = silent) -> Tensor:
    """work(strip [B, C, h, W], row of the picture in which the strip begins) for every strip, put together.

    halo: rows beyond a strip that the work reads. rows: of a strip; 0 for about a million pixels. The results may have another
    number of channels. progress is called after each strip and may raise.
    """
    batch, _, height, width = picture.shape
    rows = rows or rows_of(height, width, halo, PIXELS // batch)
    made: Tensor | None = None
    for start in range(0, height, rows):
        stop, first, last = min(start + rows, height), max(0, start - halo), min(start + rows + halo, height)
        found = work(picture[:, :, first:last], first)[:, :, start - first : stop - first]
        if start == 0 and stop == height:
            made = found
        else:
            made = found.new_empty(batch, found.shape[1], height, width) if made is None else made
            made[:, :, start:stop] = found
        progress(stop, height, preview(made, stop))
    if made is None:
        raise ValueError("the picture has no rows: give one of at least a pixel")
    return made


def preview(made: Tensor, rows: int) -> Tensor | None:
    """What is there of the first picture, grey below; None for what is no picture."""
    if made.shape[1] not in (1, 3):
        return None
    small = glance(made).clone()
    small[:, :, -(-rows * small.shape[2] // made.shape[2]) :] = 0.5
    return small.expand(-1, 3, -1, -1)
