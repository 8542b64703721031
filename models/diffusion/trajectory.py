"""A picture's way into noise, step by step: deterministic DDIM run backwards (Song et al. 2021, arXiv:2010.02502)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .schedule import variance_exploding, variance_preserving

Denoise = Callable[[Tensor, Tensor], Tensor]  # (latents z + sigma noise, sigma []) -> z as the model sees it
Step = Callable[[int, Tensor], None]  # (number of the step, prediction of the picture)


@dataclass(frozen=True, eq=False, repr=False)
class Trajectory:
    """ATELIER_TRAJECTORY. Latents of a batch of pictures on their way into noise.

    points: [S, B, C, H, W], z + sigma noise at each of `sigmas` [S] (rising), in the model's scale. end: [B, C, H, W], where
    the way ends, in the scale of unit variance. timesteps: of the points. family: the kind of model that made it.
    conditioning: what the model was told meanwhile, for whoever runs it. error: the part of the picture that the way back
    loses (root mean square over that of the latent), None where it was not measured.
    """

    points: Tensor
    end: Tensor
    timesteps: tuple[int, ...]
    sigmas: Tensor
    family: str
    conditioning: Any = None
    error: float | None = None

    @property
    def batch(self) -> int:
        """Number of pictures."""
        return self.points.shape[1]

    @property
    def latents(self) -> Tensor:
        """The pictures themselves, [B, C, H, W] in the model's scale."""
        return variance_preserving(self.points[0], self.sigmas[0])

    @property
    def bytes(self) -> int:
        """What it takes in memory."""
        return self.points.numel() * self.points.element_size()

    def at(self, timestep: int, batch: int) -> Tensor:
        """The points [batch, C, H, W] of a timestep; fewer pictures repeat. Raises ValueError for one that is not on the way."""
        rows = torch.arange(batch, device=self.points.device) % self.batch
        return self.points[self.timesteps.index(timestep)][rows]

    def __repr__(self) -> str:
        height, width = self.points.shape[-2:]
        return f"Trajectory({self.batch} of {width}x{height} latents, {len(self.timesteps)} steps, {self.family})"


def invert(denoise: Denoise, latents: Tensor, sigmas: Tensor, step: Step = lambda i, x: None) -> tuple[Tensor, Tensor]:
    """latents [B, C, H, W] along rising sigmas [S + 1] -> (points [S, B, C, H, W], end [B, C, H, W] in unit variance).

    Euler's method on the noise that the model predicts, taken at the lower of the two levels.
    """
    x = variance_exploding(latents, sigmas[0])
    points = []
    for i in range(len(sigmas) - 1):
        points.append(x)
        x = euler(denoise, x, sigmas[i], sigmas[i + 1], i, step)
    return torch.stack(points), variance_preserving(x, sigmas[-1])


def revert(denoise: Denoise, start: Tensor, sigmas: Tensor, step: Step = lambda i, x: None) -> Tensor:
    """From start [B, C, H, W] (unit variance) down the sigmas -> latents [B, C, H, W]: `invert`'s way back."""
    x = variance_exploding(start, sigmas[0])
    for i in range(len(sigmas) - 1):
        x = euler(denoise, x, sigmas[i], sigmas[i + 1], i, step)
    return variance_preserving(x, sigmas[-1])


def euler(denoise: Denoise, x: Tensor, sigma: Tensor, to: Tensor, number: int, step: Step) -> Tensor:
    """One step of Euler's method from one noise level to another."""
    found = denoise(x, sigma)
    step(number, found)
    return x + (x - found) / sigma * (to - sigma)


def lost(found: Tensor, wanted: Tensor) -> float:
    """Root mean square of a difference over that of what was wanted."""
    return float((found - wanted).float().square().mean().sqrt() / wanted.float().square().mean().sqrt().clamp_min(1e-12))
