"""Adaptive instance normalization (Huang and Belongie 2017, arXiv:1703.06868, eq. 8)."""

from __future__ import annotations

from .affine import AffineMap
from .moments import Moments


def adain_map(content: Moments, style: Moments, eps: float = 1e-5) -> AffineMap:
    """The diagonal map that gives content features the style's channel means and standard deviations.

    Statistics as in the published code: unbiased variance, eps added before the root.
    """
    scale = style.std(eps) / content.std(eps)
    return AffineMap(scale, style.mean - scale * content.mean)
