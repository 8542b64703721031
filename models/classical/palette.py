"""The few colors that a picture is made of."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .lab import lab_to_rgb, rgb_to_lab

SAMPLES = 1 << 14
ROUNDS = 20


@dataclass(frozen=True)
class Palette:
    """colors [n, 3] in 0..1, the most frequent first; shares [n] of the picture, which add up to 1."""

    colors: Tensor
    shares: Tensor


def to_lab(colors: Tensor) -> Tensor:
    """[n, 3] RGB -> [n, 3] Lab."""
    return rgb_to_lab(colors.T[None, :, :, None])[0, :, :, 0].T


def to_rgb(lab: Tensor) -> Tensor:
    """The inverse."""
    return lab_to_rgb(lab.T[None, :, :, None])[0, :, :, 0].T


def palette_of(rgb: Tensor, count: int, seed: int = 0) -> Palette:
    """Colors of pictures [B, 3, H, W] by k-means in Lab of at most 16,384 evenly spread pixels, begun as k-means++ (Arthur and
    Vassilvitskii 2007). Fewer than `count` where there are not so many.
    """
    pixels = rgb.movedim(1, -1).reshape(-1, 3)
    pixels = to_lab(pixels[:: max(1, len(pixels) // SAMPLES)].cpu().double())
    chance = torch.Generator().manual_seed(seed)
    centers = pixels[torch.randint(len(pixels), (1,), generator=chance)]
    while len(centers) < count:
        far = torch.cdist(pixels, centers).amin(1).square()
        if not float(far.max()) > 1e-9:
            break
        centers = torch.cat([centers, pixels[torch.multinomial(far, 1, generator=chance)]])
    which = torch.cdist(pixels, centers).argmin(1)
    for _ in range(ROUNDS):
        counts = torch.bincount(which, minlength=len(centers)).clamp_min(1)
        centers = torch.zeros_like(centers).index_add_(0, which, pixels) / counts[:, None]
        before, which = which, torch.cdist(pixels, centers).argmin(1)
        if torch.equal(before, which):
            break
    counts = torch.bincount(which, minlength=len(centers)).double()
    order = counts.argsort(descending=True, stable=True)
    order = order[counts[order] > 0]
    return Palette(to_rgb(centers[order]).to(rgb), (counts[order] / len(pixels)).to(rgb))


def nearest_colors(colors: Tensor, palette: Palette) -> Tensor:
    """Colors [n, 3] -> those of the palette that look most alike, [n, 3]."""
    return palette.colors.to(colors)[torch.cdist(to_lab(colors), to_lab(palette.colors.to(colors))).argmin(1)]


def quantized(rgb: Tensor, palette: Palette) -> Tensor:
    """A picture [B, 3, H, W] in the palette's colors alone."""
    flat = rgb.movedim(1, -1).reshape(-1, 3)
    parts = [nearest_colors(part, palette) for part in flat.split(1 << 18)]
    return torch.cat(parts).view(rgb.shape[0], *rgb.shape[2:], 3).movedim(-1, 1)
