"""CIE L*a*b* of sRGB pictures under D65."""

from __future__ import annotations

import torch
from torch import Tensor

TO_XYZ = ((0.412453, 0.357580, 0.180423), (0.212671, 0.715160, 0.072169), (0.019334, 0.119193, 0.950227))
WHITE = (0.95047, 1.0, 1.08883)
BEND = 6 / 29


def rgb_to_lab(rgb: Tensor) -> Tensor:
    """[B, 3, H, W] sRGB in 0..1 -> L in 0..100, a, b."""
    linear = torch.where(rgb > 0.04045, ((rgb + 0.055) / 1.055).clamp_min(0).pow(2.4), rgb / 12.92)
    xyz = torch.einsum("ij,bj...->bi...", rgb.new_tensor(TO_XYZ), linear)
    x, y, z = (part / white for part, white in zip(xyz.split(1, 1), WHITE, strict=True))
    fx, fy, fz = (torch.where(t > BEND**3, t.clamp_min(0).pow(1 / 3), t / (3 * BEND**2) + 4 / 29) for t in (x, y, z))
    return torch.cat([116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)], 1)


def lab_to_rgb(lab: Tensor) -> Tensor:
    """The inverse of `rgb_to_lab`, clamped to 0..1."""
    light, a, b = lab.split(1, 1)
    fy = (light + 16) / 116
    parts = [torch.where(f > BEND, f**3, 3 * BEND**2 * (f - 4 / 29)) for f in (fy + a / 500, fy, fy - b / 200)]
    xyz = torch.cat([part * white for part, white in zip(parts, WHITE, strict=True)], 1)
    linear = torch.einsum("ij,bj...->bi...", torch.linalg.inv(lab.new_tensor(TO_XYZ)), xyz).clamp(0, 1)
    return torch.where(linear > 0.0031308, 1.055 * linear.pow(1 / 2.4) - 0.055, 12.92 * linear).clamp(0, 1)
