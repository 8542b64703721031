"""Losses on whole distributions of features: one dimension at a time by sorting, or by a Gaussian kernel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from .term import Place, Term, flat_map

Axes = Literal["channels", "random"]
TINY = 1e-12
MOST = 16384


class SetTerm(Term):
    """A loss on features at (at most `samples`) positions, drawn by chance for every step; under a mask, of those where it is
    over one half. samples 0: all of them.
    """

    def __init__(self, tap: str, mask: Tensor | None = None, samples: int = MOST) -> None:
        super().__init__(tap, mask)
        self.samples = samples
        self.inside: Tensor | None = None
        self.chosen: Tensor | None = None
        self.ranks: Tensor | None = None

    def begin(self, height: int, width: int, chance: torch.Generator) -> None:
        super().begin(height, width, chance)
        if self.inside is None or self.inside.shape != (height, width):
            everywhere = torch.ones(height, width)
            covered = everywhere if self._sized is None else self._sized[0, 0].cpu()
            # of a mask that is smaller than a feature, the features that it covers most
            self.inside = covered > min(0.5, 0.999 * float(covered.max()))
        self.chosen = self.inside
        places = self.inside.flatten().nonzero()[:, 0]
        if self.samples and len(places) > self.samples:
            drawn = places[torch.randperm(len(places), generator=chance)[: self.samples]]
            self.chosen = torch.zeros(height * width, dtype=torch.bool).index_fill_(0, drawn, True).view(height, width)

        self.ranks = self.chosen.flatten().cumsum(0).view(height, width)

    def summary(self, f: Tensor, place: Place) -> Tensor:
        """[C + 1, n]: features at the chosen positions, and in the last row the numbers of those."""
        assert self.chosen is not None
        assert self.ranks is not None
        at = place.cut(self.chosen).flatten().nonzero()[:, 0]
        ranks = place.cut(self.ranks).flatten()[at].to(f)
        flat = flat_map(f)
        return torch.cat([flat if len(at) == flat.shape[1] else flat[:, at.to(f.device)], ranks[None]])

    def join(self, summaries: Sequence[Tensor]) -> Tensor:
        """Features [C, n], in the order of positions: among equal ones sorting keeps it, and tiles must not show."""
        both = torch.cat(list(summaries), dim=1) if len(summaries) > 1 else summaries[0]
        return both[:-1] if len(summaries) == 1 else both[:-1, both[-1].argsort()]


class SortedTerm(SetTerm):
    """Squared distance of sorted projections, averaged over positions and axes.

    axes "channels": every channel's histogram (the histogram loss of Risser, Wilmot and Barnes 2017, arXiv:1701.08893, eq. 7,
    with sorting instead of their 256 bins). axes "random": sliced Wasserstein along `directions` random unit vectors, drawn anew
    for every step (Heitz, Vanhoey, Chambon and Belcour 2021, arXiv:2006.07229, eq. 4); 0 for as many as there are channels.
    target [C, n]: the style's features. Sets of another size are compared at the same quantiles. relative: over the target's
    mean square.
    """

    def __init__(
        self,
        tap: str,
        target: Tensor,
        mask: Tensor | None = None,
        axes: Axes = "random",
        directions: int = 0,
        samples: int = MOST,
        relative: bool = False,
    ) -> None:
        super().__init__(tap, mask, samples)
        self.target = target
        self.axes = axes
        self.directions = directions
        self.factor = 1 / max(float(target.square().mean()), TINY) if relative else 1.0
        self.frame: Tensor | None = None
        self.sorted_target: Tensor = target.sort(dim=1, stable=True).values if axes == "channels" else target

    def begin(self, height: int, width: int, chance: torch.Generator) -> None:
        super().begin(height, width, chance)
        if self.axes == "channels":
            return
        channels = self.target.shape[0]
        frame = torch.randn(self.directions or channels, channels, generator=chance).to(self.target)
        self.frame = frame / frame.square().sum(dim=1, keepdim=True).sqrt()
        self.sorted_target = (self.frame @ self.target).sort(dim=1, stable=True).values

    def value(self, summary: Tensor) -> Tensor:
        if not summary.shape[1]:
            return summary.sum()
        made = (summary if self.frame is None else self.frame @ summary).sort(dim=1, stable=True).values
        return (made - at_quantiles(self.sorted_target, made.shape[1])).square().mean() * self.factor


def at_quantiles(ordered: Tensor, count: int) -> Tensor:
    """Sorted values [D, n] at `count` evenly spread quantiles, interpolated; the same values where count = n."""
    n = ordered.shape[1]
    if n == count:
        return ordered
    at = ((torch.arange(count, device=ordered.device, dtype=torch.float64) + 0.5) * (n / count) - 0.5).clamp(0, n - 1)
    low = at.floor().long()
    high = (low + 1).clamp_max(n - 1)
    return torch.lerp(ordered[:, low], ordered[:, high], (at - low).to(ordered)[None])


class GaussianMMDTerm(SetTerm):
    """Squared maximum mean discrepancy under exp(-|x - y|^2 / (2 s^2)) (Li et al. 2017, arXiv:1701.01036, eq. 5 and 8).

    s^2 is `bandwidth` times the mean squared distance between features of the target. The sums run over all pairs of the
    positions drawn (the paper takes a linear-time estimate), so the loss is never negative and nothing at the target.
    target [C, m].
    """

    def __init__(self, tap: str, target: Tensor, mask: Tensor | None = None, bandwidth: float = 1.0, samples: int = 1024) -> None:
        super().__init__(tap, mask, samples)
        self.target = target
        spread = 2 * target.var(dim=1, correction=0).sum()
        self.scale = 1 / max(2 * bandwidth * float(spread), TINY)
        self.own = self.kernel(target, target).mean()

    def kernel(self, a: Tensor, b: Tensor) -> Tensor:
        """[n, m] of features [C, n] and [C, m]."""
        # about the target's mean, so that squares of large features do not swallow small distances
        mean = self.target.mean(dim=1, keepdim=True)
        a, b = a - mean, b - mean
        squares = a.square().sum(0)[:, None] + b.square().sum(0)[None] - 2 * a.T @ b
        return torch.exp(-squares.clamp_min(0) * self.scale)

    def value(self, summary: Tensor) -> Tensor:
        if not summary.shape[1]:
            return summary.sum()
        return self.kernel(summary, summary).mean() - 2 * self.kernel(summary, self.target).mean() + self.own
