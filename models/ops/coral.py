"""CORAL color matching (Sun, Feng and Saenko 2016), as AdaIN's published code recolors pictures."""

from __future__ import annotations

import torch
from torch import Tensor

from .whitening import precise, symmetric_power


def coral(source: Tensor, target: Tensor) -> Tensor:
    """Recolor source [B, 3, H, W] with the color covariance of target [B, 3, h, w], both 0..1. Not clamped.

    Convention of naoto0804/pytorch-AdaIN: channels brought to mean 0 and unbiased deviation 1; the sum (not the mean) of
    their products, + I; symmetric square roots; the target's means and deviations put back.
    """
    source_mean, source_std, source_matrix = standardized_product(source)
    target_mean, target_std, target_matrix = standardized_product(target)
    rotate = symmetric_power(target_matrix, 0.5) @ symmetric_power(source_matrix, -0.5)
    b, c, h, w = source.shape
    flat = (precise(source).flatten(2) - source_mean) / source_std
    return ((rotate @ flat) * target_std + target_mean).reshape(b, c, h, w).to(source)


def standardized_product(picture: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(mean [B, 3, 1], std [B, 3, 1], products + I [B, 3, 3]) in float64; flat channels get a small deviation."""
    flat = precise(picture).flatten(2)
    mean = flat.mean(dim=2, keepdim=True)
    count = max(flat.shape[2] - 1, 1)
    std = ((flat - mean).square().sum(dim=2, keepdim=True) / count).sqrt().clamp_min(1e-6)
    unit = (flat - mean) / std
    return mean, std, unit @ unit.transpose(1, 2) + torch.eye(flat.shape[1], dtype=flat.dtype, device=flat.device)
