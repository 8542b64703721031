"""Cartoon: flat areas in few steps of brightness, with lines.

Winnemoeller, Olsen and Gooch 2006 (Real-Time Video Abstraction): bilateral filtering in Lab, soft quantization, difference of Gaussians;
lines along the picture's own as in Kyprianidis and Doellner 2008.
"""

from __future__ import annotations

from math import ceil

import torch
from torch import Tensor

from .bilateral import bilateral_by_axes
from .lab import lab_to_rgb, rgb_to_lab
from .orientation import reach
from .smoothing import reach_of, sobel
from .xdog import ACROSS, RATIO, flow_lines

RANGE = 4.25  # of colors that count as alike, of L's 100
SOFTEST, HARDEST = 3.0, 14.0  # slopes between steps of brightness, by the picture's own slope
STEEP = 2.0  # slope of L, a pixel, from which on steps are hard
SOFTENED = 1  # rounds of the bilateral filter before lines are looked for


def cartoon(
    rgb: Tensor,
    rounds: int = 4,
    sigma: float = 3.0,
    colors: float = RANGE,
    bins: int = 8,
    line_width: float = 1.0,
    lines: float = 1.0,
    saturation: float = 1.15,
) -> Tensor:
    """[B, 3, H, W] -> the same. rounds and sigma (pixels): how far areas flow together; colors: which do (of L's 100); bins: steps of
    brightness, 0 for none; line_width: sigma of the lines, lines: how black they are (0 for none); saturation: times that of the photo.
    """
    lab, sketch = rgb_to_lab(rgb), rgb
    for done in range(1, rounds + 1):
        lab = bilateral_by_axes(lab, sigma, colors)
        if done == SOFTENED:
            sketch = lab_to_rgb(lab)
    if bins:
        lab = torch.cat([quantized(lab[:, :1], bins), lab[:, 1:]], 1)
    flat = lab_to_rgb(torch.cat([lab[:, :1], lab[:, 1:] * saturation], 1))
    if not lines:
        return flat
    return flat * (1 - lines * (1 - flow_lines(sketch, line_width)))


def quantized(light: Tensor, bins: int) -> Tensor:
    """L [B, 1, H, W] in 0..100 drawn to the middles of `bins` steps, with borders as soft as the picture is there (equation 6)."""
    width = 100 / bins
    border = (light / width).round() * width
    right, down = (slope / 8 for slope in sobel(light))
    steep = ((right.square() + down.square()).sqrt() / STEEP).clamp(0, 1)
    hardness = SOFTEST + (HARDEST - SOFTEST) * steep
    return (border + width / 2 * torch.tanh(hardness * (light - border))).clamp(0, 100)


def halo(rounds: int, sigma: float, line_width: float) -> int:
    """How far `cartoon` reads."""
    lines = ceil(ACROSS * RATIO * line_width) + reach_of(3.0, 2.0) + 3 + reach(2.3)
    return max(1, round(2 * sigma)) * max(rounds, SOFTENED) + lines + 1
