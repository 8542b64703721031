"""Losses on sums over positions: what Gatys' style, batch statistics, polynomial kernels and Gaussians are made of.

A summary is the weighted moments of features in homogeneous form: with f' = (f, 1), the sum of w f' f'^T holds the sum of
weights, of features and of their products at once. Under a mask these are the guided statistics of Gatys et al. 2017
(arXiv:1611.07865), with the mask as the weight (the square of their guidance channel): the sums of regions that share the
picture add up to those of the whole.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Literal

import torch
from torch import Tensor

from ..ops.whitening import precise, symmetric_power
from .term import Place, Term, flat_map

GramScale = Literal["relative", "gatys", "neural-style"]
TINY = 1e-12
RIDGE = 1e-4


class MomentTerm(Term):
    """A loss on second moments of the features about `origin`. `aim` takes the target's summary before anything else."""

    def __init__(self, tap: str, mask: Tensor | None = None) -> None:
        super().__init__(tap, mask)
        self.origin: Tensor | None = None

    def summary(self, f: Tensor, place: Place) -> Tensor:
        """[C + 1, C + 1]: the products of channels, their sums in the last row and column, the weight in the corner."""
        flat = flat_map(f)
        if self.origin is not None:
            flat = flat - self.origin[:, None]
        return SecondMoments.apply(flat, self.weights(place))  # type: ignore[return-value]

    @abstractmethod
    def aim(self, summary: Tensor) -> None:
        """Take the summary of the style's features as the target."""


class SecondMoments(torch.autograd.Function):
    """sum of w f' f'^T of flat features [C, N] and weights [1, 1, h, w] or None. Its slope is one matrix product; PyTorch would
    take two, one for each side, and as many sums.
    """

    @staticmethod
    def forward(ctx: Any, flat: Tensor, weights: Tensor | None) -> Tensor:
        ctx.save_for_backward(flat, weights)
        weighted = flat if weights is None else flat * weights.reshape(1, -1)
        total = flat.new_tensor(float(flat.shape[1])) if weights is None else weights.sum()
        sums = weighted.sum(dim=1)
        return torch.cat([torch.cat([weighted @ flat.T, sums[:, None]], dim=1), torch.cat([sums, total[None]])[None]])

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor, None]:
        flat, weights = ctx.saved_tensors
        both = slopes[0] + slopes[0].T
        # the way round in which the features lie in memory, so that what comes of it lies likewise
        if flat.stride(0) == 1:
            slope = torch.addmm(both[-1:, :-1], flat.T, both[:-1, :-1]).T
        else:
            slope = torch.addmm(both[:-1, -1:], both[:-1, :-1], flat)
        return (slope if weights is None else slope * weights.reshape(1, -1)), None


def products(summary: Tensor) -> Tensor:
    """Mean products of channels [C, C]: the Gram matrix over the number of positions."""
    return summary[:-1, :-1] / summary[-1, -1].clamp_min(TINY)


def means(summary: Tensor) -> Tensor:
    """Mean of every channel [C]."""
    return summary[:-1, -1] / summary[-1, -1].clamp_min(TINY)


def covariance(summary: Tensor) -> Tensor:
    """Covariance [C, C], of all positions (not unbiased)."""
    mean = means(summary)
    return products(summary) - mean[:, None] * mean[None]


class GramTerm(MomentTerm):
    """Squared difference of Gram matrices (Gatys et al. 2016, eq. 3-4).

    scale "gatys": 1/(4 C^2) of the matrices per position, the paper's 1/(4 N^2 M^2); "neural-style": the mean squared difference
    of matrices divided by all numbers of the map, as jcjohnson's code has it; "relative": the squared length of the difference
    over that of the target. centered: of covariances instead, which leaves means free (Li et al. 2017).
    """

    def __init__(self, tap: str, mask: Tensor | None = None, scale: GramScale = "relative", centered: bool = False) -> None:
        super().__init__(tap, mask)
        self.scale = scale
        self.centered = centered
        self.target: Tensor | None = None
        self.factor = 1.0

    def matrix(self, summary: Tensor) -> Tensor:
        """What is compared, [C, C]."""
        return covariance(summary) if self.centered else products(summary)

    def aim(self, summary: Tensor) -> None:
        self.target = self.matrix(summary)
        channels = self.target.shape[0]
        self.factor = {
            "gatys": 1 / (4 * channels**2),
            "neural-style": 1 / channels**4,
            "relative": 1 / max(float(self.target.square().sum()), TINY),
        }[self.scale]

    def value(self, summary: Tensor) -> Tensor:
        assert self.target is not None
        return (self.matrix(summary) - self.target).square().sum() * self.factor


class MeanStdTerm(MomentTerm):
    """Squared differences of channel means and of their deviations, averaged over channels (Li et al. 2017, arXiv:1701.01036,
    eq. 8; AdaIN's style loss, Huang and Belongie 2017, eq. 13). relative: each divided by the target's own squared length.
    """

    EPS = 1e-8

    def __init__(self, tap: str, mask: Tensor | None = None, relative: bool = False) -> None:
        super().__init__(tap, mask)
        self.relative = relative
        self.targets: tuple[Tensor, Tensor] | None = None

    def summary(self, f: Tensor, place: Place) -> Tensor:
        """[3, C]: the sum of weights, of features and of their squares."""
        flat = flat_map(f)
        weights = self.weights(place)
        weighted = flat if weights is None else flat * weights.reshape(1, -1)
        total = f.new_tensor(float(flat.shape[1])) if weights is None else weights.sum()
        return torch.stack([total.expand(flat.shape[0]), weighted.sum(dim=1), (weighted * flat).sum(dim=1)])

    def statistics(self, summary: Tensor) -> tuple[Tensor, Tensor]:
        """Means and deviations [C]."""
        weight = summary[0].clamp_min(TINY)
        mean = summary[1] / weight
        return mean, ((summary[2] / weight - mean.square()).clamp_min(0) + self.EPS).sqrt()

    def aim(self, summary: Tensor) -> None:
        self.targets = self.statistics(summary)

    def value(self, summary: Tensor) -> Tensor:
        assert self.targets is not None
        total = summary.new_zeros(())
        for made, wanted in zip(self.statistics(summary), self.targets, strict=True):
            share = 1 / wanted.square().sum().clamp_min(TINY) if self.relative else 1 / len(wanted)
            total = total + (made - wanted).square().sum() * share
        return total


class PolynomialMMDTerm(MomentTerm):
    """Squared maximum mean discrepancy of two sets of features under (x.y + c)^degree / C^degree, degree 1 or 2 (Li, Wang, Liu
    and Hou 2017, arXiv:1701.01036, eq. 5-7).

    Degree 1 compares means; degree 2 and c = 0 is the Gram loss. relative: divided by the target's part of the same sum.
    """

    def __init__(
        self, tap: str, mask: Tensor | None = None, degree: int = 2, constant: float = 0.0, relative: bool = False
    ) -> None:
        super().__init__(tap, mask)
        self.degree = degree
        self.constant = constant
        self.relative = relative
        self.target: tuple[Tensor, Tensor] | None = None
        self.factor = 1.0

    def aim(self, summary: Tensor) -> None:
        self.target = means(summary), products(summary)
        zero = torch.zeros_like(self.target[0]), torch.zeros_like(self.target[1])
        self.factor = 1 / len(self.target[0]) ** self.degree
        if self.relative:
            self.factor = 1 / max(float(self.discrepancy(self.target, zero)), TINY)

    def discrepancy(self, made: tuple[Tensor, Tensor], wanted: tuple[Tensor, Tensor]) -> Tensor:
        """What remains of the three double sums over positions: constants cancel."""
        of_means = (made[0] - wanted[0]).square().sum()
        if self.degree == 1:
            return of_means
        return (made[1] - wanted[1]).square().sum() + 2 * self.constant * of_means

    def value(self, summary: Tensor) -> Tensor:
        assert self.target is not None
        return self.discrepancy((means(summary), products(summary)), self.target) * self.factor


class WassersteinTerm(MomentTerm):
    """Squared 2-Wasserstein distance between Gaussians with the two means and covariances (Olkin and Pukelsheim 1982):
    |m - m'|^2 + tr(S + S' - 2 (S'^1/2 S S'^1/2)^1/2), over C; relative: over the target's |m'|^2 + tr S'.

    A little of the mean variance is added to both covariances, as square roots have no slope at zero. In float64: the trace of a
    root is a small difference of large numbers. Moments are taken about the target's mean.
    """

    def __init__(self, tap: str, mask: Tensor | None = None, relative: bool = False) -> None:
        super().__init__(tap, mask)
        self.relative = relative
        self.root: Tensor | None = None
        self.trace = self.ridge = 0.0
        self.factor = 1.0

    def aim(self, summary: Tensor) -> None:
        moments = precise(summary)
        mean, spread = means(moments), covariance(moments)
        variance = float(spread.diagonal().sum())
        self.ridge = RIDGE * max(variance / len(mean), TINY)
        spread = spread + self.ridge * torch.eye(len(mean), dtype=spread.dtype, device=spread.device)
        self.root = symmetric_power(spread[None], 0.5, cut=0.0)[0]
        self.trace = float(spread.diagonal().sum())
        self.factor = 1 / max(float(mean.square().sum()) + variance, TINY) if self.relative else 1 / len(mean)
        self.origin = mean.to(summary)

    def value(self, summary: Tensor) -> Tensor:
        assert self.root is not None
        moments = summary.to(self.root)
        spread = covariance(moments) + self.ridge * torch.eye(len(self.root), dtype=self.root.dtype, device=self.root.device)
        middle = self.root @ spread @ self.root
        roots = torch.linalg.eigvalsh((middle + middle.T) / 2).clamp_min(self.ridge**2).sqrt().sum()
        distance = means(moments).square().sum() + spread.diagonal().sum() + self.trace - 2 * roots
        return (distance * self.factor).to(summary)
