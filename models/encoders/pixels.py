"""Pixels as features, so that losses on colors and edges are computed, tiled and weighted like all others."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from .encoder import Encoder

FACTORS = {"pixels": 1, "pixels_2": 2, "pixels_4": 4, "pixels_8": 8, "pixels_16": 16}


class PixelEncoding:
    """Taps "pixels", "pixels_2" ... "pixels_16": the picture, and reduced by averaging; what remains at the edges is left out."""

    strides = FACTORS

    def __call__(self, images: Tensor, taps: Sequence[str]) -> dict[str, Tensor]:
        return {tap: images if FACTORS[tap] == 1 else F.avg_pool2d(images, FACTORS[tap]) for tap in taps}

    def halo(self, taps: Sequence[str]) -> int:
        """Nothing beyond a pixel's own block."""
        return 0

    def size(self, height: int, width: int, tap: str) -> tuple[int, int]:
        """Sides over the factor, rounded down."""
        return height // FACTORS[tap], width // FACTORS[tap]

    def bytes_per_pixel(self, taps: Sequence[str]) -> float:
        """The picture and some differences of it."""
        return 4.0 * 12


PIXELS = Encoder("pixels", "Pixels", nn.Identity(), PixelEncoding(), ["pixels"])
