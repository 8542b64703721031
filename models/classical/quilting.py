"""Image quilting and texture transfer: blocks of a texture side by side, cut where they differ least.

Efros and Freeman 2001, Image Quilting for Texture Synthesis and Transfer. A block is drawn from those whose squared difference
over what it overlaps is within a tolerance of the least; the cut through the overlap is found by dynamic programming. Transfer
adds how well a block corresponds to a picture, and repeats with smaller blocks. Everything is drawn and computed on the
processor, so a seed gives the same bytes whatever device the rest uses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from ..progress import Progress, glance, silent
from .matching import Matcher
from .seams import kept_right
from .smoothing import gaussian, luma

LARGEST_SEARCH = 1 << 18  # pixels of a source that is searched at its own size
LARGEST_TRANSFER = 1 << 16  # for the many small blocks of a transfer
SMALLER = 2 / 3  # a block of a pass to that of the one before
LEAST_BLOCK = 4
CORRESPONDENCE_BLUR = 0.06  # of a block's side: what is compared of the texture and the picture is their blurred brightness


@dataclass(frozen=True)
class QuiltSettings:
    """block: pixels. overlap: pixels, 0 for a sixth of the block. tolerance: of the least error, 0 takes the best block.

    wrap: the result is a tile. first: row and column in the texture of the first block, or None for one by chance.
    """

    block: int = 36
    overlap: int = 0
    tolerance: float = 0.1
    wrap: bool = False
    seed: int = 0
    first: tuple[int, int] | None = None


@dataclass(frozen=True)
class TransferSettings:
    """Texture transfer in `passes` passes, alpha from 0.1 to 0.9 over them, times what `detail` says (1 is the paper's).

    tolerance as in quilting. Higher `detail` follows the picture more and the texture's own structure less.
    """

    block: int = 24
    passes: int = 3
    tolerance: float = 0.1
    detail: float = 1.0
    seed: int = 0


@dataclass(frozen=True)
class _Likeness:
    """What a pass of a transfer wants besides overlaps: a picture's brightness [1, H, W], and the pass before [3, H, W]."""

    brightness: Tensor
    before: Tensor | None
    alpha: float


def quilt(texture: Tensor, size: tuple[int, int], settings: QuiltSettings, progress: Progress = silent) -> Tensor:
    """texture [1, 3, h, w] in 0..1 -> [1, 3, H, W] of `size`, of which every color is the texture's."""
    return quilted(texture, size, settings, progress)[0]


def quilted(
    texture: Tensor, size: tuple[int, int], settings: QuiltSettings, progress: Progress = silent
) -> tuple[Tensor, list[tuple[int, int]]]:
    """The same, and the row and column in the texture of every block.

    Raises ValueError when the overlap is not smaller than the block.
    """
    block = min(settings.block, *texture.shape[-2:], *((side // 2 for side in size) if settings.wrap else ()))
    overlap = settings.overlap or max(1, block // 6)
    if overlap >= block:
        raise ValueError(f"overlap {overlap} must be smaller than the block, which is {block} pixels: make one of them fit")
    quilting = _Quilting(texture, size, block, overlap, settings.tolerance, settings.wrap, settings.seed, LARGEST_SEARCH)
    quilting.run(progress, first=settings.first)
    return quilting.picture().to(texture), quilting.places


def transfer_texture(texture: Tensor, picture: Tensor, settings: TransferSettings, progress: Progress = silent) -> Tensor:
    """The picture [1, 3, H, W] made of blocks of the texture [1, 3, h, w] with the same brightness, both in 0..1.

    Equation of section 4: error = alpha (overlap + difference to the pass before) + (1 - alpha) correspondence, with
    alpha_i = 0.8 (i - 1) / (N - 1) + 0.1 in the i-th of N passes. Correspondence is that of blurred brightness, the texture's
    brought to the mean and deviation of the picture's. Every color is the texture's.
    """
    made: Tensor | None = None
    size, block = (picture.shape[2], picture.shape[3]), min(settings.block, *texture.shape[-2:])
    for number in range(settings.passes):
        share = number / (settings.passes - 1) if settings.passes > 1 else 0.0
        side = max(LEAST_BLOCK, round(block * SMALLER**number))
        alpha = (0.8 * share + 0.1) / settings.detail
        brightness, wanted = correspondence(texture, picture, side)
        likeness = _Likeness(wanted[0], made, min(alpha, 1.0))
        quilting = _Quilting(
            torch.cat([texture.cpu(), brightness], dim=1),
            size,
            min(side, *texture.shape[-2:]),
            max(1, side // 6),
            settings.tolerance,
            False,
            settings.seed + number,
            LARGEST_TRANSFER,
        )
        quilting.run(progress, likeness, number, settings.passes)
        made = quilting.picture()[0]
    assert made is not None
    return made[None].to(picture)


def correspondence(texture: Tensor, picture: Tensor, block: int) -> tuple[Tensor, Tensor]:
    """Blurred brightness of both, [1, 1, H, W]; the picture's with the texture's mean and deviation."""
    sigma = max(CORRESPONDENCE_BLUR * block, 0.5)
    mine, other = (gaussian(luma(x.cpu()), sigma) for x in (texture, picture))
    spread = mine.std(correction=0) / other.std(correction=0).clamp_min(1e-9)
    return mine, (other - other.mean()) * spread + mine.mean()


class _Quilting:
    """A canvas that is filled block by block. Channels beyond three of the texture are compared and not painted."""

    def __init__(
        self,
        texture: Tensor,
        size: tuple[int, int],
        block: int,
        overlap: int,
        tolerance: float,
        wrap: bool,
        seed: int,
        largest: int,
    ) -> None:
        self.texture = texture[0].cpu()
        self.size, self.block, self.tolerance, self.wrap = size, block, tolerance, wrap
        self.rows, self.columns = (starts(side, block, overlap, wrap) for side in size)
        canvas = size if wrap else (self.rows[-1] + block, self.columns[-1] + block)
        self.canvas = self.texture.new_zeros(3, *canvas)
        self.filled = torch.zeros(canvas, dtype=torch.bool)
        self.chance = torch.Generator().manual_seed(seed)
        self.factor = 1
        while self.texture[0].numel() / self.factor**2 > largest and block // (2 * self.factor) >= LEAST_BLOCK:
            self.factor *= 2
        self.matcher = Matcher(self.texture, (block, block)) if self.factor == 1 else None
        small = F.avg_pool2d(self.texture[None], self.factor)[0]
        reduced = block // self.factor
        self.coarse = Matcher(small, (reduced, reduced))
        self.places: list[tuple[int, int]] = []

    def run(
        self,
        progress: Progress,
        likeness: _Likeness | None = None,
        number: int = 0,
        passes: int = 1,
        first: tuple[int, int] | None = None,
    ) -> None:
        """All blocks, row by row."""
        blocks = [(row, column) for row in self.rows for column in self.columns]
        for done, (row, column) in enumerate(blocks):
            place = first if first is not None and not done else self._found(row, column, likeness)
            self._paste(row, column, *place)
            self.places.append(place)
            preview = glance(self.picture().float()) if done % len(self.columns) == 0 else None
            progress(number * len(blocks) + done + 1, passes * len(blocks), preview)

    def picture(self) -> Tensor:
        """What is made so far, [1, 3, H, W]."""
        return self.canvas[None, :, : self.size[0], : self.size[1]]

    def _window(self, row: int, column: int) -> tuple[Tensor, Tensor]:
        rows = torch.arange(row, row + self.block) % self.canvas.shape[1]
        columns = torch.arange(column, column + self.block) % self.canvas.shape[2]
        return rows[:, None], columns

    def _found(self, row: int, column: int, likeness: _Likeness | None) -> tuple[int, int]:
        """A place in the texture for this block, drawn from the good ones."""
        window = self._window(row, column)
        filled = self.filled[window].to(self.texture)
        template = self.texture.new_zeros(len(self.texture), self.block, self.block)
        weights = torch.zeros_like(template)
        template[:3], weights[:3] = self.canvas[:, window[0], window[1]], filled
        if likeness is not None:
            height, width = (slice(start, start + self.block) for start in (row, column))
            weights[:3] *= likeness.alpha
            if likeness.before is not None:
                known = cropped(likeness.before, height, width)
                both = weights[:3] + likeness.alpha
                template[:3] = (weights[:3] * template[:3] + likeness.alpha * known) / both
                weights[:3] = both
            template[3:] = cropped(likeness.brightness, height, width)
            weights[3:] = 1 - likeness.alpha
        if not bool(weights.any()):
            row, column = (
                int(torch.randint(side - self.block + 1, (1,), generator=self.chance)) for side in self.texture.shape[1:]
            )
            return row, column
        if self.matcher is not None:
            return self._drawn(self.matcher.costs(template, weights))
        small = [F.avg_pool2d(x[None], self.factor)[0] for x in (template * weights, weights)]
        coarse = self._drawn(self.coarse.costs(small[0] / small[1].clamp_min(1e-9), small[1]))
        return self._refined(coarse, template, weights)

    def _drawn(self, costs: Tensor) -> tuple[int, int]:
        good = candidates(costs, self.tolerance)
        row, column = good[int(torch.randint(len(good), (1,), generator=self.chance))].tolist()
        return row, column

    def _refined(self, coarse: tuple[int, int], template: Tensor, weights: Tensor) -> tuple[int, int]:
        """The best place at full size near one that was found at the reduced size."""
        top, left = (
            min(max((at - 1) * self.factor, 0), side - self.block)
            for at, side in zip(coarse, self.texture.shape[1:], strict=True)
        )
        reach = self.block + 2 * self.factor
        near = self.texture[:, top : top + reach, left : left + reach]
        kernel = (weights * template)[None]
        costs = F.conv2d(near.square()[None], weights[None]) - 2 * F.conv2d(near[None], kernel)
        row, column = divmod(int(costs.flatten().argmin()), costs.shape[-1])
        return top + row, left + column

    def _paste(self, row: int, column: int, from_row: int, from_column: int) -> None:
        """Put a block of the texture there, cut against what is there already."""
        window, block = self._window(row, column), self.block
        piece = self.texture[:3, from_row : from_row + block, from_column : from_column + block]
        old, filled = self.canvas[:, window[0], window[1]], self.filled[window].numpy()
        surface = (piece - old).square().sum(0).numpy()
        new = np.ones((block, block), bool)
        for across, flipped in ((False, False), (True, False), (False, True), (True, True)):  # left, top, right, bottom
            edge, costs = (side_first(x, across, flipped) for x in (filled, surface))
            width = int(np.append(edge.all(0), False).argmin())
            if 0 < width < block:
                cut = np.ones((block, block), bool)
                cut[:, :width] = kept_right(np.ascontiguousarray(costs[:, :width]))
                new &= side_first(cut, False, flipped).T if across else side_first(cut, False, flipped)
        new |= ~filled
        self.canvas[:, window[0], window[1]] = torch.where(torch.from_numpy(new), piece, old)
        self.filled[window] = True


def side_first(x: NDArray[Any], across: bool, flipped: bool) -> NDArray[Any]:
    """A block turned so that one of its sides is the left: the top or the bottom with `across`, the far one with `flipped`."""
    turned = x.T if across else x
    return turned[:, ::-1] if flipped else turned


def starts(side: int, block: int, overlap: int, wrap: bool) -> list[int]:
    """Where blocks begin along a side; of a tile evenly, so that the last overlaps the first as much as its neighbors do."""
    step = block - overlap
    if not wrap:
        return list(range(0, max(side - overlap, 1), step))
    count = max(-(-side // step), 1)
    return [round(number * side / count) for number in range(count)]


def candidates(costs: Tensor, tolerance: float) -> Tensor:
    """Rows and columns [n, 2] of the places whose cost is within `tolerance` of the least."""
    return (costs <= (1 + tolerance) * costs.min()).nonzero()


def cropped(x: Tensor, rows: slice, columns: slice) -> Tensor:
    """A block of [C, H, W], beyond whose border the border's values are."""
    piece = x[:, rows, columns]
    down, right = rows.stop - rows.start - piece.shape[1], columns.stop - columns.start - piece.shape[2]
    return F.pad(piece[None], (0, right, 0, down), mode="replicate")[0] if down or right else piece
