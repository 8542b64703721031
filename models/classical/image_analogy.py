"""Image analogies: A is to A' as B is to B' (Hertzmann, Jacobs, Oliver, Curless and Salesin 2001).

`analogy` works on the patch engine. `analogy_in_scan_order` is the paper's own algorithm, for small pictures: pixels of B' are
found one after the other, each by the nearest of all pixels of A, or by the one that continues what a neighbor took. Pixels
on x + 3 y = constant see nothing of each other (their causal neighborhood is 5x5), so they are found together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..ops.color import rgb_to_yiq, yiq_to_rgb
from ..progress import Progress, glance, silent
from .patch_synthesis import Guide, PatchSettings, reduced, synthesize

WINDOW = 5
COARSER_WINDOW = 3
CAUSAL = [(down, right) for down in (-2, -1, 0) for right in range(-2, 3) if (down, right) < (0, 0)]
LEAST_SIDE = 2 * WINDOW
STEPS = 4 * 255.0  # brightness in whole numbers: sums over a neighborhood stay exact in float32, on every device
MOST_COMPARISONS = 1 << 34  # pixels of A times pixels of B


@dataclass(frozen=True)
class ScanSettings:
    """coherence: kappa, 5..25 for textures, 2..25 for painterly filters, 0.5..2 for line art. levels: 0 for as many as fit."""

    coherence: float = 5.0
    levels: int = 0
    color: str = "b"


def remapped(a: Tensor, painted: Tensor, b: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Brightness [1, 1, H, W] of A, A' and B, the first two with B's mean and deviation (section 3.4)."""
    mine, theirs, wanted = (rgb_to_yiq(x)[:, :1] for x in (a, painted, b))
    scale, mean = wanted.std(correction=0) / mine.std(correction=0).clamp_min(1e-6), mine.mean()
    return scale * (mine - mean) + wanted.mean(), scale * (theirs - mean) + wanted.mean(), wanted


def analogy(
    a: Tensor, painted: Tensor, b: Tensor, weight: float, color: str, settings: PatchSettings, progress: Progress = silent
) -> Tensor:
    """B' [1, 3, H, W] by the patch engine, with A and B as guides; all pictures [1, 3, h, w] in 0..1, A and A' of one size.

    weight: of the guides against the style's own differences. color: "a" takes the colors of A', "b" keeps those of B and
    takes brightness alone.
    """
    before, after, wanted = remapped(a, painted, b)
    if color == "a":
        guide = Guide(before.clamp(0, 1), wanted, weight)
        return synthesize(painted, [guide], (b.shape[2], b.shape[3]), settings, progress).picture
    low, high = min(float(x.min()) for x in (before, after, wanted)), max(float(x.max()) for x in (before, after, wanted))
    unit = max(high - low, 1e-6)
    before, after, wanted = ((x - low) / unit for x in (before, after, wanted))
    style = after.expand(-1, 3, -1, -1)
    made = synthesize(style, [Guide(before, wanted, weight)], (b.shape[2], b.shape[3]), settings, progress).picture
    return with_brightness(b, made[:, :1] * unit + low)


def with_brightness(b: Tensor, brightness: Tensor) -> Tensor:
    """The picture [1, 3, H, W] with another brightness [1, 1, H, W]."""
    return yiq_to_rgb(torch.cat([brightness, rgb_to_yiq(b)[:, 1:]], dim=1)).clamp(0, 1)


def analogy_in_scan_order(a: Tensor, painted: Tensor, b: Tensor, settings: ScanSettings, progress: Progress = silent) -> Tensor:
    """B' [1, 3, H, W] by the paper's algorithm with an exact search; arguments as in `analogy`.

    Raises ValueError when the pictures are too large for it, or too small.
    """
    check_scan(a.shape[-2:], b.shape[-2:])
    before, after, wanted = remapped(a, painted, b)
    levels = 1
    while min(*a.shape[-2:], *b.shape[-2:]) // 2**levels >= LEAST_SIDE and levels != settings.levels:
        levels += 1
    index = made = coarser = None
    pixels = [b[0, 0].numel() >> 2 * level for level in range(levels)]
    for level in reversed(range(levels)):
        scene = [(reduced(x, level) * STEPS).round() for x in (before, after, wanted)]
        made = scene[2].clone() if made is None else F.interpolate(made, scene[2].shape[-2:], mode="nearest")
        scan = _Scan(scene, made, coarser, 1 + settings.coherence * 2.0**-level)
        index = scan.run(progress, sum(pixels[level + 1 :]), sum(pixels))
        made, coarser = scan.made, (scene[0], scene[1], scene[2], scan.made)
    assert index is not None
    assert made is not None
    if settings.color == "a":
        return painted[0].flatten(1)[:, index].view_as(b)
    return with_brightness(b, made / STEPS)


def check_scan(size: Sequence[int], other: Sequence[int]) -> None:
    """Raise ValueError when pictures of these heights and widths are too large for the scan order, or too small."""
    if size[0] * size[1] * other[0] * other[1] > MOST_COMPARISONS:
        raise ValueError(
            f"before and images are {size[1]}x{size[0]} and {other[1]}x{other[0]} pixels, too large for the scan order: make "
            f"them smaller (360x360 each is the most), or choose patches."
        )
    if min(*size, *other) < WINDOW:
        raise ValueError(f"before and images must have at least {WINDOW} pixels on each side: connect larger ones.")


class _Scan:
    """One size. scene: A, A', B. made: B' to begin with. coarser: A, A', B, B' of the size below, or None."""

    def __init__(self, scene: Sequence[Tensor], made: Tensor, coarser: Sequence[Tensor] | None, tolerance: float) -> None:
        self.before, self.after, self.wanted = scene
        self.made, self.tolerance = made.clone(), tolerance
        self.source_size, self.size = tuple(self.before.shape[-2:]), tuple(self.wanted.shape[-2:])
        fixed = [neighborhood(self.before, WINDOW), neighborhood(self.wanted, WINDOW)]
        if coarser is not None:
            for side, pictures in enumerate((coarser[:2], coarser[2:])):
                size = self.source_size if side == 0 else self.size
                for picture in pictures:
                    near = enlarged_rows(neighborhood(picture, COARSER_WINDOW), picture.shape[-2:], size)
                    fixed[side] = torch.cat([fixed[side], near], dim=1)
        self.target = fixed[1]
        self.source = torch.cat([fixed[0], causal_rows(self.after, None)], dim=1)
        before = self.source[:, -len(CAUSAL) :].square()  # a column each, for neighbors that may be missing
        self.squares, self.searched = fixed[0].square().sum(1), torch.cat([self.source, before], dim=1)
        self.index = torch.zeros(self.size, dtype=torch.long, device=self.made.device)
        self.done = 0

    def run(self, progress: Progress, before: int, total: int) -> Tensor:
        """All pixels -> places in A, [positions]."""
        height, width = self.size
        for front in range(width + 3 * (height - 1)):
            rows = torch.arange(max(0, -(-(front - width + 1) // 3)), min(height - 1, front // 3) + 1)
            self._fill(rows.to(self.made.device), (front - 3 * rows).to(self.made.device))
            if front % 4 == 0:
                progress(before + self.done, total, glance(self.made.expand(-1, 3, -1, -1) / STEPS))
        progress(before + self.done, total, glance(self.made.expand(-1, 3, -1, -1) / STEPS))
        return self.index.flatten()

    def _fill(self, rows: Tensor, columns: Tensor) -> None:
        """Pixels of one front."""
        width = self.size[1]
        down, right = torch.tensor(CAUSAL, device=rows.device).T[:, :, None]
        near_row, near_column = rows + down, columns + right
        known = (near_row >= 0) & (near_column >= 0) & (near_column < width)
        fixed, there = self.target[rows * width + columns], known.T.float()
        query = torch.cat([fixed, causal_rows(self.made, (rows, columns)) * there], dim=1)
        scores = self.squares[:, None] - 2 * (self.searched @ torch.cat([query, -there / 2], dim=1).T)
        best, found = scores.min(0)  # without what all places have in common
        nearest = best + query.square().sum(1)
        taken = self.index[near_row.clamp_min(0), near_column.clamp(0, width - 1)]
        across = self.source_size[1]
        row, column = taken.div(across, rounding_mode="floor") - down, taken % across - right
        known = known & (row >= 0) & (row < self.source_size[0]) & (column >= 0) & (column < across)
        place = torch.where(known, row * across + column, 0)
        counted = torch.cat([torch.ones_like(fixed), there], dim=1)
        apart = ((self.source[place] - query).square() * counted).sum(2).masked_fill_(~known, torch.inf)
        coherent, which = apart.min(0)
        chosen = torch.where(coherent <= nearest * self.tolerance, place.gather(0, which[None])[0], found)
        self.index[rows, columns] = chosen
        self.made[0, 0, rows, columns] = self.after.flatten()[chosen]
        self.done += len(rows)


def gaussian_weights(offsets: Sequence[tuple[int, int]], window: int) -> list[float]:
    """Square roots of a Gaussian over a neighborhood that sums to 1; its deviation is a quarter of the window."""
    heights = [2.718281828459045 ** (-(d * d + r * r) / (2 * (window / 4) ** 2)) for d, r in offsets]
    return [(height / sum(heights)) ** 0.5 for height in heights]


def neighborhood(picture: Tensor, window: int) -> Tensor:
    """[1, 1, H, W] -> [H * W, window^2] weighted neighbors in whole numbers, beyond the border the border's."""
    reach = window // 2
    offsets = [(down, right) for down in range(-reach, reach + 1) for right in range(-reach, reach + 1)]
    near = F.unfold(F.pad(picture, (reach,) * 4, mode="replicate"), window)[0].T
    return (near * near.new_tensor(gaussian_weights(offsets, window))).round()


def causal_rows(picture: Tensor, places: tuple[Tensor, Tensor] | None) -> Tensor:
    """The 12 neighbors before a pixel in scan order, weighted, for all pixels or for the places (rows, columns): [n, 12]."""
    height, width = picture.shape[-2:]
    if places is None:
        every = torch.arange(height * width, device=picture.device)
        places = every.div(width, rounding_mode="floor"), every % width
    down, right = torch.tensor(CAUSAL, device=picture.device).T
    rows = (places[0][:, None] + down).clamp(0, height - 1)
    columns = (places[1][:, None] + right).clamp(0, width - 1)
    return (picture[0, 0, rows, columns] * picture.new_tensor(gaussian_weights(CAUSAL, WINDOW))).round()


def enlarged_rows(rows: Tensor, size: Sequence[int], new_size: Sequence[int]) -> Tensor:
    """Rows of every position of a size, [h * w, K], for the positions of one twice as large."""
    row = (torch.arange(new_size[0], device=rows.device) // 2).clamp_max(size[0] - 1)
    column = (torch.arange(new_size[1], device=rows.device) // 2).clamp_max(size[1] - 1)
    return rows[(row[:, None] * size[1] + column).flatten()]
