"""Curved brush strokes in layers from broad to fine: Hertzmann 1998, Painterly Rendering with Curved Brush Strokes of Multiple Sizes.

The paper's strokes are tested against the canvas before their layer, so all strokes of a layer are independent of each other and
grow together, step by step, as one batch.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from ..progress import Progress, glance, silent
from .brushes import Brush
from .jitter import Jitter
from .orientation import Orientation
from .raster import render
from .smoothing import gaussian, sobel
from .strokes import Strokes, joined

BRIGHTNESS = (0.30, 0.59, 0.11)
PAPER_SIDE = 500  # pixels of the paper's pictures, to which its radii belong
FARTHEST = 1e4
THRESHOLD_OF_BARE = 1e3


@dataclass(frozen=True)
class StrokeStyle:
    """The paper's settings. threshold T: how far, of 255, the canvas may be from the picture; radii from broad to fine, in pixels of a
    picture of about 500; curvature fc: 1 follows the picture, 0 goes straight on; blur fs and grid fg: times the radius; shortest and
    longest: in control points; opacity alpha: of each layer; jitter: of colors.
    """

    threshold: float = 100.0
    radii: tuple[float, ...] = (8.0, 4.0, 2.0)
    curvature: float = 1.0
    blur: float = 0.5
    opacity: float = 1.0
    grid: float = 1.0
    shortest: int = 4
    longest: int = 16
    jitter: Jitter = Jitter()


STYLES: dict[str, StrokeStyle] = {
    "impressionist": StrokeStyle(),
    "expressionist": StrokeStyle(50.0, (8, 4, 2), 0.25, 0.5, 0.7, 1.0, 10, 16, Jitter(value=0.5)),
    "colorist wash": StrokeStyle(200.0, (8, 4, 2), 1.0, 0.5, 0.5, 1.0, 4, 16, Jitter(red=0.3, green=0.3, blue=0.3)),
    "pointillist": StrokeStyle(100.0, (4, 2), 1.0, 0.5, 1.0, 0.5, 0, 0, Jitter(value=1.0, hue=0.3)),
}


@dataclass(frozen=True)
class Reference:
    """What a layer is painted from: the blurred picture [1, 3, H, W] in 0..255 and the way strokes are to go [2, H, W]."""

    picture: Tensor
    direction: Tensor


@dataclass(frozen=True)
class Painting:
    """Strokes, and the picture [1, 3, H, W] in 0..1 that they are at the size they were made at."""

    strokes: Strokes
    picture: Tensor


def paint(
    rgb: Tensor,
    style: StrokeStyle,
    seed: int = 0,
    field: Orientation | None = None,
    canvas: Tensor | None = None,
    brush: Brush | None = None,
    progress: Progress = silent,
) -> Painting:
    """A picture [1, 3, H, W] in 0..1 in strokes. Radii are in pixels of this picture: scale a style with `scaled` for others.

    field: the way strokes go, in place of across the slopes of brightness. canvas: what is painted on already; only places that differ
    from it get strokes. Else they lie on the picture's mean color.
    """
    target = 255 * rgb
    ground = rgb.mean((0, 2, 3))
    picture = ground.view(1, 3, 1, 1).expand_as(rgb) if canvas is None else canvas
    # The paper begins with a color that is farther than the threshold from every other.
    shown = torch.full_like(target, FARTHEST) if canvas is None else 255 * canvas
    chance = torch.Generator().manual_seed(seed)
    layers: list[Strokes] = []
    for number, radius in enumerate(style.radii):
        reference = reference_of(target, radius, style, field)
        starts = seeds(reference.picture, shown, radius, style)
        order = torch.randperm(len(starts), generator=chance)
        starts = starts[order.to(starts.device)]
        points, counts = grow(starts, reference, shown, radius, style)
        color = reference.picture[0][:, starts[:, 0], starts[:, 1]].T / 255
        layer = Strokes(
            *rgb.shape[-2:],
            points=points.flip(2) + 0.5,
            counts=counts,
            radius=torch.full((len(starts),), float(radius), device=rgb.device, dtype=rgb.dtype),
            color=style.jitter.apply(color, chance),
            layer=torch.zeros_like(counts),
            opacity=(style.opacity if canvas is not None or number else 1.0,),
            background=ground if canvas is None else None,
        )
        layers.append(layer)
        picture = render(layer, picture, brush)
        bare = shown[:, :1] > THRESHOLD_OF_BARE
        untouched = bare & (picture == ground.view(1, 3, 1, 1)).all(1, keepdim=True)
        shown = torch.where(untouched, FARTHEST, 255 * picture)
        progress(number + 1, len(style.radii), glance(picture))
    return Painting(joined(layers), picture)


def reference_of(target: Tensor, radius: float, style: StrokeStyle, field: Orientation | None) -> Reference:
    """The picture blurred for a radius, and across its slopes (or along the field) the way to go, of no meaningful sign or length."""
    picture = gaussian(target, style.blur * radius)
    if field is not None:
        return Reference(picture, field.tangent[0])
    weights = picture.new_tensor(BRIGHTNESS).view(1, 3, 1, 1)
    right, down = sobel((picture * weights).sum(1, keepdim=True))
    return Reference(picture, torch.cat([-down, right], 1)[0])


def seeds(picture: Tensor, shown: Tensor, radius: float, style: StrokeStyle) -> Tensor:
    """Where strokes begin, [n, 2] (row, column): the pixel of the largest difference of every cell whose mean difference is above the
    threshold. Cells of side grid x radius lie around the points of a grid.
    """
    side = max(1, round(style.grid * radius))
    difference = (shown - picture).square().sum(1).sqrt()[0]
    height, width = difference.shape
    before = side // 2
    rows, columns = -(-height // side), -(-width // side)
    framed = F.pad(
        difference, (before, max(0, columns * side - width - before), before, max(0, rows * side - height - before)), value=-1
    )
    framed = framed[: rows * side, : columns * side]
    cells = framed.unfold(0, side, side).unfold(1, side, side).reshape(rows * columns, -1)
    error = cells.clamp_min(0).sum(1) / side**2
    found = torch.nonzero(error > style.threshold)[:, 0]
    at = cells[found].argmax(1)
    row = found // columns * side + at // side - before
    column = found % columns * side + at % side - before
    return torch.stack([row, column], 1)


def grow(starts: Tensor, reference: Reference, shown: Tensor, radius: float, style: StrokeStyle) -> tuple[Tensor, Tensor]:
    """Control points [n, longest + 1, 2] (row, column), the last one repeated, and how many each stroke has [n]."""
    height, width = shown.shape[-2:]
    picture, canvas = reference.picture[0].flatten(1).T.contiguous(), shown[0].flatten(1).T.contiguous()
    ways = reference.direction.flatten(1).T.contiguous()
    at = starts.to(picture.dtype)
    color = picture[starts[:, 0] * width + starts[:, 1]]
    last = torch.zeros_like(at)
    alive = torch.ones(len(at), dtype=torch.bool, device=at.device)
    counts, points = torch.ones(len(at), dtype=torch.long, device=at.device), [at]
    for step in range(1, style.longest + 1):
        pixel = (at + 0.5).floor().long()
        index = pixel[:, 0] * width + pixel[:, 1]
        here = picture[index]
        if step > style.shortest:
            # The canvas is nearer to the picture than this stroke's color is.
            alive = alive & ((here - canvas[index]).norm(dim=1) >= (here - color).norm(dim=1))
        way = ways[index].flip(1)
        length = way.norm(dim=1, keepdim=True)
        alive = alive & (length[:, 0] > 0)
        way = way / length.clamp_min(1e-12)
        way = torch.where((way * last).sum(1, keepdim=True) < 0, -way, way)
        if step > 1:
            way = style.curvature * way + (1 - style.curvature) * last
            way = way / way.norm(dim=1, keepdim=True).clamp_min(1e-12)
        ahead = at + radius * way
        inner = (ahead + 0.5).floor()
        alive = alive & (inner >= 0).all(1) & (inner[:, 0] < height) & (inner[:, 1] < width)
        at = torch.where(alive[:, None], ahead, at)
        last = torch.where(alive[:, None], way, last)
        counts = counts + alive
        points.append(at)
        if not bool(alive.any()):
            break
    return torch.stack(points, 1), counts


def scaled(style: StrokeStyle, height: int, width: int, size: float = 1.0) -> StrokeStyle:
    """With radii for a picture of this size, times `size`; none below half a pixel."""
    factor = size * max(height, width) / PAPER_SIDE
    return replace(style, radii=tuple(max(0.5, radius * factor) for radius in style.radii))
