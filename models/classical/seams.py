"""Cuts along which two pictures differ least (Efros and Freeman 2001)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]


def cumulative(surface: Floats) -> Floats:
    """[H, W] costs -> the least cost of a path from the first row to each place, of which each step goes down by one row."""
    total = surface.copy()
    padded = np.full(surface.shape[1] + 2, np.inf, surface.dtype)
    for row in range(1, len(total)):
        padded[1:-1] = total[row - 1]
        total[row] += np.minimum(np.minimum(padded[:-2], padded[1:-1]), padded[2:])
    return total


def cheapest_path(surface: Floats) -> NDArray[np.integer]:
    """[H, W] costs -> the column of the cheapest path in each row, [H]; of equals the left one, from the last row upwards."""
    total = cumulative(surface)
    width = surface.shape[1]
    path = np.empty(len(surface), np.int64)
    path[-1] = column = int(total[-1].argmin())
    for row in range(len(surface) - 2, -1, -1):
        first = max(column - 1, 0)
        path[row] = column = first + int(total[row, first : min(column + 2, width)].argmin())
    return path


def kept_right(surface: Floats) -> NDArray[np.bool_]:
    """[H, W] costs -> which pixels lie on the cheapest path from top to bottom or to the right of it."""
    return np.arange(surface.shape[1]) >= cheapest_path(surface)[:, None]
