"""Noise levels of models that were trained on a thousand steps, and the two scales in which noisy latents are written."""

from __future__ import annotations

import torch
from torch import Tensor

TRAINED = 1000  # steps that the model knows


def ddim_timesteps(steps: int) -> list[int]:
    """Evenly spaced timesteps from 1 up, as DDIM (Song et al. 2021, arXiv:2010.02502) has them in Stable Diffusion's code."""
    return list(range(1, TRAINED, TRAINED // steps))[:steps]


def variance_preserving(x: Tensor, sigma: Tensor | float) -> Tensor:
    """Latents z + sigma noise in the scale of unit variance: sqrt(abar) z + sqrt(1 - abar) noise, abar = 1 / (1 + sigma^2)."""
    return x / (1 + torch.as_tensor(sigma, dtype=x.dtype, device=x.device) ** 2).sqrt()


def variance_exploding(x: Tensor, sigma: Tensor | float) -> Tensor:
    """The way back from `variance_preserving`."""
    return x * (1 + torch.as_tensor(sigma, dtype=x.dtype, device=x.device) ** 2).sqrt()
