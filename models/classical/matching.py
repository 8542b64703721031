"""Squared differences of a block and every place of a picture, by Fourier transforms.

sum w (s - t)^2 = sum w s^2 - 2 sum w t s + sum w t^2: two correlations, of which the first depends on the weights alone. The
picture's transforms are made once.
"""

from __future__ import annotations

import torch
from torch import Tensor


class Matcher:
    """source: [C, H, W], in whose precision everything is computed; block: height and width."""

    def __init__(self, source: Tensor, block: tuple[int, int]) -> None:
        self.source, self.block = source, block
        self.size = (source.shape[1], source.shape[2])
        self.padded = (smooth_number(self.size[0]), smooth_number(self.size[1]))
        self.transform = torch.fft.rfft2(source, s=self.padded)
        self.squared = torch.fft.rfft2(source.square(), s=self.padded)
        self._kept: dict[bytes, Tensor] = {}

    def costs(self, template: Tensor, weights: Tensor) -> Tensor:
        """template, weights: [C, h, w] -> [H - h + 1, W - w + 1], rounding errors clamped at 0."""
        squares = self._squares(weights)
        weighted = weights * template
        cross = self._correlated(self.transform, weighted)
        return (squares - 2 * cross + (weighted * template).sum()).clamp_(min=0)

    def cost_at(self, row: int, column: int, template: Tensor, weights: Tensor) -> float:
        """The same at one place, without rounding errors of the transforms."""
        height, width = self.block
        piece = self.source[:, row : row + height, column : column + width]
        return float((weights * (piece - template).square()).sum())

    def _squares(self, weights: Tensor) -> Tensor:
        """The part that depends on the weights alone. Blocks of a grid have few different ones."""
        key = weights.numpy().tobytes()
        if key not in self._kept:
            if len(self._kept) >= 32:
                self._kept.clear()
            self._kept[key] = self._correlated(self.squared, weights)
        return self._kept[key]

    def _correlated(self, transform: Tensor, kernel: Tensor) -> Tensor:
        product = (transform * torch.fft.rfft2(kernel, s=self.padded).conj()).sum(0)
        made = torch.fft.irfft2(product, s=self.padded)
        return made[: self.size[0] - self.block[0] + 1, : self.size[1] - self.block[1] + 1]


def smooth_number(least: int) -> int:
    """The smallest product of 2, 3 and 5 that is not below `least`: transforms of such lengths are fast."""
    number = least
    while True:
        rest = number
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return number
        number += 1
