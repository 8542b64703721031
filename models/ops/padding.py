"""Sizes: padding where reflection cannot, padding to multiples, resizing."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .rows import VALUES_AT_ONCE


def pad_small(x: Tensor, least: int = 2) -> Tensor:
    """Repeat the edge until both sides are at least `least`: reflection by one needs two pixels."""
    h, w = x.shape[-2:]
    if h >= least and w >= least:
        return x
    return F.pad(x, (0, max(0, least - w), 0, max(0, least - h)), mode="replicate")


def pad_to_multiple(images: Tensor, multiple: int, least: int = 0) -> Tensor:
    """Extend the right and bottom to multiples, and to `least` pixels; by reflection, at tiny sizes by the edge.

    least 0 is two multiples, because reflection by one inside a network of stride `multiple` needs two positions. Multiple 1
    changes nothing.
    """
    if multiple == 1:
        return images
    h, w = images.shape[-2:]
    least = least or 2 * multiple
    down, right = max(-h % multiple, least - h), max(-w % multiple, least - w)
    if not (down or right):
        return images
    mode = "reflect" if down < h and right < w else "replicate"
    return F.pad(images, (0, right, 0, down), mode=mode)


def same_size(images: Tensor, height: int, width: int) -> Tensor:
    """Resize [B, C, H, W] by bicubic interpolation with antialiasing; unchanged where the size fits."""
    if images.shape[-2:] == (height, width):
        return images
    # Channel by channel where that takes seconds, so that who waits for it to stop waits for one.
    largest = max(height * width, images.shape[-2] * images.shape[-1]) * images.shape[0] * images.shape[1]
    parts = images.split(1, dim=1) if largest > VALUES_AT_ONCE else (images,)
    made = [
        F.interpolate(part, size=(height, width), mode="bicubic", align_corners=False, antialias=True).clamp_(0, 1)
        for part in parts
    ]
    return made[0] if len(made) == 1 else torch.cat(made, dim=1)
