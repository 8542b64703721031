"""Pictures some rows at a time: who waits for work to stop waits for one part, and copies in double precision stay small."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

PIXELS_AT_ONCE = 1 << 22


def by_rows(work: Callable[..., Tensor], *pictures: Tensor) -> Tensor:
    """What `work` makes of pictures [B, C, H, W], some rows at a time, for work that looks at single pixels."""
    made = [work(*parts) for parts in rows(*pictures)]
    return made[0] if len(made) == 1 else torch.cat(made, dim=2)


def rows(*pictures: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Pictures [B, C, H, W] of one size in parts [B, C, h, W] of about four million pixels, from top to bottom."""
    batch, _, height, width = pictures[0].shape
    step = max(1, PIXELS_AT_ONCE // max(batch * width, 1))
    for top in range(0, height, step):
        yield tuple(picture[..., top : top + step, :] for picture in pictures)
