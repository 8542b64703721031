"""Closed-form transfer between features: one door to all methods."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from .adain import adain_map
from .affine import AffineMap
from .batches import rows_of
from .features import Features
from .masks import at_size
from .moments import Moments, measure
from .rows import by_rows
from .transport import optimal_transport_map
from .whitening import Regularize, cholesky_map, newton_schulz_map, zca_map

FULL_METHODS: Mapping[str, Callable[[Moments, Moments, Regularize], AffineMap]] = {
    "zca": zca_map,
    "cholesky": cholesky_map,
    "newton_schulz": newton_schulz_map,
    "optimal_transport": optimal_transport_map,
}
METHODS = ("adain", *FULL_METHODS)


def needs_covariance(method: str) -> bool:
    """Whether the method reads covariances. Raises ValueError for an unknown method."""
    if method not in METHODS:
        raise ValueError(f"there is no transfer method {method!r}: choose one of {', '.join(METHODS)}")
    return method != "adain"


def transfer_map(content: Moments, style: Moments, method: str, regularize: Regularize = "none") -> AffineMap:
    """The affine map that gives content features the style's statistics by `method` (one of METHODS)."""
    if method == "adain":
        return adain_map(content, style)
    return FULL_METHODS[method](content, style, regularize)


def moved(moments: Moments, mapping: AffineMap) -> Moments:
    """The moments of features after `mapping`, without touching a feature."""
    matrix = mapping.matrix
    if matrix.dim() == 2:
        mean = matrix * moments.mean + mapping.offset
        if moments.full:
            return Moments(moments.weight, mean, matrix[:, :, None] * moments.scatter * matrix[:, None, :])
        return Moments(moments.weight, mean, matrix.square() * moments.scatter)
    mean = (matrix @ moments.mean[:, :, None])[:, :, 0] + mapping.offset
    scatter = moments.scatter if moments.full else torch.diag_embed(moments.scatter)
    return Moments(moments.weight, mean, matrix @ scatter @ matrix.transpose(1, 2))


def same_place(content: Features, style: Features) -> None:
    """Raise ValueError unless both come from the same encoder with the same taps."""
    if content.encoder != style.encoder or content.levels.keys() != style.levels.keys():
        raise ValueError(
            f"content and style must come from the same encoder and taps: content is {content!r}, style is {style!r}"
        )


def transfer_features(
    content: Features,
    style: Features,
    method: str = "adain",
    strength: float = 1.0,
    content_mask: Tensor | None = None,
    style_mask: Tensor | None = None,
    regularize: Regularize = "none",
) -> Features:
    """Give content features the style's statistics, at every tap.

    content_mask, style_mask: [B, 1, H, W] in 0..1 or None. Statistics are taken inside the masks and the change is made
    inside the content mask only (guided statistics, Gatys et al. 2017 sec. 4). Raises ValueError when the features do
    not belong together, the method is unknown or the style mask is empty.
    """
    same_place(content, style)
    full = needs_covariance(method)
    batch = max(content.batch, style.batch)
    levels: dict[str, Tensor] = {}
    for tap, features in content.levels.items():
        x, y = rows_of(features, 0, batch), rows_of(style.levels[tap], 0, batch)
        region = None if content_mask is None else at_size(rows_of(content_mask, 0, batch), *x.shape[-2:])
        there = None if style_mask is None else at_size(rows_of(style_mask, 0, batch), *y.shape[-2:])
        if there is not None and bool((there.sum(dim=(1, 2, 3)) < 1).any()):
            raise ValueError("the style mask is empty: paint the part of the style picture to take the style from")
        mapping = transfer_map(measure(x, region, full), measure(y, there, full), method, regularize)
        changed = mapping.weaken(strength)(x)
        levels[tap] = changed if region is None else torch.lerp(x, changed, region.to(x.dtype))
    return content.with_levels(levels)


def blend_features(features: Sequence[Features], weights: Sequence[float]) -> Features:
    """The weighted mean of features of equal encoder, taps and size; weights are scaled to sum 1.

    Batches are filled to the longest. Raises ValueError naming what differs.
    """
    if len(features) != len(weights) or not features:
        raise ValueError(f"got {len(features)} features and {len(weights)} weights: give one weight for each")
    if min(weights) < 0 or sum(weights) <= 0:
        raise ValueError("weights must not be negative and at least one must be above 0")
    first, total = features[0], sum(weights)
    batch = max(f.batch for f in features)
    for other in features[1:]:
        same_place(first, other)
        if any(other.levels[tap].shape[1:] != f.shape[1:] for tap, f in first.levels.items()):
            raise ValueError(f"features to blend must have the same size: {first!r} and {other!r}; encode equal pictures")

    def blended(*parts: Tensor) -> Tensor:
        return torch.stack([part * (w / total) for part, w in zip(parts, weights, strict=True)]).sum(0)

    return first.with_levels({t: by_rows(blended, *(rows_of(f.levels[t], 0, batch) for f in features)) for t in first.levels})
