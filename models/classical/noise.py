"""Noise that belongs to places: the same in strips as in the whole picture, on every device, at every size of a batch."""

from __future__ import annotations

import torch
from torch import Tensor

LARGE = 0x7FFFFFFF


def hashed(row: Tensor, column: Tensor, seed: int) -> Tensor:
    """Whole numbers of places -> float32 in 0..1 that look like chance. Integer arithmetic, so exact everywhere."""
    x = row.long() * 0x1F1F1F1F + column.long() * 0x2545F491 + (seed % LARGE) * 0x45D9F3B
    for _ in range(2):
        x = ((x ^ (x >> 15)) & LARGE) * 0x2C1B3C6D
        x = ((x ^ (x >> 13)) & LARGE) * 0x297A2D39
    return ((x ^ (x >> 16)) & 0xFFFFFF).float() / 0xFFFFFF


def value_noise(height: int, width: int, top: int, scale: float, seed: int, device: torch.device | str = "cpu") -> Tensor:
    """[1, 1, height, width] in 0..1 of the rows from `top` on: chance on a grid of `scale` pixels, smooth between."""
    rows = torch.arange(top, top + height, device=device, dtype=torch.float64) / scale
    columns = torch.arange(width, device=device, dtype=torch.float64) / scale
    row, column = rows.floor(), columns.floor()
    down, across = smooth((rows - row).float())[:, None], smooth((columns - column).float())[None]
    corners = [hashed((row + i)[:, None], (column + j)[None], seed) for i in (0, 1) for j in (0, 1)]
    upper = torch.lerp(corners[0], corners[1], across)
    return torch.lerp(upper, torch.lerp(corners[2], corners[3], across), down)[None, None]


def smooth(x: Tensor) -> Tensor:
    """0..1 -> 0..1 without a slope at the ends (Perlin 2002)."""
    return x * x * x * (x * (6 * x - 15) + 10)


def turbulence(height: int, width: int, top: int, scale: float, seed: int, octaves: int, device: torch.device | str) -> Tensor:
    """Sum of `octaves` value noises, each twice as fine and half as strong, [1, 1, height, width] around 0 in -1..1."""
    total = torch.zeros(1, 1, height, width, device=device)
    for octave in range(octaves):
        fine = value_noise(height, width, top, scale / 2**octave, seed + octave, device)
        total += (fine - 0.5) / 2**octave
    return total
