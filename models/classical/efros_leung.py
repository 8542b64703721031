"""Texture synthesis by non-parametric sampling: a texture grows pixel by pixel.

Efros and Leung 1999, as on the authors' page: of the places of the source whose surroundings resemble what is known around a
pixel, within a tenth of the best, one is drawn. Pixels of a ring are visited from those with the most known neighbors on. Those
that see nothing of each other are worked on together, which changes no result. In float64 on the processor, so that a seed
gives the same bytes whatever device the rest uses.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..progress import Progress, glance, silent
from .quilting import candidates

SEED_SIDE = 3
TOLERANCE = 0.1
LARGEST_ERROR = 0.3  # of a pixel that is taken; more after each ring in which none was
PATIENCE = 1.1
SIGMA_OF_WINDOW = 1 / 6.4
LARGEST_SOURCE = 1 << 16  # pixels; the search looks at every one of them


@dataclass(frozen=True)
class GrowthSettings:
    """window: odd, the size of the structure that is to be kept. wrap: the result is a tile."""

    window: int = 11
    wrap: bool = False
    seed: int = 0


def grow_texture(texture: Tensor, size: tuple[int, int], settings: GrowthSettings, progress: Progress = silent) -> Tensor:
    """texture [1, 3, h, w] in 0..1 -> [1, 3, H, W] of `size`, of which every color is the texture's.

    Raises ValueError when the texture is smaller than the window, or larger than 65,536 pixels.
    """
    height, width = texture.shape[-2:]
    if min(height, width) < settings.window:
        raise ValueError(f"the texture of {width}x{height} pixels is smaller than the window of {settings.window}")
    if height * width > LARGEST_SOURCE:
        raise ValueError(f"the texture of {width}x{height} pixels is too large to grow pixel by pixel: at most {LARGEST_SOURCE}")
    growth = _Growth(texture, size, settings)
    growth.run(progress)
    return growth.picture().to(texture)


def window_weights(window: int) -> Tensor:
    """[window, window], exp(-d^2 / 2 sigma^2) with sigma = window / 6.4, in float64."""
    line = torch.arange(window, dtype=torch.float64) - window // 2
    return torch.exp(-(line[:, None].square() + line.square()) / (2 * (window * SIGMA_OF_WINDOW) ** 2))


def window_distances(patches: Tensor, squares: Tensor, known: Tensor, weights: Tensor) -> Tensor:
    """patches: [n, 3 * P] of the source, squares: [n, P] their squares summed over colors; known: [3 * P, B], weights: [P, B].

    -> [n, B] sums of w |s - t|^2, rounding errors clamped at 0.
    """
    spread = weights.repeat(3, 1)
    return (squares @ weights - 2 * (patches @ (spread * known)) + (spread * known.square()).sum(0)).clamp_(min=0)


class _Growth:
    def __init__(self, texture: Tensor, size: tuple[int, int], settings: GrowthSettings) -> None:
        self.texture, self.size = texture.cpu().double(), size
        self.window, self.reach, self.wrap = settings.window, settings.window // 2, settings.wrap
        self.chance = torch.Generator().manual_seed(settings.seed)
        self.patches = F.unfold(self.texture, self.window)[0].T.contiguous()
        self.squares = self.patches.square().unflatten(1, (3, -1)).sum(1)
        across = self.texture.shape[3]
        middle = torch.arange(self.texture.shape[2] * across).view(-1, across)
        inner = slice(self.reach, -self.reach)
        self.colors = self.texture[0].flatten(1)[:, middle[inner, inner].flatten()]  # [3, n] of the patches' middles
        self.bell = window_weights(self.window).flatten()
        self.canvas = torch.zeros(3, *size, dtype=torch.float64)
        self.filled = torch.zeros(size, dtype=torch.bool)

    def picture(self) -> Tensor:
        """What is made so far, [1, 3, H, W]."""
        return self.canvas[None]

    def run(self, progress: Progress) -> None:
        """Grow until nothing is left."""
        self._plant()
        limit = LARGEST_ERROR
        total = self.filled.numel()
        while not bool(self.filled.all()):
            ring = self._ring()
            drawn = torch.rand(len(ring), generator=self.chance, dtype=torch.float64)
            grown = False
            for batch in independent(ring, self.reach, self.size if self.wrap else None):
                grown = self._fill(ring[batch], drawn[batch], limit) or grown
                progress(int(self.filled.sum()), total, glance(self.picture().float()))
            if not grown:
                limit *= PATIENCE

    def _plant(self) -> None:
        """A piece of the texture in the middle."""
        side = min(SEED_SIDE, *self.size)
        top, left = ((length - side) // 2 for length in self.size)
        row, column = (int(torch.randint(length - side + 1, (1,), generator=self.chance)) for length in self.texture.shape[-2:])
        self.canvas[:, top : top + side, left : left + side] = self.texture[0, :, row : row + side, column : column + side]
        self.filled[top : top + side, left : left + side] = True

    def _ring(self) -> Tensor:
        """Rows and columns [n, 2] of what is not filled beside what is, those with the most filled neighbors first."""
        known = self._extended(self.filled[None].double(), 1)
        count = F.avg_pool2d(known, 3, 1, divisor_override=1)[0]
        ring = ((count > 0) & ~self.filled).nonzero()
        ring = ring[torch.randperm(len(ring), generator=self.chance)]
        return ring[count[ring[:, 0], ring[:, 1]].argsort(descending=True, stable=True)]

    def _extended(self, x: Tensor, reach: int) -> Tensor:
        """[C, H, W] with more on all sides: zeros, or the other side."""
        if not self.wrap:
            return F.pad(x, (reach,) * 4)
        rows, columns = (torch.arange(-reach, side + reach) % side for side in self.size)
        return x[:, rows][..., columns]

    def _fill(self, places: Tensor, drawn: Tensor, limit: float) -> bool:
        """Choose colors for these places; those whose error is too large are left. Whether any was filled."""
        offsets = torch.arange(self.window)
        rows, columns = (places[:, axis, None] + offsets for axis in (0, 1))  # in the extended canvas
        canvas, filled = self._extended(self.canvas, self.reach), self._extended(self.filled[None].double(), self.reach)[0]
        known = canvas[:, rows[:, :, None], columns[:, None, :]].movedim(1, -1).flatten(0, 2)  # [3 * P, B]
        mask = filled[rows[:, :, None], columns[:, None, :]].flatten(1).T  # [P, B]
        weights = mask * self.bell[:, None]
        weights = weights / weights.sum(0)
        distances = window_distances(self.patches, self.squares, known, weights)
        grown = False
        for number, (row, column) in enumerate(places.tolist()):
            good = candidates(distances[:, number], TOLERANCE).flatten()
            chosen = good[int(drawn[number] * len(good))]
            if distances[chosen, number] < limit:
                self.canvas[:, row, column], self.filled[row, column] = self.colors[:, chosen], True
                grown = True
        return grown


def independent(places: Tensor, reach: int, torus: tuple[int, int] | None) -> list[Tensor]:
    """Indices of places [n, 2] in batches, so that filling batch after batch is filling them one after another.

    A place waits for every place before it that it sees, which is one within `reach` rows and columns.
    """
    apart = (places[:, None] - places[None]).abs()
    if torus is not None:
        apart = torch.minimum(apart, torch.tensor(torus) - apart)
    sees = (apart.amax(-1) <= reach).tril(-1)
    turn = torch.zeros(len(places), dtype=torch.long)
    for number in range(1, len(places)):
        before = turn[:number][sees[number, :number]]
        if len(before):
            turn[number] = before.max() + 1
    return [(turn == value).nonzero().flatten() for value in range(int(turn.max()) + 1)]
