"""Pictures some rows at a time: who waits for work to stop waits for one part, and copies in double precision stay small."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from torch import Tensor

VALUES_AT_ONCE = 1 << 24


def by_rows(work: Callable[..., Tensor], *pictures: Tensor) -> Tensor:
    """What `work` makes of pictures [B, C, H, W], some rows at a time, for work that looks at single pixels."""
    whole, done = None, 0
    for parts in rows(*pictures):
        made = work(*parts)
        height = made.shape[2]
        if height == pictures[0].shape[2]:
            return made
        if whole is None:
            whole = made.new_empty((*made.shape[:2], pictures[0].shape[2], made.shape[3]))
        whole[:, :, done : done + height] = made
        done += height
    return pictures[0] if whole is None else whole


def rows(*pictures: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Pictures [B, C, H, W] of one size in parts [B, C, h, W] of about sixteen million values, from top to bottom."""
    height = pictures[0].shape[2]
    step = max(1, VALUES_AT_ONCE * height // max(pictures[0].numel(), 1))
    for top in range(0, height, step):
        yield tuple(picture[..., top : top + step, :] for picture in pictures)
