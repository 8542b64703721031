"""Cutting squares out of pictures and putting them back without a seam."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .masks import at_size
from .padding import same_size
from .rows import by_rows

Box = tuple[float, float, float, float]  # left, top, width, height in pixels


@dataclass(frozen=True)
class Square:
    """A square of a picture in whole pixels; it may reach beyond the borders."""

    left: int
    top: int
    side: int


@dataclass(frozen=True)
class Crop:
    """ATELIER_CROP. Where faces were cut: a square for each picture of [B, 3, height, width]; mask [B, 1, height, width] of the
    faces, or None where nothing but a square is known.
    """

    squares: tuple[Square, ...]
    height: int
    width: int
    mask: Tensor | None = None

    def repeated(self, count: int, mask: Tensor | None = None) -> Crop:
        """For `count` pictures: squares repeat. mask [B, 1, h, w]: narrows the crop's own."""
        squares = tuple(self.squares[i % len(self.squares)] for i in range(count))
        masks = [at_size(m, self.height, self.width) for m in (self.mask, mask) if m is not None]
        joint = None if not masks else masks[0] if len(masks) == 1 else masks[0] * masks[1]
        return Crop(squares, self.height, self.width, joint)

    def __repr__(self) -> str:
        first = self.squares[0]
        return f"Crop({len(self.squares)} of {self.width}x{self.height}, the first {first.side} px at {first.left}, {first.top})"


def square_around(box: Box, margin: float) -> Square:
    """The square with the box's center whose side is the box's longer one and `margin` of it more."""
    left, top, width, height = box
    side = max(1, round(max(width, height) * (1 + margin)))
    return Square(round(left + width / 2 - side / 2), round(top + height / 2 - side / 2), side)


def central_square(height: int, width: int) -> Square:
    """The largest square in the middle."""
    side = min(height, width)
    return Square((width - side) // 2, (height - side) // 2, side)


def box_in_picture(mask: Tensor, height: int, width: int) -> Box | None:
    """The smallest box around what is at least half white in a mask [1, h, w], in pixels of the picture; None for nothing."""
    white = mask[0] >= 0.5
    rows, columns = white.any(dim=1).nonzero(), white.any(dim=0).nonzero()
    if not len(rows):
        return None
    down, across = height / mask.shape[1], width / mask.shape[2]
    top, bottom, left, right = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
    return left * across, top * down, (right - left) * across, (bottom - top) * down


def cut(images: Tensor, squares: Sequence[Square], size: int) -> Tensor:
    """images [B, C, H, W] and a square for each -> [B, C, size, size]; beyond the borders the edge is repeated."""
    pieces = []
    for image, square in zip(images.split(1), squares, strict=True):
        height, width = image.shape[-2:]
        bottom, right = square.top + square.side, square.left + square.side
        if min(square.top, square.left) >= 0 and bottom <= height and right <= width:
            piece = image[..., square.top : bottom, square.left : right]
        else:
            rows = torch.arange(square.top, bottom, device=image.device).clamp(0, height - 1)
            columns = torch.arange(square.left, right, device=image.device).clamp(0, width - 1)
            channels = [one.index_select(2, rows).index_select(3, columns) for one in image.split(1, dim=1)]
            piece = torch.cat(channels, dim=1)
        pieces.append(same_size(piece, size, size))
    return torch.cat(pieces)


def paste(images: Tensor, faces: Tensor, crop: Crop, feather: float, strength: float = 1.0) -> Tensor:
    """Put faces [B, 3, h, w] back where they were cut from images [B, 3, H, W].

    feather: width of the soft border, as a share of the square's side. Inside crop.mask only, where there is one.
    """
    out = by_rows(torch.clone, images)
    for i, square in enumerate(crop.squares):
        height, width = images.shape[-2:]
        top, left = max(square.top, 0), max(square.left, 0)
        bottom, right = min(square.top + square.side, height), min(square.left + square.side, width)
        if bottom <= top or right <= left:
            continue
        rows, columns = slice(top - square.top, bottom - square.top), slice(left - square.left, right - square.left)
        face = same_size(faces[i : i + 1], square.side, square.side)[..., rows, columns]
        weight = soft_square(square.side, feather).to(images)[..., rows, columns] * strength
        if crop.mask is not None:
            own = at_size(crop.mask[i % len(crop.mask)][None].to(images), height, width)
            weight = weight * own[..., top:bottom, left:right]
        target = out[i : i + 1, :, top:bottom, left:right]
        target.copy_(torch.lerp(target, face.to(images), weight))
    return out


def soft_square(side: int, feather: float) -> Tensor:
    """[1, 1, side, side]: one inside, falling to nothing at the border over feather * side pixels as a half cosine does."""
    reach = max(1e-6, feather * side)
    edge = torch.minimum(torch.arange(side) + 0.5, side - torch.arange(side) - 0.5)
    line = 0.5 - 0.5 * torch.cos(torch.pi * (edge / reach).clamp(0, 1))
    return torch.minimum(line[:, None], line[None])[None, None]


def on_white(images: Tensor, mask: Tensor) -> Tensor:
    """images [B, 3, H, W] with everything outside mask [B, 1, h, w] white."""
    return torch.lerp(torch.ones_like(images), images, at_size(mask, *images.shape[-2:]).to(images))
