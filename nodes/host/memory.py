"""How much of a picture, and how many pictures, are worked on at once; smaller pieces when memory runs out."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

import comfy.model_management as mm
import torch

from ...models.ops.tiling import tile_for_budget
from .feedback import Interruptible, show

GIB = 1024**3
MIB = 1024**2
SHARE_OF_FREE_MEMORY = 0.5
LARGEST_PIECE_ON_CPU = 0.75 * GIB
SMALLEST_TILE = 128
PICTURES_AT_ONCE = 8

log = logging.getLogger("style_atelier")
Result = TypeVar("Result")


def free_memory() -> float:
    """Bytes that are free there."""
    return mm.get_free_memory(mm.get_torch_device())


def compute(work: Callable[[torch.device], Result], memory: float) -> Result:
    """Do work that needs no network on the graphics card, or without it when it does not fit there.

    Between its steps it stops when the person wishes.
    """
    device = mm.get_torch_device()
    mm.free_memory(memory, device)
    with Interruptible():
        try:
            return work(device)
        except Exception as error:
            raise_unless_out_of_memory(error)
        mm.soft_empty_cache()
        return work(torch.device("cpu"))


def pieces(
    size: tuple[int, int],
    batch: int,
    bytes_per_pixel: float,
    budget: float,
    work: Callable[[int, int], Result],
    resident: float = 0.0,
) -> Result:
    """Call work(pictures at once, side of tiles or 0) so that it stays in the budget; smaller when memory runs out.

    size: height and width of the largest picture. budget: GiB, 0 for a share of what is free. resident: bytes per pixel of the
    whole picture that tiles cannot save. The plan is shown on the node.
    """
    height, width = size
    limit = budget * GIB or automatic_budget(mm.get_torch_device())
    together = int(min(max(limit // (bytes_per_pixel * height * width), 1), PICTURES_AT_ONCE, batch))
    tile = tile_for_budget(height, width, 1, bytes_per_pixel, int(limit))
    if tile and resident:
        tile = tile_for_budget(height, width, 1, bytes_per_pixel, int(max(limit - resident * height * width, 0)))
    while True:
        show(describe(size, together, tile, bytes_per_pixel, resident))
        try:
            return work(together, tile)
        except Exception as error:
            raise_unless_out_of_memory(error)
        if 0 < tile <= SMALLEST_TILE:
            raise ValueError(
                f"There is not enough memory for a picture of {width}x{height} pixels even in the smallest tiles: "
                "make the picture smaller, or close what else uses the memory."
            )
        together, tile = 1, max(SMALLEST_TILE, (tile or max(height, width)) // 2 // 32 * 32)
        mm.soft_empty_cache()
        log.warning("Style Atelier: out of memory: trying again with tiles of %d px.", tile)


def smaller_tiles(longest: int, tile: int, work: Callable[[int], Result]) -> Result:
    """Call work(side of tiles, 0 for the whole picture of that longer side); again with smaller ones when memory runs out."""
    while True:
        try:
            return work(tile)
        except Exception as error:
            raise_unless_out_of_memory(error)
        if 0 < tile <= SMALLEST_TILE:
            raise ValueError(
                "There is not enough memory for this picture even in the smallest tiles: make it smaller, or close what else "
                "uses the memory."
            )
        tile = max(SMALLEST_TILE, (tile or longest) // 2 // 32 * 32)
        mm.soft_empty_cache()
        log.warning("Style Atelier: out of memory: trying again with tiles of %d px.", tile)


def pictures_at_once(size: tuple[int, int], batch: int, bytes_per_pixel: float, work: Callable[[int], Result]) -> Result:
    """`pieces` for networks that make whole pictures of one size: never tiles, fewer at once when memory runs out."""
    height, width = size
    limit = automatic_budget(mm.get_torch_device())
    together = int(min(max(limit // (bytes_per_pixel * height * width), 1), PICTURES_AT_ONCE, batch))
    while True:
        show(describe(size, together, 0, bytes_per_pixel))
        try:
            return work(together)
        except Exception as error:
            raise_unless_out_of_memory(error)
        if together == 1:
            raise ValueError(
                f"There is not enough memory for one picture of {width}x{height} pixels: close what else uses the memory."
            )
        together = max(together // 2, 1)
        mm.soft_empty_cache()


def automatic_budget(device: torch.device) -> float:
    """Bytes that one piece of work may take when the person sets no limit."""
    free = mm.get_free_memory(device) * SHARE_OF_FREE_MEMORY
    # On the processor one layer over a whole large picture would keep a person who presses stop waiting for seconds.
    return min(free, LARGEST_PIECE_ON_CPU) if device.type == "cpu" else free


def piece_memory(size: tuple[int, int], together: int, tile: int, bytes_per_pixel: float, resident: float = 0.0) -> float:
    """Bytes that one piece of work takes. resident: bytes per pixel of the whole picture that tiles cannot save."""
    height, width = size
    if not tile:
        return together * bytes_per_pixel * height * width
    return together * bytes_per_pixel * min(height, tile) * min(width, tile) + resident * height * width


def describe(size: tuple[int, int], together: int, tile: int, bytes_per_pixel: float, resident: float = 0.0) -> str:
    """The plan in words: "6 tiles of 1024 px, about 1.9 GiB"."""
    height, width = size
    memory = piece_memory(size, together, tile, bytes_per_pixel, resident)
    amount = f"about {memory / GIB:.1f} GiB" if memory >= 0.1 * GIB else f"about {max(memory / MIB, 1):.0f} MiB"
    if tile:
        return f"{-(-height // tile) * -(-width // tile)} tiles of {tile} px, {amount}"
    return f"{together} pictures at a time, {amount}" if together > 1 else f"the whole picture at once, {amount}"


def raise_unless_out_of_memory(error: Exception) -> None:
    """Pass on every error but a lack of memory, of the graphics card or of the computer."""
    if not isinstance(error, MemoryError) and "can't allocate memory" not in str(error):
        mm.raise_non_oom(error)
