"""What guides a patch: positions, edges, and the features of an encoder brought to a few channels."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..ops.resize import enlarged
from .smoothing import gaussian, luma, sobel

EDGE_BLUR = 1.0
EDGE_SCALE = 2.0  # Sobel's slope of a full step is 4 before blurring
FEATURE_CHANNELS = 8


def positions(height: int, width: int, device: torch.device | None = None) -> Tensor:
    """A gradient picture [1, 2, H, W]: column and row in 0..1."""
    columns = torch.linspace(0, 1, width, device=device).expand(height, width)
    rows = torch.linspace(0, 1, height, device=device)[:, None].expand(height, width)
    return torch.stack([columns, rows])[None]


def edges(picture: Tensor) -> Tensor:
    """How steep a picture [1, 3, H, W] is, [1, 1, H, W] in 0..1."""
    across, down = sobel(gaussian(luma(picture), EDGE_BLUR))
    return ((across.square() + down.square()).sqrt() / EDGE_SCALE).clamp(0, 1)


def principal_features(source: Tensor, target: Tensor, channels: int = FEATURE_CHANNELS) -> tuple[Tensor, Tensor]:
    """Features [1, C, h, w] and [1, C, H, W] of two pictures -> their first principal components in 0..1, of the same axes."""
    both = torch.cat([source.flatten(2)[0], target.flatten(2)[0]], dim=1).double().cpu()
    mean = both.mean(1, keepdim=True)
    _, axes = torch.linalg.eigh((both - mean) @ (both - mean).T)
    axes = axes.flip(1)[:, : min(channels, both.shape[0])]
    axes = axes * torch.where(axes.sum(0) < 0, -1.0, 1.0)
    made = axes.T @ (both - mean)
    low, high = made.min(), made.max()  # one scale for all, so that the first counts most
    scaled = ((made - low) / (high - low).clamp_min(1e-12)).float().to(source.device)
    count = source.shape[2] * source.shape[3]
    return scaled[:, :count].view(1, -1, *source.shape[-2:]), scaled[:, count:].view(1, -1, *target.shape[-2:])


def features_guide(source: Tensor, target: Tensor, size: Sequence[int], target_size: Sequence[int]) -> tuple[Tensor, Tensor]:
    """`principal_features` of both, enlarged to the sizes (height, width) of the pictures."""
    first, second = principal_features(source, target)
    return enlarged(first, *size, smooth=False), enlarged(second, *target_size, smooth=False)


def brightness_guide(source: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Brightness [1, 1, H, W] of two pictures in 0..1, each by the share of its pixels that are darker, so that both are "
    "alike."""
    return ranked(luma(source)), ranked(luma(target))


def ranked(brightness: Tensor) -> Tensor:
    """Every pixel's rank in 0..1; of equals the lowest."""
    flat = brightness.flatten()
    return torch.searchsorted(flat.sort().values, flat).div(max(flat.numel() - 1, 1)).view_as(brightness).to(brightness)
