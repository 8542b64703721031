"""What a whole picture's brightness is like, so that drawings of dark and of light photographs have white paper and black ink alike."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .smoothing import luma

SAMPLES = 1 << 16


@dataclass(frozen=True)
class Levels:
    """Brightness (0..1) that nearly none falls below, that half does, and that nearly none exceeds."""

    low: float = 0.0
    middle: float = 0.5
    high: float = 1.0

    @staticmethod
    def of(rgb: Tensor) -> Levels:
        """Of pictures [B, 3, H, W], from at most 65,536 evenly spread pixels. A picture of one brightness keeps it."""
        bright = luma(rgb).flatten()
        bright = bright[:: max(1, len(bright) // SAMPLES)].double()
        low, middle, high = torch.quantile(bright, bright.new_tensor([0.01, 0.5, 0.99])).tolist()
        return Levels(low, middle, high) if high - low > 0.02 else Levels()

    def stretched(self, bright: Tensor) -> Tensor:
        """Brightness brought to the whole range, its middle halfway towards a half."""
        x = ((bright - self.low) / (self.high - self.low)).clamp(0, 1)
        middle = 0.25 + min(max((self.middle - self.low) / (self.high - self.low), 0.0), 1.0) / 2
        # Schlick's bias: the rational curve through (0, 0), (middle, 1/2) and (1, 1).
        return x / ((1 / (1 - middle) - 2) * (1 - x) + 1)
