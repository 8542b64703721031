"""The filters by name, each with its settings, its looks, and what it reads beyond a strip.

Sizes are in units: a thousandth of the picture's longer side, times the person's `size`, so that a look is the same for a small picture
and for a print.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from math import ceil
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from ..ops.padding import same_size
from ..progress import Progress, silent
from . import cartoon, halftone, pencil, streamlines, watercolor, xdog
from .kuwahara import Ellipse, anisotropic_kuwahara, kuwahara
from .levels import Levels
from .noise import value_noise
from .oil import oil
from .orientation import orientation_of, reach
from .smoothing import luma
from .strips import in_strips

SIDE_OF_UNITS = 1000
BROADEST_ELLIPSE = 8.0  # pixels; broader ones are worked at a smaller size
TOGETHER = 4  # pictures at once in a strip


@dataclass(frozen=True)
class Scale:
    """unit: pixels. seed: of what is drawn by chance."""

    unit: float = 1.0
    seed: int = 0

    @staticmethod
    def of(height: int, width: int, size: float = 1.0, seed: int = 0) -> Scale:
        """For a picture, with the person's factor."""
        return Scale(max(0.3, size * max(height, width) / SIDE_OF_UNITS), seed)

    def pixels(self, units: float, least: int = 1) -> int:
        """Whole pixels."""
        return max(least, round(units * self.unit))


@dataclass(frozen=True)
class Filter(ABC):
    """Settings of one filter. looks: settings that look good at once, by name; the first is the usual one."""

    looks: ClassVar[dict[str, dict[str, Any]]] = {}

    @abstractmethod
    def halo(self, scale: Scale) -> int:
        """Pixels beyond a strip that are read."""

    def facts(self, rgb: Tensor) -> Any:
        """What has to be known of a whole picture [1, 3, H, W]."""
        return None

    @abstractmethod
    def strip(self, rgb: Tensor, top: int, facts: Any, scale: Scale) -> Tensor:
        """Rows of a picture from `top` on, [B, 3, h, W] -> the same size, of three channels or one."""

    def apply(self, rgb: Tensor, scale: Scale, rows: int = 0, progress: Progress = silent) -> Tensor:
        """A picture [1, 3, H, W] in 0..1 -> the same, strip by strip (rows of each; 0 for about a million pixels)."""
        facts = self.facts(rgb)
        made = in_strips(lambda x, top: self.strip(x, top, facts, scale), rgb, self.halo(scale), rows, progress)
        return made.clamp(0, 1).expand(-1, 3, -1, -1)

    def svg(self, rgb: Tensor, scale: Scale) -> str | None:
        """A picture [1, 3, H, W] as SVG; None for what is no drawing."""
        return None

    @classmethod
    def look(cls, name: str, **settings: Any) -> Filter:
        """By the name of a look, or "custom" with settings of one's own. Raises ValueError for other names."""
        if name == "custom":
            known = {field.name for field in fields(cls)}
            return cls(**{key: value for key, value in settings.items() if key in known})
        if name not in cls.looks:
            raise ValueError(f"look {name!r} is none of this filter's: choose one of {', '.join(cls.looks)}")
        return cls(**cls.looks[name])


@dataclass(frozen=True)
class Kuwahara(Filter):
    """See kuwahara.kuwahara."""

    radius: float = 5.0
    looks = {"standard": {}, "fine": {"radius": 3.0}, "bold": {"radius": 9.0}}

    def halo(self, scale: Scale) -> int:
        return scale.pixels(self.radius)

    def strip(self, rgb: Tensor, top: int, facts: Any, scale: Scale) -> Tensor:
        return kuwahara(rgb, scale.pixels(self.radius))


@dataclass(frozen=True)
class AnisotropicKuwahara(Filter):
    """See kuwahara.anisotropic_kuwahara. exact: weights of every pixel's own direction."""

    radius: float = 7.0
    roundness: float = 1.0
    sharpness: float = 8.0
    smoothness: float = 2.0
    exact: bool = False
    looks = {
        "painted": {},
        "fine brush": {"radius": 4.5},
        "broad brush": {"radius": 13.0, "sharpness": 10.0, "smoothness": 3.5},
        "gouache": {"radius": 10.0, "sharpness": 16.0, "roundness": 2.0},
    }

    def _ellipse(self, scale: Scale, smaller: int) -> Ellipse:
        radius = max(1.5, self.radius * scale.unit / smaller)
        return Ellipse(radius, self.roundness, self.sharpness, max(1.0, self.smoothness * scale.unit / smaller))

    def _smaller(self, scale: Scale) -> int:
        return 1 if self.exact else max(1, ceil(self.radius * scale.unit / BROADEST_ELLIPSE))

    def halo(self, scale: Scale) -> int:
        return self._ellipse(scale, self._smaller(scale)).halo

    def strip(self, rgb: Tensor, top: int, facts: Any, scale: Scale) -> Tensor:
        e = self._ellipse(scale, self._smaller(scale))
        return anisotropic_kuwahara(rgb, e.radius, e.alpha, e.sharpness, e.sigma, self.exact)

    def apply(self, rgb: Tensor, scale: Scale, rows: int = 0, progress: Progress = silent) -> Tensor:
        """Broad ellipses at a smaller size, since areas without detail lose nothing by it and edges a pixel or two."""
        smaller = self._smaller(scale)
        if smaller == 1:
            return super().apply(rgb, scale, rows, progress)
        height, width = rgb.shape[-2:]
        made = super().apply(same_size(rgb, -(-height // smaller), -(-width // smaller)), scale, rows, progress)
        return F.interpolate(made, (height, width), mode="bicubic", align_corners=False).clamp(0, 1)


@dataclass(frozen=True)
class XDoG(Filter):
    """See xdog. Brightness is stretched first. along_lines: along the picture's lines; color: how much of the photograph's own."""

    sigma: float = 1.2
    edge_strength: float = 22.0
    threshold: float = 0.5
    hardness: float = 12.0
    along_lines: bool = True
    color: float = 0.0
    looks = {
        "ink": {},
        "woodcut": {"sigma": 2.2, "edge_strength": 45.0, "hardness": 60.0, "threshold": 0.45},
        "charcoal": {"sigma": 1.6, "edge_strength": 14.0, "hardness": 2.0, "threshold": 0.75, "along_lines": False},
        "pastel": {"sigma": 1.5, "edge_strength": 12.0, "hardness": 1.6, "threshold": 0.8, "color": 1.0},
        "thresholded photo": {"sigma": 2.5, "edge_strength": 3.0, "hardness": 30.0, "threshold": 0.5, "along_lines": False},
    }

    def _sigma(self, scale: Scale) -> float:
        return max(0.5, self.sigma * scale.unit)

    def halo(self, scale: Scale) -> int:
        if not self.along_lines:
            return xdog.halo(self._sigma(scale))
        return xdog.flow_halo(self._sigma(scale), xdog.RATIO, 2.3 * scale.unit, 3.0 * scale.unit, scale.unit)

    def facts(self, rgb: Tensor) -> Levels:
        return Levels.of(rgb)

    def strip(self, rgb: Tensor, top: int, facts: Levels, scale: Scale) -> Tensor:
        gray = facts.stretched(luma(rgb)).expand(-1, 3, -1, -1)
        tone = (self._sigma(scale), xdog.RATIO, self.edge_strength, self.threshold, self.hardness)
        drawn = (
            xdog.flow_xdog(gray, *tone, 2.3 * scale.unit, 3 * scale.unit, scale.unit)
            if self.along_lines
            else xdog.xdog(gray, *tone)
        )
        if not self.color:
            return drawn
        light = (rgb + 0.25 * (1 - rgb)).clamp(0, 1)
        return torch.lerp(drawn.expand_as(rgb), light * (0.25 + 0.75 * drawn), self.color)


@dataclass(frozen=True)
class Cartoon(Filter):
    """See cartoon.cartoon."""

    smoothing: int = 4
    steps: int = 8
    lines: float = 0.85
    line_width: float = 1.1
    saturation: float = 1.2
    looks = {
        "comic": {},
        "flat color": {"lines": 0.0, "steps": 6, "smoothing": 6},
        "soft": {"steps": 0, "lines": 0.5, "saturation": 1.05},
        "bold lines": {"line_width": 1.9, "lines": 1.0, "steps": 6, "saturation": 1.35},
    }

    def _sizes(self, scale: Scale) -> tuple[float, float]:
        return max(1.0, 2.5 * scale.unit), max(0.5, self.line_width * scale.unit)

    def halo(self, scale: Scale) -> int:
        return cartoon.halo(self.smoothing, *self._sizes(scale))

    def strip(self, rgb: Tensor, top: int, facts: Any, scale: Scale) -> Tensor:
        sigma, width = self._sizes(scale)
        return cartoon.cartoon(rgb, self.smoothing, sigma, cartoon.RANGE, self.steps, width, self.lines, self.saturation)


@dataclass(frozen=True)
class Oil(Filter):
    """See oil.oil."""

    radius: float = 5.0
    levels: int = 16
    looks = {"oil": {}, "fine": {"radius": 3.0, "levels": 24}, "thick": {"radius": 9.0, "levels": 10}}

    def halo(self, scale: Scale) -> int:
        return scale.pixels(self.radius)

    def strip(self, rgb: Tensor, top: int, facts: Any, scale: Scale) -> Tensor:
        return oil(rgb, scale.pixels(self.radius), self.levels)


@dataclass(frozen=True)
class Watercolor(Filter):
    """See watercolor.watercolor."""

    flow: float = 0.5
    edges: float = 0.9
    paper: float = 0.22
    wobble: float = 1.0
    wash: float = 0.2
    looks = {
        "watercolor": {},
        "wet": {"flow": 1.0, "edges": 1.3, "wobble": 2.2, "wash": 0.35, "paper": 0.15},
        "dry paper": {"paper": 0.55, "flow": 0.3, "edges": 0.6, "wobble": 0.6},
    }

    def halo(self, scale: Scale) -> int:
        return watercolor.halo(scale.unit, self.wobble)

    def strip(self, rgb: Tensor, top: int, facts: Any, scale: Scale) -> Tensor:
        return watercolor.watercolor(rgb, top, scale.unit, self.flow, self.edges, self.paper, self.wobble, self.wash, scale.seed)


@dataclass(frozen=True)
class Pencil(Filter):
    """See pencil.pencil. length: of strokes, in units."""

    length: float = 16.0
    strokes: float = 1.0
    shading: float = 0.8
    color: float = 0.0
    dark: bool = False
    looks = {
        "graphite": {},
        "outlines": {"shading": 0.15, "strokes": 1.4},
        "soft pencil": {"dark": True, "shading": 1.2, "strokes": 1.3},
        "colored pencils": {"color": 1.0, "shading": 0.7},
    }

    def _half(self, scale: Scale) -> int:
        return scale.pixels(self.length / 2, 2)

    def halo(self, scale: Scale) -> int:
        return pencil.halo(max(0.6, 0.8 * scale.unit), self._half(scale))

    def facts(self, rgb: Tensor) -> pencil.Tone:
        return pencil.Tone.of(rgb, "dark" if self.dark else "light")

    def strip(self, rgb: Tensor, top: int, facts: pencil.Tone, scale: Scale) -> Tensor:
        unit = max(0.6, 0.8 * scale.unit)
        # Slopes of large pictures are spread over more pixels: lines get as much of them.
        strength = self.strokes * max(1.0, scale.unit)
        return pencil.pencil(rgb, facts, top, unit, self._half(scale), strength, self.shading, self.color, scale.seed)


@dataclass(frozen=True)
class Halftone(Filter):
    """See halftone.halftone. cell in units."""

    cell: float = 7.0
    inks: str = "color"
    pure_inks: bool = False
    angle: float = 45.0
    looks = {
        "comic print": {},
        "newspaper": {"inks": "black", "cell": 6.0},
        "pop art": {"cell": 14.0, "pure_inks": True},
        "fine print": {"cell": 4.0},
    }

    def _cell(self, scale: Scale) -> float:
        return max(2.5, self.cell * scale.unit)

    def halo(self, scale: Scale) -> int:
        return halftone.halo(self._cell(scale))

    def strip(self, rgb: Tensor, top: int, facts: Any, scale: Scale) -> Tensor:
        return halftone.halftone(rgb, top, self._cell(scale), self.inks, self.pure_inks, self.angle)

    def svg(self, rgb: Tensor, scale: Scale) -> str | None:
        return halftone.halftone_svg(rgb, self._cell(scale), self.inks, self.pure_inks, self.angle)


@dataclass(frozen=True)
class LineIntegral(Filter):
    """Colors run along the picture's lines (Cabral and Leedom 1993), with the traces of a brush from noise that runs with them.

    length in units; relief: how strong the traces are.
    """

    length: float = 24.0
    relief: float = 0.35
    smoothness: float = 5.0
    looks = {
        "flowing": {},
        "swirls": {"length": 40.0, "relief": 0.8, "smoothness": 9.0},
        "wet brush": {"length": 16.0, "relief": 0.0, "smoothness": 3.0},
    }

    def _sigma(self, scale: Scale) -> float:
        return max(1.0, self.smoothness * scale.unit)

    def halo(self, scale: Scale) -> int:
        return streamlines.integral_reach(self.length * scale.unit) + reach(self._sigma(scale))

    def strip(self, rgb: Tensor, top: int, facts: Any, scale: Scale) -> Tensor:
        field = orientation_of(rgb, self._sigma(scale)).tangent
        noise = value_noise(rgb.shape[2], rgb.shape[3], top, max(1.0, 1.2 * scale.unit), scale.seed, rgb.device).to(rgb)
        both = torch.cat([rgb, noise.expand(rgb.shape[0], -1, -1, -1)], 1)
        found = streamlines.line_integral(both, field, self.length * scale.unit)
        trace = (found[:, 3:] - 0.5) * (2.5 * self.relief)
        return found[:, :3] * (1 + trace)
