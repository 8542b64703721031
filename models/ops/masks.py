"""Masks of regions at the resolution of features."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor


class EmptyMask(ValueError):
    """A mask under which there is nothing, or too little, of a style picture."""

    def __init__(self) -> None:
        super().__init__("style_masks holds an empty mask: paint the part of the style picture to take the style from")


def at_size(mask: Tensor, height: int, width: int) -> Tensor:
    """mask [B, 1, H, W] in 0..1 at another size: averaged over areas when shrinking, bilinear when growing."""
    if mask.shape[-2:] == (height, width):
        return mask
    if mask.shape[-2] >= height and mask.shape[-1] >= width:
        return F.adaptive_avg_pool2d(mask, (height, width))
    return F.interpolate(mask, size=(height, width), mode="bilinear", align_corners=False)


def partition(masks: Sequence[Tensor]) -> list[Tensor]:
    """Scale overlapping masks down so that they sum to at most 1 everywhere; what remains is nobody's."""
    total = torch.stack(list(masks)).sum(0).clamp_min(1)
    return [mask / total for mask in masks]


def limited(made: Tensor, original: Tensor, mask: Tensor | None) -> Tensor:
    """`made` where the mask [B, 1, h, w] is white and `original` where it is black, all pictures of one size."""
    return made if mask is None else torch.lerp(original, made, at_size(mask, *made.shape[-2:]).to(made))


def blended(made: Tensor, original: Tensor, strength: float) -> Tensor:
    """`made` at strength 1, `original` at 0."""
    return made if strength == 1 else torch.lerp(original, made, strength)
