"""Strokes as pixels, at any size: tile by tile, by distances in a box around each piece and the topmost stroke of every pixel.

Order costs nothing: what lies on top is found by a maximum of ranks, which is exact and the same on every device. Pieces that
are wholly hidden by those painted after them are left out.
A border pixel is mixed of the topmost stroke and the topmost one that covers it wholly.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..ops.tiling import Tile, tiles
from ..progress import Progress, glance, silent
from .brushes import Brush
from .strokes import Strokes

TILE = 1024
BOXES = 1 << 15  # pixels of boxes that are worked at once, which stay in the cache
LEAST_BATCH = 32
BATCH = 4  # times the canvas, of the first batch's boxes
FULL = 255  # coverage is counted in so many steps


def render(
    strokes: Strokes,
    canvas: Tensor | None = None,
    brush: Brush | None = None,
    tile: int = TILE,
    progress: Progress = silent,
) -> Tensor:
    """[1, 3, H, W] in 0..1 of the strokes' size. canvas: the picture they lie on, which is left as it is; None for their background.

    Raises ValueError for strokes without a ground to lie on.
    """
    height, width = strokes.height, strokes.width
    if canvas is None:
        if strokes.background is None:
            raise ValueError("the strokes have no background: give the picture that they are to lie on")
        canvas = strokes.background.view(1, 3, 1, 1).expand(1, 3, height, width)
    made = canvas.clone(memory_format=torch.contiguous_format)
    box, parts = strokes.box(), [strokes.chosen(strokes.layer == n).parts() for n in range(len(strokes.opacity))]
    places = list(tiles(height, width, tile, 0, 1))
    for number, place in enumerate(places):
        paint_tile(place.outer(made), place, strokes, box, parts, brush)
        progress(number + 1, len(places), glance(made))
    return made


def paint_tile(canvas: Tensor, place: Tile, strokes: Strokes, box: Tensor, parts: list[int], brush: Brush | None) -> None:
    """Paint the strokes that reach into a tile on its canvas [1, 3, h, w], in place."""
    left, top = place.columns.start, place.rows.start
    right, bottom = place.columns.stop, place.rows.stop
    near = (box[:, 2] > left - 1) & (box[:, 3] > top - 1) & (box[:, 0] < right + 1) & (box[:, 1] < bottom + 1)
    found = torch.nonzero(near)[:, 0]
    for number, opacity in enumerate(strokes.opacity):
        which = found[strokes.layer[found] == number]
        if len(which):
            within = which - int((strokes.layer < number).sum())
            paint_layer(canvas, (left, top), strokes.chosen(which), within, parts[number], opacity, brush)


@dataclass(frozen=True)
class Pieces:
    """Straight pieces of strokes: where each begins [n, 2], its unit direction [n, 2], length, radius, the rank of its stroke from 1,
    how far along its stroke it begins, how long that is, and which of its layer's strokes it is.
    """

    start: Tensor
    direction: Tensor
    length: Tensor
    radius: Tensor
    rank: Tensor
    before: Tensor
    total: Tensor
    number: Tensor

    def batches(self, pixels: int) -> Iterator[Tensor]:
        """Places of the pieces, from the last painted to the first, in batches that grow; the first ones' boxes together have about so
        many pixels.
        """
        order = self.rank.argsort(descending=True)
        area = (self.length + 2 * self.radius + 3).square().mean()
        size, start = max(LEAST_BATCH, int(pixels / area)), 0
        while start < len(order):
            yield order[start : start + size]
            start, size = start + size, size * 3 // 2

    def frame(self, part: Tensor) -> Tensor:
        """[n, 4]: first column and row of what these pieces may touch, and those behind its end."""
        a, radius = self.start[part], self.radius[part, None]
        b = a + self.direction[part] * self.length[part, None]
        low, high = torch.minimum(a, b) - radius - 1, torch.maximum(a, b) + radius + 1
        return torch.cat([low.floor(), high.ceil()], 1).long()

    def boxes(self, part: Tensor) -> Iterator[tuple[Tensor, int]]:
        """Groups of some pieces with the side of the box that holds each, of about the same size."""
        side = (self.length[part] + 2 * self.radius[part] + 3).ceil().long()
        rounded = (side + 3) // 4 * 4
        for size in torch.unique(rounded).tolist():
            group = part[rounded == size]
            for some in group.split(max(1, BOXES // size**2)):
                yield some, size


def pieces_of(lines: Tensor, radius: Tensor, number: Tensor) -> Pieces:
    """Every stroke's pieces of some length, and one of length 0 for dots."""
    a, b = lines[:, :-1], lines[:, 1:]
    if lines.shape[1] == 1:
        a, b = lines, lines
    step = b - a
    length = step.norm(dim=2)
    before = length.cumsum(1) - length
    live = length > 1e-6
    live[:, 0] |= ~live.any(1)
    which = torch.nonzero(live)[:, 0]
    direction = step / length.clamp_min(1e-6)[..., None]
    direction[..., 0] += (length <= 1e-6).to(direction)  # a dot looks to the right
    return Pieces(
        a[live],
        direction[live],
        length[live],
        radius[which],
        which + 1,
        before[live],
        length.sum(1)[which],
        number[which],
    )


def paint_layer(
    canvas: Tensor,
    origin: tuple[int, int],
    strokes: Strokes,
    number: Tensor,
    parts: int,
    opacity: float,
    brush: Brush | None,
) -> None:
    """Lay one layer over a canvas [1, 3, h, w] whose corner is at `origin` (column, row), in place. number: which of the layer's strokes these
    are.
    """
    height, width = canvas.shape[-2:]
    pieces = pieces_of(strokes.polylines(parts), strokes.radius, number)
    numbers = torch.int32 if len(strokes) < (1 << 31) // (FULL + 1) - 1 else torch.int64
    topmost = torch.zeros(2, (height + 2) * (width + 2), dtype=numbers, device=canvas.device)
    inner = topmost.view(2, height + 2, width + 2)[1, 1:-1, 1:-1]
    for batch in pieces.batches(BATCH * height * width):
        batch = batch[still_seen(pieces.frame(batch), origin, inner)]
        for part, side in pieces.boxes(batch):
            where, cover = covered(pieces, part, side, origin, (height, width), brush)
            rank = pieces.rank[part].to(numbers).view(-1, 1, 1)
            seen = cover.clamp_max(1) * (rank * (FULL + 1)) + cover
            topmost[0].scatter_reduce_(0, where.flatten(), seen.flatten(), "amax")
            whole = (cover + (1 - FULL)).clamp_min_(0) * rank
            topmost[1].scatter_reduce_(0, where.flatten(), whole.flatten(), "amax")
    seen, whole = (x.view(height + 2, width + 2)[1:-1, 1:-1].flatten().long() for x in topmost)
    rank, cover = seen // (FULL + 1), (seen % (FULL + 1)).to(canvas) / FULL
    # The row of rank 0 is the canvas' own color.
    colors = torch.cat([strokes.color[:1], strokes.color]).to(canvas)
    own = canvas[0].flatten(1).T
    below = torch.where((whole > 0)[:, None], colors[whole], own)
    above = torch.where((rank > 0)[:, None], colors[rank], own)
    mixed = torch.where((rank > whole)[:, None], torch.lerp(below, above, cover[:, None]), below)
    canvas[0] = torch.lerp(own, mixed, opacity).T.reshape(canvas.shape[1:])


def still_seen(frame: Tensor, origin: tuple[int, int], whole: Tensor) -> Tensor:
    """Which of these frames [n, 4] hold a pixel that is not wholly covered yet: where whole [h, w] is 0."""
    height, width = whole.shape
    counts = F.pad((whole == 0).to(torch.int32).cumsum(0).cumsum(1), (1, 0, 1, 0)).flatten()
    left, right = ((frame[:, i] - origin[0]).clamp(0, width) for i in (0, 2))
    top, bottom = ((frame[:, i] - origin[1]).clamp(0, height) * (width + 1) for i in (1, 3))
    return counts[bottom + right] - counts[top + right] - counts[bottom + left] + counts[top + left] > 0


def covered(
    pieces: Pieces, part: Tensor, side: int, origin: tuple[int, int], size: tuple[int, int], brush: Brush | None
) -> tuple[Tensor, Tensor]:
    """Boxes of `side` pixels around some pieces: where each of their pixels is on a canvas (height, width) with a border of one pixel,
    which takes what lies outside, and how far it is covered (0 to 255), [n, side, side].
    """
    height, width = size
    start, direction, length = pieces.start[part], pieces.direction[part], pieces.length[part]
    radius = pieces.radius[part]
    corner = (torch.minimum(start, start + direction * length[:, None]) - radius[:, None] - 1).floor()
    steps = torch.arange(side, device=start.device, dtype=start.dtype)
    columns, rows = corner[:, :1] + steps, corner[:, 1:] + steps
    x, y = columns + 0.5 - start[:, :1], rows + 0.5 - start[:, 1:]
    along = (x * direction[:, :1])[:, None, :] + (y * direction[:, 1:])[:, :, None]
    nearest = along.clamp_min(0).minimum(length.view(-1, 1, 1))
    square = (x * x)[:, None, :] + (y * y)[:, :, None]
    square += nearest * (nearest - 2 * along)
    cover = (radius.view(-1, 1, 1) + 0.5 - square.clamp_min_(0).sqrt_()).clamp_(0, 1)
    # Strokes narrower than a pixel are paler instead.
    cover *= (2 * radius).clamp_max(1).view(-1, 1, 1)
    if brush is not None:
        across = (y * direction[:, :1])[:, :, None] - (x * direction[:, 1:])[:, None, :]
        whole = along + pieces.before[part].view(-1, 1, 1)
        of_stroke = (values.view(-1, 1, 1) for values in (radius, pieces.total[part], pieces.number[part]))
        cover *= brush.cover(whole, across, *of_stroke)
    column = (columns + (1 - origin[0])).clamp(0, width + 1).long()
    row = (rows + (1 - origin[1])).clamp(0, height + 1).long() * (width + 2)
    return row[:, :, None] + column[:, None, :], (cover * FULL).round_().to(torch.int32)
