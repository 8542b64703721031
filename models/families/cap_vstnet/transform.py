"""cWCT: whitening and coloring by Cholesky factors, in double precision (Wen et al. 2023, arXiv:2303.17867, section 3.3).

Features are positions as rows, [N, C]. A style is its lower factor L and its mean; styles are mixed by mixing both, as the
authors do, and so is a style with the content's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ...ops.moments import Moments, measure
from ...ops.whitening import precise

ROWS = 1 << 16  # at once, in double precision
EPS = 2e-5  # the authors', added to variances when a factor does not exist
TRIES = 8  # of the authors' growing eps, which they repeat without end
NOISE = 1e-12  # of the largest mean square: a variance below is no more than the rounding of float32 features
LEAST_POSITIONS = 10  # a region needs more


@dataclass(frozen=True)
class Look:
    """factor: lower triangular [C, C]. mean: [C]. All that is taken from features."""

    factor: Tensor
    mean: Tensor

    def toward(self, other: Look, share: float) -> Look:
        """Mixed with so much of another."""
        return Look(torch.lerp(self.factor, other.factor, share), torch.lerp(self.mean, other.mean, share))


def mixed(looks: Sequence[Look], weights: Sequence[float]) -> Look:
    """The weighted mean, weights scaled to sum 1."""
    total = sum(weights)
    factor = sum(look.factor * (weight / total) for look, weight in zip(looks, weights, strict=True))
    mean = sum(look.mean * (weight / total) for look, weight in zip(looks, weights, strict=True))
    assert isinstance(factor, Tensor)
    assert isinstance(mean, Tensor)
    return Look(factor, mean)


def gathered(pieces: Sequence[Tensor], shares: Sequence[Tensor] | None = None) -> Moments:
    """Moments, with covariances, of the rows of all pieces [N, C], each counted as much as its share [N] says."""
    total: Moments | None = None
    for index, piece in enumerate(pieces):
        for start in range(0, len(piece), ROWS):
            x = precise(piece[start : start + ROWS]).T[None, :, :, None]
            share = None if shares is None else precise(shares[index][start : start + ROWS])[None, None, :, None]
            part = measure(x, share, full=True)
            total = part if total is None else total.merge(part)
    assert total is not None
    return total


def look_of(moments: Moments) -> Look:
    """Raises ValueError for features that are not finite."""
    covariance, mean = moments.covariance()[0], moments.mean[0]
    return Look(factor_of(covariance, NOISE * float((covariance.diagonal() + mean.square()).max())), mean)


def factor_of(covariance: Tensor, least: float = 0.0) -> Tensor:
    """The lower Cholesky factor of [C, C]; of one that has none, such as a flat picture's, with as little added as it takes.

    First as it is, then with the authors' eps growing on the diagonal a few times, then from its eigenvectors with eigenvalues
    raised, which always exists. A pivot below `least`, mere rounding of the features, counts as none: whitening would blow it up.
    """
    if not bool(torch.isfinite(covariance).all()):
        raise ValueError("the features are not finite: the picture holds NaN or infinite values")
    identity = torch.eye(len(covariance), dtype=covariance.dtype, device=covariance.device)
    for attempt in range(TRIES):
        covariance = covariance + attempt * EPS * identity
        factor, failed = torch.linalg.cholesky_ex(covariance)
        if not int(failed) and float(factor.diagonal().min()) ** 2 >= least:
            return factor
    values, vectors = torch.linalg.eigh(covariance)
    roots = values.clamp_min(max(EPS, least)).sqrt()
    upper = torch.linalg.qr((vectors * roots).T).R
    return upper.T * upper.diagonal().sign()


def color_(pieces: Sequence[Tensor], maps: Sequence[tuple[Tensor, Tensor]], shares: Sequence[Sequence[Tensor]]) -> None:
    """Each row x of the pieces becomes matrix x + shift, in place.

    maps: (matrix, shift) of each region; shares: of each region, of each piece how much a row is in it, [N]; none where the
    one map holds everywhere. A row that is in no region, or only partly, keeps its own for the rest.
    """
    for index, piece in enumerate(pieces):
        for start in range(0, len(piece), ROWS):
            part = piece[start : start + ROWS]
            x = precise(part)
            if not shares:
                matrix, shift = maps[0]
                part.copy_(torch.addmm(shift, x, matrix.T))
                continue
            by = [precise(region[index][start : start + ROWS])[:, None] for region in shares]
            total = x * (1 - torch.stack(by).sum(0))
            for (matrix, shift), share in zip(maps, by, strict=True):
                total += torch.addmm(shift, x, matrix.T).mul_(share)
            part.copy_(total)


def map_between(content: Look, style: Look) -> tuple[Tensor, Tensor]:
    """(matrix, shift): x -> L_s L_c^-1 (x - content mean) + style mean."""
    matrix = torch.linalg.solve_triangular(content.factor, style.factor, upper=False, left=False)
    return matrix, style.mean - matrix @ content.mean
