"""Losses that take the style: a statistic of features at several layers, of the picture or of one region of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from torch import Tensor

from ..encoders.pixels import PIXELS
from ..ops.masks import at_size
from .distributions import MOST, Axes, GaussianMMDTerm, SetTerm, SortedTerm
from .objective import STYLE_TAPS, Objective, Scene, layers_of, shares
from .statistics import GramScale, GramTerm, MeanStdTerm, MomentTerm, PolynomialMMDTerm, WassersteinTerm
from .term import Term


class Statistic(ABC):
    """Which statistic of the features is compared, with its settings. usual: the layers of its paper, where it names some."""

    usual: tuple[str, ...] = STYLE_TAPS

    @property
    @abstractmethod
    def title(self) -> str:
        """Its name in reports."""

    @abstractmethod
    def gauge(self, tap: str, mask: Tensor | None) -> Term:
        """What is to be taken from the style's features."""

    @abstractmethod
    def term(self, tap: str, mask: Tensor | None, target: Tensor) -> Term:
        """The loss whose target is the gauge's summary of the style."""


class Moments(Statistic):
    """Statistics that are sums over positions."""

    @abstractmethod
    def gauge(self, tap: str, mask: Tensor | None) -> MomentTerm: ...

    def term(self, tap: str, mask: Tensor | None, target: Tensor) -> Term:
        aimed = self.gauge(tap, mask)
        aimed.aim(target)
        return aimed


@dataclass(frozen=True)
class Gram(Moments):
    """Gram matrices (Gatys et al. 2016); see `GramTerm`."""

    scale: GramScale = "relative"
    centered: bool = False

    @property
    def title(self) -> str:
        return "covariance" if self.centered else "Gram"

    def gauge(self, tap: str, mask: Tensor | None) -> MomentTerm:
        return GramTerm(tap, mask, self.scale, self.centered)


@dataclass(frozen=True)
class MeanStd(Moments):
    """Means and deviations; see `MeanStdTerm`."""

    relative: bool = True

    @property
    def title(self) -> str:
        return "mean and deviation"

    def gauge(self, tap: str, mask: Tensor | None) -> MomentTerm:
        return MeanStdTerm(tap, mask, self.relative)


@dataclass(frozen=True)
class PolynomialMMD(Moments):
    """Maximum mean discrepancy under a linear (degree 1) or quadratic kernel; see `PolynomialMMDTerm`."""

    degree: int = 2
    constant: float = 0.0
    relative: bool = True

    @property
    def title(self) -> str:
        return "MMD linear" if self.degree == 1 else "MMD polynomial"

    def gauge(self, tap: str, mask: Tensor | None) -> MomentTerm:
        return PolynomialMMDTerm(tap, mask, self.degree, self.constant, self.relative)


@dataclass(frozen=True)
class Wasserstein(Moments):
    """2-Wasserstein distance of Gaussians; see `WassersteinTerm`."""

    relative: bool = True

    @property
    def title(self) -> str:
        return "Wasserstein"

    def gauge(self, tap: str, mask: Tensor | None) -> MomentTerm:
        return WassersteinTerm(tap, mask, self.relative)


class Collected(SetTerm):
    """Only gathers features at positions."""

    def value(self, summary: Tensor) -> Tensor:
        return summary.new_zeros(())


class Distribution(Statistic):
    """Statistics that need the features themselves. samples: the most positions that are compared in one step; 0 for all."""

    samples: int

    def gauge(self, tap: str, mask: Tensor | None) -> Term:
        return Collected(tap, mask, self.samples)


@dataclass(frozen=True)
class GaussianMMD(Distribution):
    """Maximum mean discrepancy under a Gaussian kernel; see `GaussianMMDTerm`."""

    bandwidth: float = 1.0
    samples: int = 1024

    @property
    def title(self) -> str:
        return "MMD Gaussian"

    def term(self, tap: str, mask: Tensor | None, target: Tensor) -> Term:
        return GaussianMMDTerm(tap, target, mask, self.bandwidth, self.samples)


@dataclass(frozen=True)
class Sorted(Distribution):
    """Histograms of channels, or of random projections (sliced Wasserstein); see `SortedTerm`."""

    axes: Axes = "random"
    directions: int = 0
    samples: int = MOST
    relative: bool = True

    @property
    def title(self) -> str:
        return "histogram" if self.axes == "channels" else "sliced Wasserstein"

    @property
    def usual(self) -> tuple[str, ...]:  # type: ignore[override]
        """Risser's two layers, or Heitz' first twelve of VGG-19."""
        if self.axes == "channels":
            return ("relu1_1", "relu4_1")
        return tuple(f"relu{block}_{i}" for block, count in enumerate((2, 2, 4, 4), 1) for i in range(1, count + 1))

    def term(self, tap: str, mask: Tensor | None, target: Tensor) -> Term:
        return SortedTerm(tap, target, mask, self.axes, self.directions, self.samples, self.relative)


@dataclass(frozen=True)
class Palette(Sorted):
    """Colors: sliced Wasserstein of pixels along 16 directions, drawn anew for every step."""

    directions: int = 16

    @property
    def title(self) -> str:
        return "palette"


@dataclass(frozen=True, repr=False)
class StyleObjective(Objective):
    """A statistic of the style picture's features.

    picture [B, 3, H, W] in 0..1. size: its longer side over the picture's; 0 for its own size. layers: empty for the statistic's
    usual ones. layer_weights: one for each layer; empty for equal ones that add up to 1. mask [B, 1, H, W]: where in the picture
    it holds; style_mask: which part of the style's picture it is taken from.
    """

    picture: Tensor
    statistic: Statistic
    layers: tuple[str, ...] = ()
    layer_weights: tuple[float, ...] = ()
    mask: Tensor | None = None
    style_mask: Tensor | None = None
    size: float = 1.0

    @property
    def title(self) -> str:
        return f"style, {self.statistic.title}"

    def terms(self, scene: Scene) -> list[tuple[float, Term]]:
        layers = layers_of(self.encoder, self.layers, self.statistic.usual, least=2)
        style = scene.style(self.picture, self.size)
        style_mask = None if self.style_mask is None else at_size(scene.row(self.style_mask), *style.shape[-2:])
        gauges = [self.statistic.gauge(tap, style_mask) for tap in layers]
        targets = scene.gather(self.encoder, style, gauges)
        mask = scene.mask(self.mask)
        terms = [self.statistic.term(tap, mask, target) for tap, target in zip(layers, targets, strict=True)]
        return list(zip(shares(layers, self.layer_weights), terms, strict=True))


def color_objective(weight: float, picture: Tensor, mask: Tensor | None = None, style_mask: Tensor | None = None) -> Objective:
    """The palette of a picture."""
    return StyleObjective(weight, PIXELS, picture, Palette(), ("pixels",), (), mask, style_mask)
