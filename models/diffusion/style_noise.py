"""The start of sampling with a style's statistics.

Everaert et al.: Exploiting the Signal-Leak Bias in Diffusion Models (WACV 2024, arXiv:2309.15842): sampling begins at
x_T = sqrt(abar_T) s + sqrt(1 - abar_T) noise, where s is drawn from the statistics of a few latents of a style. The same
statistics are those of Diffusion in Style (Everaert et al., ICCV 2023). Written from the papers' formulas.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import pi, sqrt

import torch
import torch.nn.functional as F
from torch import Tensor

BY = ("element", "channel", "frequency")
MOST_COMPONENTS = 16


def statistics_of(latents: Tensor, by: str, components: int = 3) -> dict[str, Tensor]:
    """Statistics of latents [N, C, H, W] in float32, with a first axis of 1; variances are unbiased, and 0 for a single picture.

    element: mean, variance [1, C, H, W]. channel: mean [1, C], covariance [1, C, C] over all pictures and positions. frequency:
    low_mean [1, K C], low_covariance [1, K C, K C] of the K lowest components of the cosine transform (component first, channel
    within), mean and variance of the rest by element. Raises ValueError for another word.
    """
    x = latents.double()
    if by == "element":
        return _single(mean=x.mean(0), variance=_variance(x))
    if by == "channel":
        flat = x.transpose(0, 1).flatten(1)
        return _single(mean=flat.mean(1), covariance=_covariance(flat.T))
    if by != "frequency":
        raise ValueError(f"there is no statistic by {by!r}: choose one of {', '.join(BY)}")
    height, width = x.shape[-2:]
    places = lowest(components, height, width)
    found = cosine(x)
    low = torch.stack([found[:, :, u, v] for u, v in places], dim=1).flatten(1) if places else x.new_zeros(len(x), 0)
    rest = x - inverse_cosine(_placed(low, places, x.shape[1:]))
    return _single(low_mean=low.mean(0), low_covariance=_covariance(low), mean=rest.mean(0), variance=_variance(rest))


def draw(values: Mapping[str, Tensor], batch: int, height: int, width: int, chance: torch.Generator) -> Tensor:
    """Latents [batch, C, height, width] with the statistics, in float32. chance: on the processor."""
    channels = values["mean"].shape[1]
    high = torch.randn(batch, channels, height, width, generator=chance, dtype=torch.float64)
    low = torch.randn(batch, values["low_mean"].shape[1], generator=chance, dtype=torch.float64) if "low_mean" in values else None
    return drawn(values, high, low).float()


def drawn(values: Mapping[str, Tensor], high: Tensor, low: Tensor | None = None) -> Tensor:
    """The latents that these normal numbers give: high [B, C, H, W], low [B, K C] for statistics by frequency."""
    at = resampled(values, *high.shape[-2:])
    if "covariance" in at:
        mixed = torch.einsum("cd,bdhw->bchw", root(at["covariance"][0]), high)
        return at["mean"][..., None, None] + mixed
    made = at["mean"] + at["variance"].sqrt() * high
    if low is None:
        return made
    components = at["low_mean"][0] + low @ root(at["low_covariance"][0])
    places = lowest(low.shape[1] // high.shape[1], *high.shape[-2:])
    return made + inverse_cosine(_placed(components, places, high.shape[1:]))


def resampled(values: Mapping[str, Tensor], height: int, width: int) -> dict[str, Tensor]:
    """Statistics for latents of another size, in float64: maps are resized, cosine components grow with the root of the area."""
    at = {name: value.double() for name, value in values.items()}
    if at["mean"].dim() == 2 or at["mean"].shape[-2:] == (height, width):
        return at
    scale = sqrt(height * width / (at["mean"].shape[-2] * at["mean"].shape[-1]))
    for name in ("mean", "variance"):
        at[name] = F.interpolate(at[name], size=(height, width), mode="bilinear", align_corners=False, antialias=True)
    if "low_mean" in at:
        at["low_mean"], at["low_covariance"] = at["low_mean"] * scale, at["low_covariance"] * scale**2
    return at


def root(covariance: Tensor) -> Tensor:
    """The symmetric root of a covariance, which a few pictures leave singular."""
    values, vectors = torch.linalg.eigh(covariance)
    return (vectors * values.clamp_min(0).sqrt()) @ vectors.T


def lowest(count: int, height: int, width: int) -> list[tuple[int, int]]:
    """The cosine transform's lowest frequencies (rows, columns) by their radius."""
    places = [(u, v) for u in range(min(height, MOST_COMPONENTS)) for v in range(min(width, MOST_COMPONENTS))]
    return sorted(places, key=lambda place: (place[0] ** 2 + place[1] ** 2, place))[:count]


def cosine(x: Tensor) -> Tensor:
    """The orthonormal cosine transform (DCT-II) of the last two axes."""
    return basis(x.shape[-2], x) @ x @ basis(x.shape[-1], x).T


def inverse_cosine(x: Tensor) -> Tensor:
    """The way back from `cosine`."""
    return basis(x.shape[-2], x).T @ x @ basis(x.shape[-1], x)


def basis(size: int, like: Tensor) -> Tensor:
    """Rows are the cosine transform's waves, of unit length."""
    at = torch.arange(size, dtype=like.dtype, device=like.device)
    waves = torch.cos(pi / size * (at[None] + 0.5) * at[:, None]) * sqrt(2 / size)
    waves[0] /= sqrt(2)
    return waves


def _placed(low: Tensor, places: list[tuple[int, int]], size: torch.Size) -> Tensor:
    """Components [B, K C] in spectra [B, C, H, W] that are empty elsewhere."""
    spectrum = low.new_zeros(len(low), *size)
    for index, (u, v) in enumerate(places):
        spectrum[:, :, u, v] = low[:, index * size[0] : (index + 1) * size[0]]
    return spectrum


def _variance(x: Tensor) -> Tensor:
    return x.var(0) if len(x) > 1 else torch.zeros_like(x[0])


def _covariance(x: Tensor) -> Tensor:
    centered = x - x.mean(0)
    return centered.T @ centered / max(len(x) - 1, 1)


def _single(**values: Tensor) -> dict[str, Tensor]:
    return {name: value[None].float() for name, value in values.items()}
