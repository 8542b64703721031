"""How long work tells its caller where it is."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor


class Progress(Protocol):
    """Called after each piece of work. It may raise to stop the work: nothing in models/ catches it."""

    def __call__(self, done: int, total: int, preview: Tensor | None = None) -> None:
        """`done` of `total` pieces; preview is [1, 3, h, w] in 0..1 or None."""
        ...


def silent(done: int, total: int, preview: Tensor | None = None) -> None:
    """Progress that nobody watches."""
