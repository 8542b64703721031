"""Two pictures of one thing made one: where each is better, in the contrast of both, without seams (Jamriska et al. 2019)."""

from __future__ import annotations

import torch
from torch import Tensor

from .smoothing import gaussian

SOFTNESS = 2.0  # of the border between the two, in pixels
ATTACHMENT = 0.2  # to the blended colors, against 1 for the gradients


def blended(first: Tensor, second: Tensor, errors: tuple[Tensor, Tensor], share: float) -> Tensor:
    """first, second: [1, 3, H, W]. errors: of both, [1, 1, H, W], from 0. share: of the second, 0 to 1, as time has passed.

    Each pixel is of the picture whose error, times how far away in time it comes from, is smaller. The gradients are those of
    this choice, the colors a blend of both that keeps their contrast (Heitz and Neyret 2018): a screened Poisson equation,
    solved by a Fourier transform of the mirrored picture. On the processor, so that the same seed gives the same bytes.
    """
    first, second, *errors_here = (x.cpu().float() for x in (first, second, *errors))
    later = (errors_here[0] + 1e-3) * share > (errors_here[1] + 1e-3) * (1 - share)
    soft = gaussian(later.float(), SOFTNESS)
    weight = 0.5 * soft + 0.5 * share
    colors = contrast_kept(first, second, weight)
    across, down = (
        torch.where(later[..., : one.shape[-2], : one.shape[-1]], other, one)
        for one, other in zip(slopes(first), slopes(second), strict=True)
    )
    return screened_poisson(colors, across, down, ATTACHMENT).clamp(0, 1)


def contrast_kept(first: Tensor, second: Tensor, weight: Tensor) -> Tensor:
    """The blend with `weight` [1, 1, H, W] of the second, whose deviations from the mean keep their variance."""
    means = first.mean((2, 3), keepdim=True), second.mean((2, 3), keepdim=True)
    mean = torch.lerp(means[0], means[1], weight)
    deviation = (1 - weight) * (first - means[0]) + weight * (second - means[1])
    like = correlation(first - means[0], second - means[1])
    variance = (1 - weight).square() + weight.square() + 2 * like * weight * (1 - weight)
    return mean + deviation / variance.clamp_min(1e-6).sqrt()


def correlation(first: Tensor, second: Tensor) -> Tensor:
    """Of two pictures without their means, [1, 1, 1, 1] in 0..1: pictures that are alike lose no contrast in a blend."""
    product = (first * second).mean()
    return (product / (first.square().mean() * second.square().mean()).sqrt().clamp_min(1e-9)).clamp(0, 1).view(1, 1, 1, 1)


def slopes(x: Tensor) -> tuple[Tensor, Tensor]:
    """Differences to the next column and the next row, [B, C, H, W - 1] and [B, C, H - 1, W]."""
    return x[..., 1:] - x[..., :-1], x[..., 1:, :] - x[..., :-1, :]


def screened_poisson(colors: Tensor, across: Tensor, down: Tensor, attachment: float) -> Tensor:
    """The picture x with the least |grad x - (across, down)|^2 + attachment |x - colors|^2, all [B, C, H, W]."""
    height, width = colors.shape[-2:]
    right = attachment * colors
    right[..., :-1] -= across
    right[..., 1:] += across
    right[..., :-1, :] -= down
    right[..., 1:, :] += down
    mirrored = torch.cat([right, right.flip(-1)], dim=-1)
    mirrored = torch.cat([mirrored, mirrored.flip(-2)], dim=-2)
    waves = [
        2 - 2 * torch.cos(torch.pi * torch.arange(count, dtype=right.dtype, device=right.device) / side)
        for count, side in ((2 * height, height), (width + 1, width))
    ]
    solved = torch.fft.rfft2(mirrored) / (attachment + waves[0][:, None] + waves[1])
    return torch.fft.irfft2(solved, s=mirrored.shape[-2:])[..., :height, :width]
