"""Frechet distance of two sets of features: FID where the features are those of FID's network (Heusel et al. 2017).

|m - m'|^2 + tr(S + S' - 2 (S S')^1/2) with covariances that divide by n - 1, in double precision (arXiv:1706.08500, equation 6).
No root of a matrix is taken. With A and B the centered features, the trace of the root is the sum of the singular values of
A B^T / sqrt((n - 1)(m - 1)), a matrix of n x m; with more pictures than features it is that of the eigenvalues' roots of R S' R,
R the root of S.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import sqrt

import torch
from torch import Tensor

LEAST = 2


def frechet_distance(a: Tensor, b: Tensor) -> float:
    """Of features [n, D] and [m, D], exact for every n and m. Raises ValueError."""
    checked(a.shape[0], b.shape[0])
    if min(a.shape[0], b.shape[0]) > a.shape[1]:
        return of_moments(Moments.of([a]), Moments.of([b]))
    a, b = a.double(), b.double()
    mean_a, mean_b = a.mean(0), b.mean(0)
    a, b = (a - mean_a) / sqrt(a.shape[0] - 1), (b - mean_b) / sqrt(b.shape[0] - 1)
    root = torch.linalg.svdvals(a @ b.T).sum()
    return float((mean_a - mean_b).square().sum() + a.square().sum() + b.square().sum() - 2 * root)


@dataclass(frozen=True)
class Moments:
    """Mean [D] and covariance [D, D] (n - 1) of features, in double precision."""

    count: int
    mean: Tensor
    covariance: Tensor

    @staticmethod
    def of(blocks: Iterable[Tensor]) -> Moments:
        """From features [n, D] block by block, merged as Chan, Golub and LeVeque 1983 do: only one block is in memory.

        Raises ValueError where there are fewer than two features.
        """
        count, mean, scatter = 0, torch.zeros(()), torch.zeros(())
        for block in blocks:
            rows = block.double()
            here = rows.mean(0)
            rows = rows - here
            if not count:
                count, mean, scatter = len(rows), here, rows.T @ rows
                continue
            apart, total = here - mean, count + len(rows)
            scatter.addmm_(rows.T, rows)
            scatter.addr_(apart, apart, alpha=count * len(rows) / total)
            mean = mean + apart * (len(rows) / total)
            count = total
        checked(count, LEAST)
        return Moments(count, mean, scatter.div_(count - 1))


def of_moments(a: Moments, b: Moments) -> float:
    """Frechet distance of two Gaussians."""
    values, vectors = torch.linalg.eigh(a.covariance)
    root = (vectors * values.clamp_min(0).sqrt()) @ vectors.T
    both = torch.linalg.eigvalsh(root @ b.covariance @ root)
    apart = (a.mean - b.mean).square().sum()
    return float(apart + a.covariance.trace() + b.covariance.trace() - 2 * both.clamp_min(0).sqrt().sum())


def checked(*counts: int) -> None:
    """Raise ValueError for sets that have no covariance."""
    if min(counts) < LEAST:
        raise ValueError(f"a set of {min(counts)} pictures has no spread to compare: give {LEAST} or more")
