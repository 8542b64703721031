"""Pencil drawing: short straight strokes along the edges, over a tone that graphite has.

Lu, Xu and Jia 2012 (Combining Sketch and Tone for Pencil Drawing Production). Strokes are theirs. Tone: the same three laws of
brightness; the paper's solution for how often the pattern is drawn over is taken locally, under a Gaussian, instead of over the whole
picture, so that strips give what the whole gives.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, pi, sin

import torch
import torch.nn.functional as F
from torch import Tensor

from .noise import hashed, value_noise
from .smoothing import gaussian, luma, reach_of

DIRECTIONS = 8
WEIGHTS = {"light": (42.0, 29.0, 29.0), "dark": (52.0, 37.0, 11.0)}  # bright, mild and dark: of two sets of drawings
BRIGHT_SCALE, MILD, DARK_MEAN, DARK_SPREAD = 9.0, (105.0, 225.0), 90.0, 11.0
LEVELS = 256
DARKEST = 0.12  # that graphite becomes
LOCAL = 3.0  # sigma of the neighborhood in which the pattern's strength is solved for, in units of the pattern


@dataclass(frozen=True)
class Tone:
    """How brightness is to be changed: for each of 256 levels the one that it becomes (0..1)."""

    levels: Tensor

    @staticmethod
    def of(rgb: Tensor, kind: str = "light") -> Tone:
        """For a whole picture, by matching its histogram to a drawing's."""
        drawn = drawing_law(WEIGHTS[kind]).cumsum(0)
        bright = (luma(rgb) * (LEVELS - 1)).round().long().flatten().cpu()
        found = torch.bincount(bright.clamp(0, LEVELS - 1), minlength=LEVELS).double().cumsum(0) / bright.numel()
        return Tone((torch.searchsorted(drawn, found).clamp_max(LEVELS - 1).double() / (LEVELS - 1)).to(rgb))

    def apply(self, bright: Tensor) -> Tensor:
        """[B, 1, H, W] in 0..1."""
        at = bright * (LEVELS - 1)
        low = at.floor().long().clamp(0, LEVELS - 2)
        return torch.lerp(self.levels[low], self.levels[low + 1], at - low)


def drawing_law(weights: tuple[float, float, float]) -> Tensor:
    """How often a drawing has each of 256 levels (equations 5 to 8)."""
    v = torch.arange(LEVELS, dtype=torch.float64)
    laws = [
        torch.exp(-(255 - v) / BRIGHT_SCALE),
        ((v >= MILD[0]) & (v <= MILD[1])).double(),
        torch.exp(-((v - DARK_MEAN) ** 2) / (2 * DARK_SPREAD**2)),
    ]
    total = torch.stack([weight * law / law.sum() for weight, law in zip(weights, laws, strict=True)]).sum(0)
    return total / total.sum()


def strokes_of(bright: Tensor, length: int, strength: float = 1.0) -> Tensor:
    """[B, 1, H, W] -> white paper with strokes, 1 to 0: every slope goes to the direction along which it is longest, and is drawn
    there as lines (equations 1 to 3).
    """
    right, down = (
        F.pad(bright, (0, 1, 0, 0), mode="replicate").diff(dim=3),
        F.pad(bright, (0, 0, 0, 1), mode="replicate").diff(dim=2),
    )
    slope = (right.square() + down.square()).sqrt()
    kernels = lines(length, slope)
    answers = F.conv2d(slope, kernels, padding=length)
    which = answers.argmax(1, keepdim=True)
    apart = torch.zeros_like(answers).scatter_(1, which, slope)
    drawn = F.conv2d(apart, kernels.transpose(0, 1), padding=length)  # lines are their own mirror images
    return (1 - strength * drawn).clamp(0, 1)


def lines(length: int, like: Tensor) -> Tensor:
    """Lines of 2 length + 1 pixels through the middle in eight directions, one pixel wide, [8, 1, side, side]."""
    at = torch.arange(-length, length + 1, dtype=torch.float64)
    y, x = torch.meshgrid(at, at, indexing="ij")
    found = []
    for number in range(DIRECTIONS):
        c, s = cos(number * pi / DIRECTIONS), sin(number * pi / DIRECTIONS)
        away = (1 - (y * c - x * s).abs()).clamp_min(0)
        found.append(away * ((x * c + y * s).abs() <= length))
    return torch.stack(found)[:, None].to(like)


def graphite(height: int, width: int, top: int, unit: float, seed: int, device: torch.device) -> Tensor:
    """What a pencil's side leaves on paper, [1, 1, height, width] in 0..1: grain, and faint strokes at an angle."""
    rows = torch.arange(top, top + height, device=device)[:, None]
    columns = torch.arange(width, device=device)[None]
    grain = value_noise(height, width, top, 1.6 * unit, seed, device)[0, 0]
    fine = hashed(rows, columns, seed + 7)
    # Streaks: noise that is long along one diagonal and narrow across it.
    along, across = (columns - rows) / (28.0 * unit), (columns + rows) / (1.8 * unit)
    a, b = along.floor(), across.floor()
    u = across - b
    streak = torch.lerp(hashed(b, a, seed + 3), hashed(b + 1, a, seed + 3), u * u * (3 - 2 * u))
    return (0.5 * grain + 0.2 * fine + 0.3 * streak)[None, None]


def pencil(
    rgb: Tensor,
    tone: Tone,
    top: int = 0,
    unit: float = 1.0,
    length: int = 8,
    strokes: float = 1.0,
    shading: float = 1.0,
    color: float = 0.0,
    seed: int = 0,
) -> Tensor:
    """[B, 3, H, W], rows of a picture from `top` on -> the same. tone: of the whole picture. unit: pixels that the paper's grain takes.

    length: half of a stroke's, in pixels; strokes, shading: how strong outlines and tone are; color: 0 for graphite, 1 for colored
    pencils.
    """
    bright = luma(rgb)
    outlines = strokes_of(bright, length, strokes)
    wanted = tone.apply(gaussian(bright, unit)).clamp(DARKEST, 1)
    pattern = (0.55 + 0.43 * graphite(rgb.shape[2], rgb.shape[3], top, unit, seed, rgb.device)).to(rgb)
    pattern_log, wanted_log = pattern.log(), wanted.log()
    often = gaussian(pattern_log * wanted_log, LOCAL * unit) / gaussian(pattern_log.square(), LOCAL * unit)
    shaded = torch.exp(shading * often * pattern_log)
    drawn = (outlines * shaded).clamp(0, 1)
    if not color:
        return drawn.expand_as(rgb)
    lead = (rgb + (drawn - bright)).clamp(0, 1)
    tinted = lead + 0.15 * (1 - lead) * drawn
    return torch.lerp(drawn.expand_as(rgb), tinted.clamp(0, 1), color)


def halo(unit: float, length: int) -> int:
    """How far `pencil` reads."""
    return max(2 * length + 1, reach_of(unit) + reach_of(LOCAL * unit)) + 1
