"""Generators: what every network that makes pictures from styles offers."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch import compile as faster  # under its own name the registry takes it for the built-in that makes code

from .mapping import MappingNetwork
from .noise import Noise

Group = Literal["coarse", "middle", "fine"]
COARSE_TO, MIDDLE_TO, ALL_ROWS = 4, 8, 18  # of 1024 px, Karras et al. 2018, section 3.1
FEWEST_ROWS = 12  # of 128 px


@dataclass(frozen=True)
class Placement:
    """Where StyleGAN3 places the picture: moved by parts of its side, turned by degrees anticlockwise about its middle."""

    right: float = 0.0
    down: float = 0.0
    degrees: float = 0.0


@dataclass(frozen=True)
class StyledLayer:
    """One layer that a row of W drives: its name, the row, and the matrix [channels, style] from W to its style."""

    name: str
    row: int
    matrix: Tensor


class Generator(ABC):
    """ATELIER_GENERATOR. `module` holds every weight, for whoever manages memory.

    latent, label, style: sizes of Z, of the class vector (0 without classes) and of W. rows: of W, one for each layer that is
    driven by itself. resolution: side of the pictures. movable: takes a Placement. noisy: has noise of its own.
    always_noisy: its authors only ever add noise by chance. bytes_per_picture: peak memory of one picture in synthesis.
    notes: what its file does not hold, in sentences.
    """

    name: str
    title: str
    license: str
    module: nn.Module
    mapping: MappingNetwork
    latent: int
    label: int
    style: int
    rows: int
    resolution: int
    movable: bool = False
    noisy: bool = True
    always_noisy: bool = False
    bytes_per_picture: float
    notes: tuple[str, ...] = ()

    @abstractmethod
    def paint(self, ws: Tensor, noise: Noise, placement: Placement | None = None, half: bool = False, side: int = 0) -> Tensor:
        """W [B, rows, style] -> pictures [B, C, H, W] in about -1..1, with gradients where they are wanted.

        C is what the network was trained on: 3, 1 for gray, 4 with an alpha channel (see `three_colors`).
        half: layers of the highest resolutions in half precision, as the authors run them. side: a smaller side suffices.
        """

    @abstractmethod
    def styled_layers(self) -> list[StyledLayer]:
        """Every layer with a style, in order."""

    def noise_shapes(self) -> list[tuple[int, int]]:
        """Height and width of each stored noise map, in the order in which they are used; none where there are none."""
        return []

    def latents(self, seeds: Iterable[int]) -> Tensor:
        """Z [B, latent] of these seeds, by the authors' convention: numpy's RandomState(seed), one picture each."""
        drawn = [np.random.RandomState(seed).randn(1, self.latent) for seed in seeds]
        return torch.from_numpy(np.concatenate(drawn)).float()

    def map(self, z: Tensor, label: Tensor | None = None, psi: float = 1.0, cutoff: int | None = None) -> Tensor:
        """Z [B, latent] and class vectors [B, label] -> W [B, rows, style], truncated as in `truncate`."""
        w = self.mapping(z.to(self.average), None if label is None else label.to(self.average))
        return self.truncate(w[:, None].repeat(1, self.rows, 1), psi, cutoff)

    def truncate(self, ws: Tensor, psi: float, cutoff: int | None = None) -> Tensor:
        """W taken towards its average, w_avg + psi (w - w_avg), in the rows before `cutoff` (Karras et al. 2018, appendix B)."""
        if psi == 1:
            return ws
        rows = ws.shape[1] if cutoff is None else cutoff
        near = torch.lerp(self.average.to(ws), ws[:, :rows], psi)
        return torch.cat([near, ws[:, rows:]], dim=1)

    @property
    def average(self) -> Tensor:
        """The average of W [style]."""
        return self.mapping.w_avg

    def classes(self, number: int, count: int) -> Tensor | None:
        """Class vectors [count, label] of one class; None for a generator without classes. Raises ValueError."""
        if self.label == 0:
            if number >= 0:
                raise ValueError(f"class_label is {number} and {self.title} has no classes: set it to -1")
            return None
        if not 0 <= number < self.label:
            raise ValueError(f"class_label is {number} and {self.title} has classes 0 to {self.label - 1}: choose one of those")
        return F.one_hot(torch.full((count,), number), self.label).float()

    def rows_of(self, group: Group) -> range:
        """Rows of W of the coarse, middle or fine styles: in StyleGAN 4 x 4 to 8 x 8, 16 x 16 to 32 x 32, and above.

        Generators of small pictures have the same parts of their rows.
        """
        scale = 1 if self.rows >= FEWEST_ROWS else self.rows / ALL_ROWS
        first, second = round(COARSE_TO * scale), round(MIDDLE_TO * scale)
        return {"coarse": range(first), "middle": range(first, second), "fine": range(second, self.rows)}[group]

    def compiled(self) -> Generator:
        """The same generator, whose network PyTorch compiles when it first paints."""
        made = copy.copy(self)
        made.paint = faster(self.paint)  # type: ignore[method-assign]
        return made

    def preview(self, ws: Tensor, side: int) -> Tensor:
        """Small pictures [B, 3, side, side] in 0..1 or the next size that is cheap; noise as stored."""
        made = self.paint(ws, Noise("none" if self.always_noisy else "const"), side=side)
        if made.shape[-1] > side:
            made = F.interpolate(made, (side, side), mode="area")
        return in_range(three_colors(made))

    def __repr__(self) -> str:
        return f"Generator({self.title}, {self.resolution} px, W {self.rows} x {self.style}, {self.license})"


def three_colors(pictures: Tensor) -> Tensor:
    """[B, C, H, W] of a network for gray (C of 1 or 2) or for colors, with or without alpha -> [B, 3, H, W], without alpha."""
    return pictures[:, :1].expand(-1, 3, -1, -1) if pictures.shape[1] < 3 else pictures[:, :3]


def alpha_of(pictures: Tensor) -> Tensor | None:
    """The alpha [B, 1, H, W] of gray with alpha or of colors with alpha, None where there is none."""
    return pictures[:, -1:] if pictures.shape[1] in (2, 4) else None


def in_range(pictures: Tensor) -> Tensor:
    """From -1..1 to 0..1, clamped; the input may be overwritten."""
    return pictures.float().add(1).mul_(0.5).clamp_(0, 1)
