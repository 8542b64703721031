"""Halftone: dots on turned grids, as large as the ink is dense, one grid for each ink."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import acos, ceil, cos, pi, radians, sin, sqrt

import torch
from torch import Tensor

from .smoothing import box_mean, luma
from .svg import document

ANGLES = {"cyan": 15.0, "magenta": 75.0, "yellow": 0.0, "black": 45.0}
INKS = {"cyan": (0.0, 1.0, 1.0), "magenta": (1.0, 0.0, 1.0), "yellow": (1.0, 1.0, 0.0), "black": (0.0, 0.0, 0.0)}
REAL_INKS = {"cyan": (0.0, 0.63, 0.87), "magenta": (0.87, 0.0, 0.5), "yellow": (1.0, 0.93, 0.0), "black": (0.11, 0.1, 0.1)}
STEPS = 1024
CORNER = sqrt(0.5)


def area(radius: float) -> float:
    """Of a unit cell that a dot around its middle covers."""
    if radius <= 0.5:
        return pi * radius * radius
    if radius >= CORNER:
        return 1.0
    return pi * radius**2 - 4 * (radius**2 * acos(0.5 / radius) - 0.5 * sqrt(radius**2 - 0.25))


@cache
def radii() -> Tensor:
    """Radius, in cells, of a dot that covers 0, 1/1024, ... of its cell."""
    found = []
    for step in range(STEPS + 1):
        low, high = 0.0, CORNER
        for _ in range(40):
            middle = (low + high) / 2
            low, high = (middle, high) if area(middle) < step / STEPS else (low, middle)
        found.append(high)
    found[0] = 0.0
    return torch.tensor(found)


def radius_for(ink: Tensor) -> Tensor:
    """Ink in 0..1 -> radius in cells."""
    table = radii().to(ink)
    at = ink.clamp(0, 1) * STEPS
    low = at.floor().long().clamp_max(STEPS - 1)
    return torch.lerp(table[low], table[low + 1], at - low)


def separated(rgb: Tensor, inks: tuple[str, ...]) -> dict[str, Tensor]:
    """How dense each ink is, [B, 1, H, W] in 0..1. Black alone takes brightness; with others it takes their common part."""
    if inks == ("black",):
        return {"black": 1 - luma(rgb)}
    missing = 1 - rgb
    black = missing.amin(1, keepdim=True).square() if "black" in inks else torch.zeros_like(rgb[:, :1])
    rest = (missing - black) / (1 - black).clamp_min(1e-3)
    found = dict(zip(("cyan", "magenta", "yellow"), rest.clamp(0, 1).split(1, 1), strict=True))
    return {**{name: value for name, value in found.items() if name in inks}, **({"black": black} if "black" in inks else {})}


@dataclass(frozen=True)
class Screen:
    """A grid of cells of `cell` pixels, turned by `angle` degrees, with a dot in each."""

    cell: float
    angle: float

    def cover(self, ink: Tensor, top: int = 0) -> Tensor:
        """How far dots cover each pixel, [B, 1, H, W], of rows from `top` on of a picture. Dots of the nine nearest cells are looked at."""
        height, width = ink.shape[-2:]
        mean = box_mean(ink, max(0, round(self.cell / 2)))
        c, s = cos(radians(self.angle)), sin(radians(self.angle))
        y = torch.arange(height, device=ink.device, dtype=torch.float64)[:, None] + 0.5 + top
        x = torch.arange(width, device=ink.device, dtype=torch.float64)[None] + 0.5
        u, v = (x * c + y * s) / self.cell, (y * c - x * s) / self.cell
        column, row = u.floor(), v.floor()
        found = torch.zeros_like(ink)
        for i in (-1, 0, 1):
            for j in (-1, 0, 1):
                a, b = column + 0.5 + j, row + 0.5 + i
                center_x, center_y = (a * c - b * s) * self.cell, (a * s + b * c) * self.cell
                at_x = center_x.floor().long().clamp(0, width - 1)
                at_y = (center_y.floor().long() - top).clamp(0, height - 1)
                radius = self.cell * radius_for(mean[:, :, at_y, at_x])
                away = (((u - a).square() + (v - b).square()).sqrt() * self.cell).to(ink)
                found = torch.maximum(found, (radius + 0.5 - away).clamp(0, 1) * (2 * radius).clamp_max(1))
        return found

    def dots(self, ink: Tensor) -> Tensor:
        """[n, 3]: column, row and radius in pixels of all dots on a picture's ink [1, 1, H, W]."""
        height, width = ink.shape[-2:]
        mean = box_mean(ink, max(0, round(self.cell / 2)))
        c, s = cos(radians(self.angle)), sin(radians(self.angle))
        reach = ceil((height + width) / self.cell) + 2
        at = torch.arange(-reach, reach, dtype=torch.float64, device=ink.device) + 0.5
        a, b = torch.meshgrid(at, at, indexing="xy")
        x, y = ((a * c - b * s) * self.cell).flatten(), ((a * s + b * c) * self.cell).flatten()
        near = (x > -self.cell) & (x < width + self.cell) & (y > -self.cell) & (y < height + self.cell)
        x, y = x[near], y[near]
        radius = self.cell * radius_for(mean[0, 0, y.floor().long().clamp(0, height - 1), x.floor().long().clamp(0, width - 1)])
        return torch.stack([x, y, radius.double()], 1)[radius > 0.01]


def inks_of(colors: str) -> tuple[str, ...]:
    """Which inks "color" and "black" take."""
    return ("cyan", "magenta", "yellow", "black") if colors == "color" else ("black",)


def halftone(
    rgb: Tensor, top: int = 0, cell: float = 8.0, colors: str = "color", pure: bool = True, angle: float = 45.0
) -> Tensor:
    """[B, 3, H, W], rows of a picture from `top` on -> printed with dots. cell in pixels; colors: "color" for four inks at the usual
    angles, "black" for one at `angle`; pure: ideal inks, else those of a press.
    """
    table = INKS if pure else REAL_INKS
    inks = separated(rgb, inks_of(colors))
    printed = torch.ones_like(rgb)
    for name, ink in inks.items():
        cover = Screen(cell, angle if len(inks) == 1 else ANGLES[name]).cover(ink, top)
        printed = printed * (1 - cover * (1 - rgb.new_tensor(table[name]).view(1, 3, 1, 1)))
    return printed


def halftone_svg(rgb: Tensor, cell: float = 8.0, colors: str = "color", pure: bool = True, angle: float = 45.0) -> str:
    """The same of a picture [1, 3, H, W] as circles, inks multiplied."""
    height, width = rgb.shape[-2:]
    table = INKS if pure else REAL_INKS
    lines = [f'<rect width="{width}" height="{height}" fill="#ffffff"/>']
    inks = separated(rgb, inks_of(colors))
    for name, ink in inks.items():
        red, green, blue = (round(255 * part) for part in table[name])
        lines.append(f'<g fill="#{red:02x}{green:02x}{blue:02x}" style="mix-blend-mode:multiply">')
        for x, y, radius in Screen(cell, angle if len(inks) == 1 else ANGLES[name]).dots(ink).tolist():
            lines.append(f'<circle cx="{x:.2f}" cy="{y:.2f}" r="{radius:.2f}"/>')
        lines.append("</g>")
    return document(width, height, lines)


def halo(cell: float) -> int:
    """How far `halftone` reads."""
    return ceil(cell * 2.2) + round(cell / 2) + 2
