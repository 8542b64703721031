"""Watercolor: flat washes whose pigment gathers at edges, in the water's turbulence and in the paper's grain.

Bousseau, Kaplan, Thollot and Sillion 2006 (Interactive Watercolor Rendering with Temporal Coherence and Abstraction): pigment density d
changes a color C to C - (C - C^2)(d - 1) (equation 1).
"""

from __future__ import annotations

import torch
from torch import Tensor

from .bilateral import bilateral_by_axes
from .lab import lab_to_rgb, rgb_to_lab
from .noise import turbulence, value_noise
from .smoothing import gaussian, luma, reach_of, sobel
from .streamlines import Walker

ROUNDS = 3
ALIKE = 7.0  # of L's 100
STEEPEST = 0.25  # slope of brightness, per unit, at which an edge has all its pigment
LARGE, MIDDLE = 60.0, 9.0  # units of pixels over which water and wobble change


def watercolor(
    rgb: Tensor,
    top: int = 0,
    unit: float = 1.0,
    flow: float = 0.5,
    edges: float = 0.9,
    paper: float = 0.22,
    wobble: float = 1.0,
    wash: float = 0.2,
    seed: int = 0,
) -> Tensor:
    """[B, 3, H, W], rows of a picture from `top` on -> the same. unit: pixels that fine things take (1 for a picture of about 1000).

    flow: how uneven the pigment lies, edges: how much of it gathers there, paper: how much the grain shows, wobble: how far outlines
    stray (in units), wash: how much lighter everything is.
    """
    height, width = rgb.shape[-2:]
    noise = {"device": rgb.device}
    if wobble:
        shifts = [
            2 * wobble * unit * turbulence(height, width, top, MIDDLE * unit, seed + number, 2, **noise) for number in (11, 29)
        ]
        walker = Walker(torch.zeros_like(rgb[:, :2]))
        batch = rgb.shape[0]
        rgb = walker.read(rgb, *(shift.to(rgb).expand(batch, -1, -1, -1) for shift in shifts))
    lab = rgb_to_lab(rgb)
    for _ in range(ROUNDS):
        lab = bilateral_by_axes(lab, 2.5 * unit, ALIKE)
    flat = lab_to_rgb(lab)
    flat = flat + wash * (1 - flat) * (0.4 + 0.6 * flat)
    right, down = (slope / 8 for slope in sobel(gaussian(luma(flat), 1.2 * unit)))
    edge = ((right.square() + down.square()).sqrt() * (unit * 4 / STEEPEST) / 4).clamp(0, 1)
    water = turbulence(height, width, top, LARGE * unit, seed, 3, rgb.device).to(rgb)
    grain = grain_of(height, width, top, unit, seed + 101, rgb.device).to(rgb)
    density = 1 + flow * 1.2 * water + edges * gaussian(edge, 0.6 * unit) + paper * grain
    return (flat - (flat - flat.square()) * (density - 1)).clamp(0, 1)


def grain_of(height: int, width: int, top: int, unit: float, seed: int, device: torch.device) -> Tensor:
    """A cold-pressed paper's height around 0, [1, 1, height, width]."""
    fine = value_noise(height, width, top, 2.2 * unit, seed, device)
    coarse = value_noise(height, width, top, 5.0 * unit, seed + 1, device)
    return 1.1 * (fine - 0.5) + 0.7 * (coarse - 0.5)


def halo(unit: float, wobble: float) -> int:
    """How far `watercolor` reads."""
    washes = ROUNDS * max(1, round(5 * unit))
    return washes + reach_of(1.2 * unit) + reach_of(0.6 * unit) + 2 + int(2 * wobble * unit + 2)
