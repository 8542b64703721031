"""KID: the kernel distance of two sets of features, without FID's bias for small sets (Binkowski et al. 2018, 1801.01401)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import inf

import torch
from torch import Tensor

from .frechet import checked

RESAMPLES = 200
WHOLE = 2048  # pictures of a set up to which its matrix of all pairs is kept for the bootstrap

FEWEST_TO_DRAW = 3

Blocks = Callable[[], Iterable[Tensor]]  # features [n, D], block by block, as often as it is called


@dataclass(frozen=True)
class KernelDistance:
    """value: the unbiased squared distance, which may fall below 0 where sets are alike. error: its bootstrap standard error,
    inf for sets of two, of which nothing else can be drawn."""

    value: float
    error: float
    resamples: int
    seed: int


def kernel_distance(a: Tensor, b: Tensor, seed: int = 0, resamples: int = RESAMPLES) -> KernelDistance:
    """MMD^2 of features [n, D] and [m, D] under (x y / D + 1)^3, over all pairs of different pictures. Raises ValueError.

    Packages average 100 subsets of 1,000 pictures drawn from a global state instead: the same in expectation.
    """
    return kernel_distance_of_blocks(lambda: a.split(WHOLE), lambda: b.split(WHOLE), seed, resamples)


def kernel_distance_of_blocks(a: Blocks, b: Blocks, seed: int = 0, resamples: int = RESAMPLES) -> KernelDistance:
    """The same for features that come block by block: no more than two blocks are in memory, and products of theirs.

    The error: pictures of both sets are drawn again with replacement. Up to 2,048 pictures a set the whole distance is taken
    anew, and a picture is never paired with itself; for more, its linear part (Hoeffding's projection), which counts then.
    """
    counts = [sum(len(block) for block in blocks()) for blocks in (a, b)]
    checked(*counts)
    if max(counts) <= WHOLE:
        x, y = (torch.cat([block.double() for block in blocks()]) for blocks in (a, b))
        return _whole(kernel(x, x).fill_diagonal_(0), kernel(y, y).fill_diagonal_(0), kernel(x, y), seed, resamples)
    n, m = counts
    xx, yy = _row_means(a, a, n - 1), _row_means(b, b, m - 1)
    xy, yx = _row_means(a, b, m), _row_means(b, a, n)
    value = float(xx.mean() + yy.mean() - xy.mean() - yx.mean())
    source = torch.Generator().manual_seed(seed)
    moved = torch.zeros(resamples, dtype=torch.float64)
    for part in (2 * (xx - xy), 2 * (yy - yx)):
        moved += torch.stack([part[_drawn(len(part), source)].mean() for _ in range(resamples)])
    return KernelDistance(value, float(moved.std()), resamples, seed)


def kernel(x: Tensor, y: Tensor) -> Tensor:
    """(x y / D + 1)^3 of [n, D] and [m, D]: [n, m]."""
    return (x @ y.T / x.shape[1] + 1) ** 3


def _whole(xx: Tensor, yy: Tensor, xy: Tensor, seed: int, resamples: int) -> KernelDistance:
    """From the matrices of all pairs, those of a picture with itself at 0."""
    n, m = xy.shape
    value = float(xx.sum() / (n * (n - 1)) + yy.sum() / (m * (m - 1)) - 2 * xy.mean())
    if min(n, m) < FEWEST_TO_DRAW:
        return KernelDistance(value, inf, resamples, seed)
    source = torch.Generator().manual_seed(seed)
    found = []
    while len(found) < resamples:
        w, v = (torch.bincount(_drawn(size, source), minlength=size).double() for size in (n, m))
        pairs_w, pairs_v = (size**2 - u.square().sum() for size, u in ((n, w), (m, v)))
        if min(pairs_w, pairs_v) > 0:  # one picture may be drawn in all places
            found.append(w @ xx @ w / pairs_w + v @ yy @ v / pairs_v - 2 * (w @ xy @ v) / (n * m))
    return KernelDistance(value, float(torch.stack(found).std()), resamples, seed)


def _drawn(count: int, source: torch.Generator) -> Tensor:
    return torch.randint(count, (count,), generator=source)


def _row_means(rows: Blocks, columns: Blocks, count: int) -> Tensor:
    """Mean kernel of each row's picture with the columns', itself left out where both are one set."""
    found = []
    for block in rows():
        x = block.double()
        total = sum((kernel(x, y.double()).sum(1) for y in columns()), torch.zeros(len(x), dtype=torch.float64))
        if rows is columns:
            total = total - (x.square().sum(1) / x.shape[1] + 1) ** 3
        found.append(total / count)
    return torch.cat(found)
