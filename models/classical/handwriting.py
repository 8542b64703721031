"""What a painting's strokes are like: how broad and long, which way they go, and in which colors.

Measured, not learned: strokes leave detail that is alike along them and changes across them, so the autocorrelation of detail along the
picture's lines and across them tells their length and width.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import pi

import torch
from torch import Tensor

from ..ops.padding import same_size
from .hertzmann import StrokeStyle
from .noise import value_noise
from .orientation import Orientation, orientation_of
from .palette import Palette, palette_of
from .smoothing import gaussian, luma
from .streamlines import Walker

LONGEST = 640  # pixels of the picture that is measured
FARTHEST = 48  # pixels, as far as correlations are followed
COARSE = 32.0  # sigma of what is no detail
DIRECTIONS = 36
HALF = 0.5
CALM = 0.35  # anisotropy below which a photograph's direction gives way to the painting's


@dataclass(frozen=True)
class Handwriting:
    """width and length of strokes as shares of the picture's longer side; directions [36]: how often strokes go each way, from the right
    downwards in steps of 5 degrees, adding up to 1; palette: its colors.
    """

    width: float
    length: float
    directions: Tensor
    palette: Palette

    def style(self, like: StrokeStyle, height: int, width: int, size: float = 1.0) -> StrokeStyle:
        """Settings like others, with this one's widths and lengths for a picture of height x width pixels: the finest strokes are as
        broad as the painting's, each layer before twice as broad.
        """
        side = max(height, width) * size
        finest = max(0.75, self.width * side / 2)
        steps = max(1.0, self.length * side / finest)
        radii = tuple(finest * 2**power for power in reversed(range(len(like.radii))))
        return replace(like, radii=radii, shortest=max(1, round(steps / 2)), longest=max(2, round(steps * 1.5)))

    def field(self, photo: Orientation, seed: int = 0) -> Orientation:
        """The photograph's directions, with the painting's where it has none: broad patches, each direction as often as the painting has
        it.
        """
        batch, _, height, width = photo.tangent.shape
        noise = value_noise(height, width, 0, max(height, width) / 7, seed, photo.tangent.device).to(photo.tangent)
        # Value noise is dense in the middle; by its ranks every direction comes as often as it should.
        rank = noise.flatten().argsort().argsort().to(noise) / max(1, noise.numel() - 1)
        total = self.directions.to(noise).cumsum(0)
        which = torch.searchsorted(total, rank * total[-1]).clamp_max(DIRECTIONS - 1)
        angle = ((which.to(noise) + 0.5) * (pi / DIRECTIONS)).view(1, 1, height, width)
        own = (photo.anisotropy / CALM).clamp(0, 1)
        double = torch.cat([(2 * angle).cos(), (2 * angle).sin()], 1).expand(batch, -1, -1, -1)
        right, down = photo.tangent.split(1, 1)
        of_photo = torch.cat([right.square() - down.square(), 2 * right * down], 1)
        mixed = gaussian(torch.lerp(double, of_photo, own), max(height, width) / 200)
        half = torch.atan2(mixed[:, 1:], mixed[:, :1]) / 2
        return Orientation(torch.cat([half.cos(), half.sin()], 1), torch.maximum(own, 1 - own))


def measure(painting: Tensor, colors: int = 16, seed: int = 0) -> Handwriting:
    """Of a painting [1, 3, H, W] in 0..1; of a batch the first."""
    height, width = painting.shape[-2:]
    factor = min(1.0, LONGEST / max(height, width))
    small = same_size(painting[:1], max(2, round(height * factor)), max(2, round(width * factor)))
    field = orientation_of(small, 2.0)
    bright = luma(small)
    detail = bright - gaussian(bright, COARSE)
    walker = Walker(field.tangent)
    along = correlation(walker, detail, field, True)
    across = correlation(walker, detail, field, False)
    side = max(small.shape[-2:])
    angle = torch.remainder(torch.atan2(field.tangent[:, 1], field.tangent[:, 0]) / pi, 1).flatten()
    bins = (angle * DIRECTIONS).long().clamp_max(DIRECTIONS - 1)
    weight = (field.anisotropy * detail.abs()).flatten()
    directions = torch.zeros(DIRECTIONS, dtype=torch.float64).index_add_(0, bins.cpu(), weight.cpu().double()) + 1e-9
    return Handwriting(
        2 * across / side,
        max(2 * along, 2 * across) / side,
        directions / directions.sum(),
        palette_of(painting[:1], colors, seed),
    )


def correlation(walker: Walker, detail: Tensor, field: Orientation, along: bool) -> float:
    """How many pixels from each other detail is still half as alike as with itself. Of strokes of one tone, that is half their size."""
    weight = (field.tangent != 0).any(1, keepdim=True).to(detail)
    power = float((weight * detail.square()).sum())
    if not power > 0:
        return 1.0
    way = field.tangent if along else field.tangent.flip(1) * field.tangent.new_tensor([-1.0, 1.0]).view(1, 2, 1, 1)
    last = 1.0
    for step in range(1, FARTHEST + 1):
        there = walker.read(detail, step * way[:, :1], step * way[:, 1:])
        found = float((weight * detail * there).sum()) / power
        if found < HALF:
            return step - 1 + (last - HALF) / (last - found)
        last = found
    return float(FARTHEST)
