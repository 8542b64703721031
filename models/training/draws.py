"""All chance of a training: numbers keyed by (seed, step, name), so that any step can be made again to the bit."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import torch
from torch import Tensor


class Draws:
    """The chance of one step. Whoever asks for a name first or last, a name has its own numbers; a repeated one has the same."""

    def __init__(self, seed: int, step: int) -> None:
        self.seed, self.step = seed, step

    def generator(self, name: str) -> torch.Generator:
        """A fresh generator of this name, on the processor: a seed means the same on every device."""
        key = hashlib.sha256(f"{self.seed} {self.step} {name}".encode()).digest()
        return torch.Generator().manual_seed(int.from_bytes(key[:8], "little", signed=True))

    def uniform(self, name: str, shape: Sequence[int] = (), low: float = 0.0, high: float = 1.0) -> Tensor:
        """float32 numbers in low..high."""
        return torch.rand(tuple(shape), generator=self.generator(name)) * (high - low) + low

    def normal(self, name: str, shape: Sequence[int]) -> Tensor:
        """float32 numbers of mean 0 and deviation 1."""
        return torch.randn(tuple(shape), generator=self.generator(name))

    def integers(self, name: str, low: int, high: int, shape: Sequence[int] = ()) -> Tensor:
        """Whole numbers from low up to, not including, high."""
        return torch.randint(low, high, tuple(shape), generator=self.generator(name))

    def permutation(self, name: str, count: int) -> Tensor:
        """0 .. count - 1 in an order drawn by chance."""
        return torch.randperm(count, generator=self.generator(name))
