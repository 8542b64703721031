"""Losses on an encoder's features [B, C, h, w]: differences, Gram matrices, means and deviations, self-similarity."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

EPS = 1e-5
LEAST = 1e-8


def gram(features: Tensor, by_channels: bool = True) -> Tensor:
    """Gram matrices [B, C, C] over h * w, and over C too (pytorch/examples) or not (magenta)."""
    batch, channels, height, width = features.shape
    flat = features.reshape(batch, channels, height * width)
    return flat @ flat.transpose(1, 2) / (height * width * (channels if by_channels else 1))


def squared(made: Tensor, wanted: Tensor) -> Tensor:
    """The mean squared difference; wanted may have one row for all."""
    return F.mse_loss(made, wanted.expand_as(made))


def squared_by_picture(made: Tensor, wanted: Tensor) -> Tensor:
    """The mean squared difference of each picture of the batch, [B]."""
    return (made - wanted).square().flatten(1).mean(dim=1)


def relative(made: Tensor, wanted: Tensor) -> Tensor:
    """Squared error over the squared length of what is wanted, by picture, then the mean: the same at every layer and size."""
    made, wanted = made.flatten(1), wanted.flatten(1)
    return ((made - wanted).square().sum(dim=1) / wanted.square().sum(dim=1).clamp_min(LEAST)).mean()


def mean_and_deviation(features: Tensor, eps: float = EPS) -> tuple[Tensor, Tensor]:
    """Channel means and deviations, both [B, C]: sqrt(unbiased variance + eps), as pytorch-AdaIN has it."""
    flat = features.flatten(2)
    return flat.mean(dim=2), (flat.var(dim=2) + eps).sqrt()


def moments_loss(made: Tensor, wanted: Tensor) -> Tensor:
    """AdaIN's style loss at one layer: squared differences of means and of deviations (arXiv:1703.06868, equation 13)."""
    return sum_of(squared(a, b) for a, b in zip(mean_and_deviation(made), mean_and_deviation(wanted), strict=True))


def self_similarity(features: Tensor) -> Tensor:
    """1 - x^T x over positions, [B, N, N], over its columns' sums: StyleFormer's content; not normalized."""
    flat = features.flatten(2)
    distance = 1 - flat.transpose(1, 2) @ flat
    return distance / distance.sum(dim=1, keepdim=True)


def self_similarity_loss(made: Tensor, content: Tensor) -> Tensor:
    """The mean absolute difference of both pictures' self-similarity (Wu et al. 2021)."""
    return (self_similarity(made) - self_similarity(content)).abs().mean()


def sum_of(terms: object) -> Tensor:
    """The sum of losses, in their order."""
    first, *more = terms  # type: ignore[misc]
    for term in more:
        first = first + term
    assert isinstance(first, torch.Tensor)
    return first
