"""Whitening and coloring: full-covariance feature transfer (Li et al. 2017, arXiv:1705.08086, eq. 2-4).

All solvers map content features to the style's mean and covariance; they differ by a rotation. `zca` is the paper's
(symmetric roots), `cholesky` uses triangular factors (another picture, no eigenvectors), `newton_schulz` approximates
`zca` with matrix products only, which a GPU does much faster than eigenvectors.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from .affine import AffineMap
from .moments import Moments

Regularize = Literal["none", "identity"]
EIGENVALUE_CUT = 1e-5


def symmetric_power(covariance: Tensor, power: float, cut: float = EIGENVALUE_CUT) -> Tensor:
    """covariance^power of symmetric [B, C, C] by eigenvectors; directions with eigenvalues under `cut` become 0."""
    values, vectors = torch.linalg.eigh(covariance)
    kept = values > cut
    powers = torch.where(kept, values.clamp_min(cut) ** power, torch.zeros_like(values))
    return (vectors * powers[:, None, :]) @ vectors.transpose(1, 2)


def precise(x: Tensor) -> Tensor:
    """float64, on the processor where the device has none (Apple's)."""
    return (x.cpu() if x.device.type == "mps" else x).double()


def regularized(covariance: Tensor, regularize: Regularize) -> Tensor:
    """With `identity`, + I on the content covariance as PytorchWCT has it (weaker in directions of little variance)."""
    if regularize == "identity":
        return covariance + torch.eye(covariance.shape[-1], dtype=covariance.dtype, device=covariance.device)
    return covariance


def affine_between(matrix: Tensor, content: Moments, style: Moments) -> AffineMap:
    """x -> matrix (x - content mean) + style mean, in the dtype of the moments."""
    matrix = matrix.to(content.mean)
    return AffineMap(matrix, style.mean - (matrix @ content.mean[:, :, None])[:, :, 0])


def zca_map(content: Moments, style: Moments, regularize: Regularize = "none") -> AffineMap:
    """S^1/2 C^-1/2 with symmetric roots, in float64 (the paper's transform)."""
    whiten = symmetric_power(regularized(precise(content.covariance()), regularize), -0.5)
    color = symmetric_power(precise(style.covariance()), 0.5)
    return affine_between(color @ whiten, content, style)


def cholesky_factor(covariance: Tensor) -> Tensor:
    """Lower factor of [B, C, C]; a diagonal of at most 1e-1 of the mean variance is added until it exists.

    Raises ValueError for a covariance that is not finite.
    """
    if not bool(torch.isfinite(covariance).all()):
        raise ValueError("the features are not finite: the picture holds NaN or infinite values")
    c = covariance.shape[-1]
    identity = torch.eye(c, dtype=covariance.dtype, device=covariance.device)
    scale = covariance.diagonal(dim1=-2, dim2=-1).mean(-1).clamp_min(1e-8)[:, None, None]
    factor = covariance
    for exponent in range(-7, 0):
        factor, failed = torch.linalg.cholesky_ex(covariance + scale * 10.0**exponent * identity)
        if not bool(failed.any()):
            return factor
    raise ValueError("the features' covariance has no Cholesky factor: use the zca method for this picture")


def cholesky_map(content: Moments, style: Moments, regularize: Regularize = "none") -> AffineMap:
    """L_s L_c^-1 with lower Cholesky factors, in float64."""
    content_factor = cholesky_factor(regularized(precise(content.covariance()), regularize))
    style_factor = cholesky_factor(precise(style.covariance()))
    # X L_c = L_s, solved from the right
    matrix = torch.linalg.solve_triangular(content_factor, style_factor, upper=False, left=False)
    return affine_between(matrix, content, style)


def newton_schulz_roots(covariance: Tensor, steps: int = 20, ridge: float = 1e-4) -> tuple[Tensor, Tensor]:
    """(C^1/2, C^-1/2) of [B, C, C] by the coupled Newton-Schulz iteration (Higham 2008, eq. 6.35), products only.

    `ridge` times the mean variance is added: the iteration converges slowly in directions of almost no variance.
    """
    c = covariance.shape[-1]
    identity = torch.eye(c, dtype=covariance.dtype, device=covariance.device)
    mean_variance = covariance.diagonal(dim1=-2, dim2=-1).mean(-1).clamp_min(1e-8)[:, None, None]
    covariance = covariance + ridge * mean_variance * identity
    norm = torch.linalg.matrix_norm(covariance)[:, None, None]
    y, z = covariance / norm, identity.expand_as(covariance)
    for _ in range(steps):
        t = 1.5 * identity - 0.5 * (z @ y)
        y, z = y @ t, t @ z
    return y * norm.sqrt(), z / norm.sqrt()


def newton_schulz_map(content: Moments, style: Moments, regularize: Regularize = "none") -> AffineMap:
    """`zca_map` by matrix products alone."""
    _, whiten = newton_schulz_roots(regularized(content.covariance(), regularize))
    color, _ = newton_schulz_roots(style.covariance())
    return affine_between(color @ whiten, content, style)
