"""Filters whose results are drawings: they are worked out for the whole picture, and come as SVG too."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ..ops.padding import same_size
from ..progress import Progress, silent
from .areas import Areas
from .filters import (
    AnisotropicKuwahara,
    Cartoon,
    Filter,
    Halftone,
    Kuwahara,
    LineIntegral,
    Oil,
    Pencil,
    Scale,
    Watercolor,
    XDoG,
)
from .hatching import hatching
from .low_poly import low_poly
from .mosaic import mosaic
from .orientation import orientation_of
from .raster import render
from .stipple import stipple
from .strokes import Strokes
from .svg import strokes_to_svg

LONGEST = 2048  # pixels of the picture that lines are drawn from


@dataclass(frozen=True)
class Drawing(Filter):
    """A filter that makes strokes or areas."""

    @abstractmethod
    def draw(self, rgb: Tensor, scale: Scale, progress: Progress = silent) -> Strokes | Areas:
        """Of a picture [1, 3, H, W] in 0..1."""

    def halo(self, scale: Scale) -> int:
        return 0

    def strip(self, rgb: Tensor, top: int, facts: Any, scale: Scale) -> Tensor:
        return self.apply(rgb, scale)

    def apply(self, rgb: Tensor, scale: Scale, rows: int = 0, progress: Progress = silent) -> Tensor:
        def first(done: int, total: int, preview: Tensor | None = None) -> None:
            progress(done, 2 * total, preview)

        def second(done: int, total: int, preview: Tensor | None = None) -> None:
            progress(total + done, 2 * total, preview)

        drawing = self.draw(rgb, scale, first)
        made = render(drawing, progress=second) if isinstance(drawing, Strokes) else drawing.render(second)
        return made.to(rgb)

    def svg(self, rgb: Tensor, scale: Scale) -> str | None:
        drawing = self.draw(rgb, scale)
        return strokes_to_svg(drawing) if isinstance(drawing, Strokes) else drawing.svg()


@dataclass(frozen=True)
class Stipple(Drawing):
    """See stipple.stipple."""

    dots: int = 12000
    dot_size: float = 0.9
    contrast: float = 1.5
    rounds: int = 20
    colored: bool = False
    looks = {
        "pen": {},
        "fine pen": {"dots": 30000, "rounds": 12},
        "loose": {"dots": 5000, "dot_size": 0.8},
        "colored dots": {"colored": True, "dots": 15000, "dot_size": 1.1},
    }

    def draw(self, rgb: Tensor, scale: Scale, progress: Progress = silent) -> Strokes:
        return stipple(rgb, self.dots, self.rounds, self.dot_size, scale.seed, self.colored, self.contrast, progress)


@dataclass(frozen=True)
class Hatching(Drawing):
    """See hatching.hatching. spacing, length and line_width in units; straight: at `angle` instead of along the forms."""

    spacing: float = 4.5
    length: float = 50.0
    line_width: float = 0.5
    layers: int = 4
    straight: bool = False
    angle: float = 35.0
    colored: bool = False
    looks = {
        "form lines": {},
        "engraving": {"straight": True, "spacing": 3.6, "line_width": 0.42, "length": 80.0},
        "ballpoint": {"spacing": 3.5, "length": 28.0, "line_width": 0.4},
        "colored lines": {"colored": True, "spacing": 4.0, "line_width": 0.7},
    }

    def draw(self, rgb: Tensor, scale: Scale, progress: Progress = silent) -> Strokes:
        height, width = rgb.shape[-2:]
        factor = min(1.0, LONGEST / max(height, width))
        small = rgb if factor == 1 else same_size(rgb, round(height * factor), round(width * factor))
        unit = scale.unit * factor
        field = orientation_of(small, max(1.0, 7 * unit))
        lines = hatching(
            small,
            field,
            self.spacing * unit,
            self.length * unit,
            self.line_width * unit,
            self.layers,
            self.angle if self.straight else None,
            self.colored,
            scale.seed,
        )
        progress(1, 1)
        return lines.resized(height, width)


@dataclass(frozen=True)
class LowPoly(Drawing):
    """See low_poly.low_poly."""

    points: int = 1500
    detail: float = 0.8
    looks = {"facets": {}, "few": {"points": 350}, "many": {"points": 6000, "detail": 0.85}, "even": {"detail": 0.0}}

    def draw(self, rgb: Tensor, scale: Scale, progress: Progress = silent) -> Areas:
        found = low_poly(rgb, self.points, self.detail, scale.seed)
        progress(1, 1)
        return found


@dataclass(frozen=True)
class Mosaic(Drawing):
    """See mosaic.mosaic. stone in units."""

    stone: float = 13.0
    gap: float = 0.14
    looks = {"stones": {}, "small stones": {"stone": 8.0}, "large stones": {"stone": 22.0}}

    def draw(self, rgb: Tensor, scale: Scale, progress: Progress = silent) -> Areas:
        return mosaic(rgb, max(3.0, self.stone * scale.unit), self.gap, seed=scale.seed, progress=progress)


FILTERS: dict[str, type[Filter]] = {
    "anisotropic kuwahara": AnisotropicKuwahara,
    "kuwahara": Kuwahara,
    "oil": Oil,
    "watercolor": Watercolor,
    "cartoon": Cartoon,
    "xdog": XDoG,
    "pencil": Pencil,
    "hatching": Hatching,
    "stipple": Stipple,
    "halftone": Halftone,
    "low poly": LowPoly,
    "mosaic": Mosaic,
    "line integral": LineIntegral,
}
