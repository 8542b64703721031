"""What travels on an ATELIER_OBJECTIVE wire: what a picture shall have in common with others, and how much that counts.

An objective holds its reference pictures and settings. For every size of the picture that is optimized it makes its terms anew
(`terms`), with targets from the references at that size.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from ..encoders.encoder import Encoder
from ..ops.masks import at_size
from ..ops.padding import same_size
from .term import PictureTerm, Term

AnyTerm = Term | PictureTerm
CONTENT_TAPS = ("relu4_2",)
STYLE_TAPS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")


@dataclass(frozen=True)
class Scene:
    """One picture at one size. index: its place in the batch. scale: this size over the final one. longest: side in pixels.

    tile: side of the tiles in which references are encoded, 0 for whole. gather(encoder, picture, terms) -> the summary of each
    term over a reference picture, which `optimization.evaluator` does tile by tile.
    """

    index: int
    height: int
    width: int
    scale: float
    device: torch.device
    tile: int
    gather: Callable[[Encoder, Tensor, Sequence[Term]], list[Tensor]]

    def row(self, pictures: Tensor) -> Tensor:
        """This picture's reference [1, C, h, w], on the device; shorter batches repeat."""
        return pictures[self.index % pictures.shape[0]][None].to(self.device)

    def like(self, pictures: Tensor) -> Tensor:
        """The reference at the picture's own size."""
        return same_size(self.row(pictures), self.height, self.width)

    def mask(self, mask: Tensor | None) -> Tensor | None:
        """A mask of the picture at its size."""
        return None if mask is None else at_size(self.row(mask), self.height, self.width)

    def style(self, pictures: Tensor, size: float) -> Tensor:
        """A style picture whose longer side is `size` times the picture's; 0: its own size, times the scale."""
        picture = self.row(pictures)
        height, width = picture.shape[-2:]
        factor = size * max(self.height, self.width) / max(height, width) if size else self.scale
        return same_size(picture, max(1, round(height * factor)), max(1, round(width * factor)))


@dataclass(frozen=True, repr=False)
class Objective(ABC):
    """weight: how much it counts among others. encoder: what it looks through."""

    weight: float
    encoder: Encoder

    @property
    @abstractmethod
    def title(self) -> str:
        """What it is, in a few words, for reports."""

    @abstractmethod
    def terms(self, scene: Scene) -> list[tuple[float, AnyTerm]]:
        """Terms for a picture of this size, each with its share; the objective's value is the weighted sum."""

    @property
    def batch(self) -> int:
        """The most pictures that any of its references has."""
        return max((v.shape[0] for v in vars(self).values() if isinstance(v, Tensor)), default=1)

    def identity(self) -> str:
        """Equal for two objectives that differ in nothing but weights."""
        parts = [type(self).__name__]
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, Tensor):
                value = hashlib.sha256(value.detach().cpu().contiguous().numpy().tobytes()).hexdigest() + str(tuple(value.shape))
            elif isinstance(value, Encoder):
                value = f"{value.name} {getattr(value.module, 'pooling', '')}"
            if not field.name.endswith("weight") and not field.name.endswith("weights"):
                parts.append(f"{field.name}={value}")
        return " ".join(parts)

    def __repr__(self) -> str:
        return f"{self.title}, weight {self.weight:g}"


@dataclass(frozen=True, repr=False)
class Objectives:
    """ATELIER_OBJECTIVE: one or more objectives that are added."""

    parts: tuple[Objective, ...]

    def scaled(self, factor: float) -> Objectives:
        """With all weights multiplied."""
        return Objectives(tuple(replace(part, weight=part.weight * factor) for part in self.parts))

    def identity(self) -> str:
        """Equal for two that differ in nothing but weights."""
        return "; ".join(part.identity() for part in self.parts)

    def weights(self) -> str:
        """All weights, the layers' too."""
        return "; ".join(f"{part.weight} {getattr(part, 'layer_weights', ())}" for part in self.parts)

    def __repr__(self) -> str:
        return "Objective(" + "; ".join(map(repr, self.parts)) + ")"


def combine(objectives: Sequence[Objectives], weights: Sequence[float] = ()) -> Objectives:
    """All of them, each multiplied by its weight. Raises ValueError for weights that do not pair up."""
    factors = tuple(weights) or (1.0,) * len(objectives)
    if len(factors) != len(objectives):
        raise ValueError(f"weights has {len(factors)} numbers for {len(objectives)} objectives: write one for each")
    return Objectives(tuple(p for o, w in zip(objectives, factors, strict=True) for p in o.scaled(w).parts))


def layers_of(encoder: Encoder, layers: Sequence[str], usual: Sequence[str], least: int = 1) -> tuple[str, ...]:
    """The layers asked for; else those usual ones that the encoder has; else its deepest (least 1) or all of its taps.

    Raises ValueError for a layer that the encoder does not have.
    """
    if layers:
        return encoder.check(layers)
    found = tuple(tap for tap in usual if tap in encoder.taps)
    if len(found) >= least:
        return found
    return encoder.taps[-1:] if least == 1 else encoder.taps


def shares(layers: Sequence[str], weights: Sequence[float]) -> tuple[float, ...]:
    """A weight for each layer; equal ones that add up to 1 where none are given. Raises ValueError where they do not pair up."""
    if not weights:
        return (1 / len(layers),) * len(layers)
    if len(weights) != len(layers):
        raise ValueError(f"layer_weights has {len(weights)} numbers for {len(layers)} layers: write one for each, or none")
    return tuple(weights)
