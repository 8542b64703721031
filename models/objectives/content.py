"""Losses that keep the drawing: features as they are, and the picture's Laplacian."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .objective import CONTENT_TAPS, Objective, Scene, layers_of, shares
from .term import Place, Term

TINY = 1e-12


class FeatureTerm(Term):
    """Mean squared difference to the target's features (Gatys, Ecker and Bethge 2016, eq. 1).

    The paper takes half the sum; the mean, as implementations do, keeps the weight's meaning at every picture size. Under a mask
    the mean is weighted. relative: divided by the target's own mean square, which makes weights alike for every encoder.
    """

    linear = True

    def __init__(self, tap: str, target: Tensor, mask: Tensor | None = None, relative: bool = False) -> None:
        super().__init__(tap, mask)
        self.target = target
        self.relative = relative
        self.scale = 1.0

    def begin(self, height: int, width: int, chance: torch.Generator) -> None:
        super().begin(height, width, chance)
        channels = self.target.shape[1]
        if self._sized is None:
            covered, power = float(height * width), self.target.square().sum()
        else:
            covered, power = float(self._sized.sum()), (self.target.square() * self._sized).sum()
        self.scale = 1 / max(channels * covered, TINY)
        if self.relative:
            self.scale = 1 / max(float(power), TINY)

    def summary(self, f: Tensor, place: Place) -> Tensor:
        """The sum of squared differences, scaled."""
        squares = (f - place.cut(self.target)).square()
        weights = self.weights(place)
        return (squares if weights is None else squares * weights).sum() * self.scale

    def value(self, summary: Tensor) -> Tensor:
        return summary


class LaplacianTerm(Term):
    """Squared difference of the Laplacians of two pictures, averaged over positions (Li, Xu, Nie and Liu 2017,
    arXiv:1707.01253, eq. 3), on pictures [1, 3, h, w] that the tap has reduced by averaging.

    Channels are added before, as there. target: the content picture, reduced likewise.
    """

    linear = True
    window = 3

    def __init__(self, tap: str, target: Tensor, mask: Tensor | None = None) -> None:
        super().__init__(tap, mask)
        self.target = laplacian(target)

    def summary(self, f: Tensor, place: Place) -> Tensor:
        """The sum of squared differences over the positions with a whole neighborhood, divided by all of them."""
        made = laplacian(f)
        inner = Place(place.top, place.left, made.shape[2], made.shape[3])
        squares = (made - inner.cut(self.target)).square()
        weights = self.weights(place)
        if weights is not None:
            squares = squares * weights[..., 1:-1, 1:-1]
        return squares.sum() / max(self.target.numel(), 1)

    def value(self, summary: Tensor) -> Tensor:
        return summary


def laplacian(picture: Tensor) -> Tensor:
    """The five-point Laplacian of the sum of channels, [B, C, h, w] -> [B, 1, h - 2, w - 2]; empty for smaller maps."""
    gray = picture.sum(dim=1, keepdim=True)
    if min(gray.shape[-2:]) < 3:
        return gray[..., :0, :0]
    kernel = gray.new_tensor([[0.0, -1.0, 0.0], [-1.0, 4.0, -1.0], [0.0, -1.0, 0.0]])
    return F.conv2d(gray, kernel[None, None])


@dataclass(frozen=True, repr=False)
class ContentObjective(Objective):
    """Features of a picture [B, 3, H, W] in 0..1, resized to the one that is made.

    layers: empty for relu4_2, or the deepest there is. mask: where it holds. See `FeatureTerm`.
    """

    picture: Tensor
    layers: tuple[str, ...] = ()
    layer_weights: tuple[float, ...] = ()
    mask: Tensor | None = None
    relative: bool = True

    @property
    def title(self) -> str:
        return "content"

    def terms(self, scene: Scene) -> list[tuple[float, Term]]:
        layers = layers_of(self.encoder, self.layers, CONTENT_TAPS)
        levels = self.encoder.encode(scene.like(self.picture), layers, scene.tile).levels
        mask = scene.mask(self.mask)
        terms = [FeatureTerm(tap, levels[tap], mask, self.relative) for tap in layers]
        return list(zip(shares(layers, self.layer_weights), terms, strict=True))


@dataclass(frozen=True, repr=False)
class LaplacianObjective(Objective):
    """Edges of a picture [B, 3, H, W], by the Laplacian after averaging over blocks: `layers` of the pixel encoder, in the paper
    4 and 16 pixels. See `LaplacianTerm`.
    """

    picture: Tensor
    layers: tuple[str, ...] = ("pixels_4", "pixels_16")
    layer_weights: tuple[float, ...] = ()
    mask: Tensor | None = None

    @property
    def title(self) -> str:
        return "Laplacian"

    def terms(self, scene: Scene) -> list[tuple[float, Term]]:
        levels = self.encoder.encode(scene.like(self.picture), self.layers).levels
        mask = scene.mask(self.mask)
        terms = [LaplacianTerm(tap, levels[tap], mask) for tap in self.layers]
        return list(zip(shares(self.layers, self.layer_weights), terms, strict=True))
