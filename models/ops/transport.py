"""The optimal-transport map between Gaussians (Olkin and Pukelsheim 1982; Monge-Kantorovich linear transfer, Pitie 2007)."""

from __future__ import annotations

from .affine import AffineMap
from .moments import Moments
from .whitening import Regularize, affine_between, precise, regularized, symmetric_power


def optimal_transport_map(content: Moments, style: Moments, regularize: Regularize = "none") -> AffineMap:
    """C^-1/2 (C^1/2 S C^1/2)^1/2 C^-1/2, in float64: of all maps with the style's covariance the one that moves least."""
    covariance = regularized(precise(content.covariance()), regularize)
    root, inverse = symmetric_power(covariance, 0.5), symmetric_power(covariance, -0.5)
    middle = symmetric_power(root @ precise(style.covariance()) @ root, 0.5)
    return affine_between(inverse @ middle @ inverse, content, style)
