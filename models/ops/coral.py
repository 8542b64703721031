"""CORAL color matching (Sun, Feng and Saenko 2016), as AdaIN's published code recolors pictures."""

from __future__ import annotations

from functools import reduce

import torch
from torch import Tensor

from .moments import Moments, measure
from .rows import by_rows, rows
from .whitening import precise, symmetric_power


def coral(source: Tensor, target: Tensor) -> Tensor:
    """Recolor source [B, 3, H, W] with the color covariance of target [B, 3, h, w], both 0..1. Not clamped.

    Convention of naoto0804/pytorch-AdaIN: channels brought to mean 0 and unbiased deviation 1; the sum (not the mean) of
    their products, + I; symmetric square roots; the target's means and deviations put back.
    """
    source_mean, source_std, source_matrix = standardized_product(source)
    target_mean, target_std, target_matrix = standardized_product(target)
    rotate = symmetric_power(target_matrix, 0.5) @ symmetric_power(source_matrix, -0.5)

    def recolored(picture: Tensor) -> Tensor:
        flat = (precise(picture).flatten(2) - source_mean) / source_std
        return ((rotate @ flat) * target_std + target_mean).reshape(picture.shape).to(picture)

    return by_rows(recolored, source)


def standardized_product(picture: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(mean [B, 3, 1], std [B, 3, 1], products + I [B, 3, 3]) in float64; flat channels get a small deviation."""
    found = reduce(Moments.merge, (measure(precise(part), full=True) for (part,) in rows(picture)))
    std = found.variance().sqrt().clamp_min(1e-6)[:, :, None]
    product = found.scatter / (std * std.transpose(1, 2))
    return found.mean[:, :, None], std, product + torch.eye(product.shape[1]).to(product)
