"""Strokes and areas as SVG, in the order in which they are painted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from .strokes import Strokes


def strokes_to_svg(strokes: Strokes) -> str:
    """An SVG of the strokes with round ends: curves as they are, layers as groups with their opacity."""
    background = [] if strokes.background is None else [ground(strokes.width, strokes.height, strokes.background)]
    lines = [*background]
    colors, radii = hex_colors(strokes.color), strokes.radius.tolist()
    counts = strokes.counts.tolist()
    curved = strokes.curved and strokes.points.shape[1] > 1
    bezier = strokes.beziers().cpu() if curved else None
    points = strokes.points.cpu()
    for number, opacity in enumerate(strokes.opacity):
        lines.append(f'<g fill="none" stroke-linecap="round" stroke-linejoin="round" opacity="{opacity:g}">')
        for i in torch.nonzero(strokes.layer.cpu() == number)[:, 0].tolist():
            n = counts[i]
            x, y = points[i, 0].tolist()
            if n == 1:
                lines.append(f'<circle cx="{x:.2f}" cy="{y:.2f}" r="{radii[i]:.2f}" fill="{colors[i]}"/>')
                continue
            if bezier is not None:
                rest = "".join(
                    f"C{b[1][0]:.2f} {b[1][1]:.2f} {b[2][0]:.2f} {b[2][1]:.2f} {b[3][0]:.2f} {b[3][1]:.2f}"
                    for b in bezier[i, : n - 1].tolist()
                )
            else:
                rest = "".join(f"L{px:.2f} {py:.2f}" for px, py in points[i, 1:n].tolist())
            lines.append(f'<path d="M{x:.2f} {y:.2f}{rest}" stroke="{colors[i]}" stroke-width="{2 * radii[i]:.2f}"/>')
        lines.append("</g>")
    return document(strokes.width, strokes.height, lines)


def areas_to_svg(width: int, height: int, areas: Sequence[Tensor], colors: Tensor, background: Tensor | None) -> str:
    """An SVG of polygons [k, 2] (right, down), each with its color [n, 3]; a hair of the same color closes the gaps between them."""
    lines = [] if background is None else [ground(width, height, background)]
    seam = "" if background is not None else ' stroke-width="0.6" stroke-linejoin="round"'
    for area, color in zip(areas, hex_colors(colors), strict=True):
        corners = " ".join(f"{x:.2f},{y:.2f}" for x, y in area.tolist())
        edge = f' stroke="{color}"' if seam else ""
        lines.append(f'<polygon points="{corners}" fill="{color}"{edge}{seam}/>')
    return document(width, height, lines)


def ground(width: int, height: int, color: Tensor) -> str:
    """A rectangle of one color."""
    return f'<rect width="{width}" height="{height}" fill="{hex_colors(color[None])[0]}"/>'


def hex_colors(colors: Tensor) -> list[str]:
    """[n, 3] in 0..1 -> "#rrggbb"."""
    numbers = (colors.detach().clamp(0, 1) * 255).round().long().cpu()
    packed = numbers[:, 0] * 65536 + numbers[:, 1] * 256 + numbers[:, 2]
    return [f"#{number:06x}" for number in packed.tolist()]


def document(width: int, height: int, lines: Iterable[str]) -> str:
    """A whole file."""
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
    return "\n".join([head, *lines, "</svg>", ""])
