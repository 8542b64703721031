"""Feature maps of large pictures that are read window by window: kept in memory, or computed anew each time they are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..ops.normalization import ScaleShift
from .activation import Activation, activate
from .convolution import Padding, pad


@dataclass(frozen=True)
class Window:
    """Rows top to bottom and columns left to right of a map; the ends are not included."""

    top: int
    bottom: int
    left: int
    right: int

    def within(self, height: int, width: int) -> Window:
        """The part that lies on a map of this size."""
        return Window(max(self.top, 0), min(self.bottom, height), max(self.left, 0), min(self.right, width))

    def under(self, kernel: int, stride: int, left: int, top: int) -> Window:
        """What a convolution with these paddings at the left and top reads to make this window."""
        return Window(
            self.top * stride - top,
            (self.bottom - 1) * stride - top + kernel,
            self.left * stride - left,
            (self.right - 1) * stride - left + kernel,
        )

    def cut(self, x: Tensor) -> Tensor:
        """The window of a tensor, as a view."""
        return x[:, :, self.top : self.bottom, self.left : self.right]


@dataclass(frozen=True)
class Plane:
    """One picture's map [1, channels, height, width].

    raw: window -> values before the pending affine map and activation. data: all those values where they are kept in memory
    (raw then cuts them out), else None. A normalization is left pending and applied to each window as it is read.
    """

    channels: int
    height: int
    width: int
    raw: Callable[[Window], Tensor]
    data: Tensor | None = None
    pending: ScaleShift | None = None
    activation: Activation = "none"

    def read(self, window: Window) -> Tensor:
        """The values of a window that lies on the map, in memory of their own."""
        x = self.raw(window)
        if self.pending is not None:
            scale, shift = (v[:, :, None, None] for v in self.pending)
            x = torch.addcmul(shift, x.float(), scale).to(x.dtype)
        elif self.data is not None:
            x = x.clone()
        return activate(x, self.activation)

    def padded(self, window: Window, mode: Padding) -> Tensor:
        """The values of a window that may reach beyond the borders."""
        inside = window.within(self.height, self.width)
        beyond = (
            inside.left - window.left,
            window.right - inside.right,
            inside.top - window.top,
            window.bottom - inside.bottom,
        )
        return pad(self.read(inside), beyond, mode)

    def windows(self, side: int) -> Iterator[Window]:
        """Windows of this side that cover the map, row by row."""
        for top in range(0, self.height, side):
            for left in range(0, self.width, side):
                yield Window(top, min(top + side, self.height), left, min(left + side, self.width))

    def with_pending(self, pending: ScaleShift | None, activation: Activation) -> Plane:
        """The same values with this still to be done to them."""
        return replace(self, pending=pending, activation=activation)


def kept(data: Tensor) -> Plane:
    """A map in memory."""
    return Plane(data.shape[1], data.shape[2], data.shape[3], lambda window: window.cut(data), data)
