"""What the nodes of patches and textures share: pictures one after another, and inputs that they have alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from comfy_api.latest import io
from torch import Tensor

from ...models.progress import Progress
from ..host.feedback import Watch
from ..host.images import Picture, from_mask, take, to_image, wire_format
from ..host.memory import compute

CATEGORY = "Style Atelier/classical"
BYTES_PER_PIXEL = 700  # of patches in the search, source and target together
SIZE_TOOLTIP = "Shorter side of the result in pixels; 0 keeps the picture's size. Smaller means broader strokes, and is faster."
MASK_TOOLTIP = "Where to change the picture: white is changed, black is kept. A mask of another size is stretched over it."
SEED_TOOLTIP = "What is drawn by chance. The same seed gives the same picture."

Work = Callable[[Tensor, int, torch.device, Progress], Tensor]


def painted(picture: Picture, mask: Any, work: Work, pixels: int = 0) -> Tensor:
    """Every picture of a batch through work(rgb [1, 3, H, W], number, device, progress) -> IMAGE, within the mask.

    pixels: of what is read beside the picture, for the estimate of memory.
    """
    from ...models.ops.masks import limited

    masks = None if mask is None else from_mask(mask, "mask", picture.batch)
    watch = Watch(picture.batch)
    made = []
    for number in range(picture.batch):
        rgb = picture.rgb[number : number + 1]
        where = None if masks is None else take(masks, number, number + 1)
        result = compute(
            lambda device: work(rgb.to(device), number, device, watch.part(number)).cpu(),  # noqa: B023
            BYTES_PER_PIXEL * (picture.height * picture.width + pixels),
        )
        made.append(limited(result, rgb.cpu(), where))
    return to_image(torch.cat(made), picture.alpha, *wire_format())


def check_room(picture: Picture, name: str, least: int) -> None:
    """Raise ValueError when a picture has not `least` pixels on each side."""
    if min(picture.height, picture.width) < least:
        raise ValueError(
            f"{name} is {picture.width}x{picture.height} pixels and at least {least}x{least} are needed for such patches: "
            f"connect a larger picture, or choose smaller patches."
        )


def least_side(patch: int) -> int:
    """Pixels that a picture must have on each side for patches of this size."""
    return 2 * patch + 1


def patch_input(default: int = 5) -> io.Int.Input:
    """Side of a patch."""
    tooltip = "Side of a patch in pixels: 5 is usual, 7 keeps larger pieces of the strokes together, 3 follows finer detail."
    return io.Int.Input("patch", default=default, min=3, max=15, step=2, tooltip=tooltip)


def uniformity_input(default: float = 3500.0) -> io.Float.Input:
    """How evenly patches are used."""
    tooltip = "How evenly all parts of the style are used: 3500 is usual, 0 lets a few patches be used again and again."
    return io.Float.Input("uniformity", default=default, min=0.0, max=50000.0, step=100.0, tooltip=tooltip)


def seed_input(tooltip: str = SEED_TOOLTIP) -> io.Int.Input:
    """Of what is drawn by chance."""
    fixed = io.ControlAfterGenerate.fixed
    return io.Int.Input("seed", default=0, min=0, max=0xFFFFFFFF, step=1, control_after_generate=fixed, tooltip=tooltip)


def size_input() -> io.Int.Input:
    """Shorter side of the result."""
    return io.Int.Input("size", default=0, min=0, max=16384, step=8, tooltip=SIZE_TOOLTIP)


def mask_input() -> io.Mask.Input:
    """Where to change the picture."""
    return io.Mask.Input("mask", optional=True, tooltip=MASK_TOOLTIP)
