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


def glance(picture: Tensor, side: int = 512) -> Tensor:
    """A small preview [1, 3, h, w] in 0..1 of a picture [B, 3, H, W] of any size, without copying the whole."""
    step = max(1, min(picture.shape[-2:]) // side)
    return picture[:1, :, ::step, ::step].clamp(0, 1)
