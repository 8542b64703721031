"""Losses on the nearest of the style's patches or features: Markov random fields, and cosine distance (NNFM)."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, pi, sin
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from ..ops.masks import at_size
from ..ops.padding import same_size
from .objective import Objective, Scene, layers_of, shares
from .term import Place, Term, flat_map

TINY = 1e-12
TURN = pi / 24  # between rotated copies of the style, and the growth between scaled ones, as the authors' code has them
GROWTH = 1.05
NUMBERS_AT_ONCE = 1 << 24  # of the table of similarities


def nearest(queries: Tensor, keys: Tensor) -> Tensor:
    """For every query [n, D] the index of the key [m, D] with the largest product; the table of both is never whole."""
    rows = max(1, NUMBERS_AT_ONCE // max(keys.shape[0], 1))
    return torch.cat([(part @ keys.T).argmax(dim=1) for part in queries.split(rows)])


def unit(x: Tensor, dim: int) -> Tensor:
    """Of length 1 along an axis; zeros stay zeros, and have a slope."""
    return x * (x.square().sum(dim=dim, keepdim=True) + TINY).rsqrt()


def patches(f: Tensor, size: int, stride: int = 1) -> Tensor:
    """All patches of f [1, C, h, w], [n, C * size * size]."""
    return F.unfold(f, size, stride=stride)[0].T


class MRFTerm(Term):
    """Squared distance of every patch to the style's patch that is nearest by normalized cross-correlation, averaged over patches
    and their numbers (Li and Wand 2016, arXiv:1601.04589, eq. 2-3).

    target [m, C * size * size]: the style's patches. The paper takes the sum; the mean keeps the weight's meaning at every size.
    relative: over the target's mean square. Matches are made anew in every step and are no part of the gradient. Under a mask a
    patch counts as much as its middle.
    """

    linear = True
    jumps = True  # matched by correlation, compared by distance

    def __init__(self, tap: str, target: Tensor, size: int = 3, mask: Tensor | None = None, relative: bool = False) -> None:
        super().__init__(tap, mask)
        self.window = size
        self.target = target
        self.keys = unit(target, 1)
        self.factor = 1 / max(float(target.square().mean()), TINY) if relative else 1.0
        self.covered = 1.0

    def begin(self, height: int, width: int, chance: torch.Generator) -> None:
        super().begin(height, width, chance)
        if self._sized is None:
            self.covered = max(1.0, float(height - self.window + 1) * (width - self.window + 1))
        else:
            self.covered = max(float(self.middles(self._sized).sum()), TINY)

    def middles(self, mask: Tensor) -> Tensor:
        """The mask at the middle of every patch, [n]."""
        reach = self.window // 2
        height, width = mask.shape[2] - self.window + 1, mask.shape[3] - self.window + 1
        return mask[0, 0, reach : reach + height, reach : reach + width].flatten()

    def summary(self, f: Tensor, place: Place) -> Tensor:
        """The sum over the patches that begin in the piece."""
        if min(f.shape[2:]) < self.window:
            return f.sum() * 0
        made = patches(f, self.window)
        with torch.no_grad():
            wanted = self.target[nearest(made.detach(), self.keys)]
        squares = (made - wanted).square().mean(dim=1)
        weights = self.weights(place)
        if weights is not None:
            squares = squares * self.middles(weights)
        return squares.sum() * (self.factor / self.covered)

    def value(self, summary: Tensor) -> Tensor:
        return summary


class NearestFeatureTerm(Term):
    """Cosine distance of every feature to the style's nearest, averaged (NNFM: Zhang et al. 2022, arXiv:2206.06360, eq. 2).

    target [m, C]: the style's features. Under a mask the average is weighted.
    """

    linear = True

    def __init__(self, tap: str, target: Tensor, mask: Tensor | None = None) -> None:
        super().__init__(tap, mask)
        self.keys = unit(target, 1)
        self.covered = 1.0

    def begin(self, height: int, width: int, chance: torch.Generator) -> None:
        super().begin(height, width, chance)
        self.covered = float(height * width) if self._sized is None else max(float(self._sized.sum()), TINY)

    def summary(self, f: Tensor, place: Place) -> Tensor:
        """The sum over the piece's positions."""
        made = unit(flat_map(f).T, 1)
        with torch.no_grad():
            wanted = self.keys[nearest(made.detach(), self.keys)]
        distances = 1 - (made * wanted).sum(dim=1)
        weights = self.weights(place)
        if weights is not None:
            distances = distances * weights.flatten()
        return distances.sum() / self.covered

    def value(self, summary: Tensor) -> Tensor:
        return summary


@dataclass(frozen=True, repr=False)
class PatchObjective(Objective):
    """Patches or single features of a style picture [B, 3, H, W] in 0..1.

    kind "mrf": patches of `patch` x `patch` features (see `MRFTerm`), usually of relu3_1 and relu4_1, one of every `stride` of
    the style's; rotations, scales: how many copies to each side, turned by steps of 7.5 degrees or resized by steps of 5 percent.
    kind "nnfm": single features of relu3_1 by their direction (see `NearestFeatureTerm`). samples: the most of the style's
    patches that are kept, evenly spread; they are searched anew in every step. style_mask: which part of the style they are from.
    """

    picture: Tensor
    kind: Literal["mrf", "nnfm"] = "mrf"
    layers: tuple[str, ...] = ()
    layer_weights: tuple[float, ...] = ()
    mask: Tensor | None = None
    style_mask: Tensor | None = None
    size: float = 1.0
    patch: int = 3
    stride: int = 2
    rotations: int = 0
    scales: int = 0
    samples: int = 16384
    relative: bool = True

    @property
    def title(self) -> str:
        return "patches, MRF" if self.kind == "mrf" else "nearest features"

    def terms(self, scene: Scene) -> list[tuple[float, Term]]:
        usual = ("relu3_1", "relu4_1") if self.kind == "mrf" else ("relu3_1",)
        layers = layers_of(self.encoder, self.layers, usual)
        patch = self.patch if self.kind == "mrf" else 1
        stride = self.stride if self.kind == "mrf" else 1
        found: dict[str, list[Tensor]] = {tap: [] for tap in layers}
        for picture, mask in self.variants(scene):
            levels = self.encoder.encode(picture, layers, scene.tile).levels
            for tap, f in levels.items():
                if min(f.shape[-2:]) >= patch:
                    found[tap].append(inside(f, mask, patch, stride))
        mask, terms = scene.mask(self.mask), []
        for tap in layers:
            kept = thinned(torch.cat(found[tap]) if found[tap] else torch.empty(0), self.samples)
            if not len(kept):
                raise ValueError(
                    f"the style picture has no patch of {patch}x{patch} features at {tap}: take a larger one, or a larger "
                    "part of it, or a shallower layer"
                )
            whole = MRFTerm(tap, kept, patch, mask, self.relative) if self.kind == "mrf" else NearestFeatureTerm(tap, kept, mask)
            terms.append(whole)
        return list(zip(shares(layers, self.layer_weights), terms, strict=True))

    def variants(self, scene: Scene) -> list[tuple[Tensor, Tensor | None]]:
        """The style picture and its mask, turned and resized."""
        style = scene.style(self.picture, self.size)
        height, width = style.shape[-2:]
        mask = None if self.style_mask is None else at_size(scene.row(self.style_mask), height, width)
        made = []
        for step in range(-self.scales, self.scales + 1):
            sides = [max(1, round(side * GROWTH**step)) for side in (height, width)]
            for turn in range(-self.rotations, self.rotations + 1):
                where = mask if mask is None else at_size(mask, sides[0], sides[1])
                made.append(turned(same_size(style, sides[0], sides[1]), where, turn * TURN))
        return made


def turned(picture: Tensor, mask: Tensor | None, angle: float) -> tuple[Tensor, Tensor | None]:
    """A picture rotated about its middle by radians; the mask leaves out what came from beyond its edges."""
    if not angle:
        return picture, mask
    height, width = picture.shape[-2:]
    rows = [[cos(angle), -sin(angle) * height / width, 0.0], [sin(angle) * width / height, cos(angle), 0.0]]
    grid = F.affine_grid(picture.new_tensor(rows)[None], [1, 1, height, width], align_corners=False)
    whole = torch.ones_like(picture[:, :1]) if mask is None else mask
    turned_mask = F.grid_sample(whole, grid, align_corners=False)
    return F.grid_sample(picture, grid, padding_mode="reflection", align_corners=False), turned_mask


def inside(f: Tensor, mask: Tensor | None, patch: int, stride: int) -> Tensor:
    """Patches of f [1, C, h, w] that lie, by most of them, in the mask; [n, C * patch * patch]."""
    found = patches(f, patch, stride)
    if mask is None:
        return found
    covered = patches(at_size(mask, *f.shape[-2:]), patch, stride).mean(dim=1)
    return found[covered > 0.5]


def thinned(found: Tensor, most: int) -> Tensor:
    """At most so many rows, evenly spread."""
    if not most or len(found) <= most:
        return found
    return found[torch.linspace(0, len(found) - 1, most, device=found.device).round().long()]
