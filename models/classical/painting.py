"""A picture painted in strokes by any of the methods, as a person asks for it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from ..ops.color import match_histogram
from ..ops.padding import same_size
from ..progress import Progress, glance, silent
from .brushes import Brush
from .handwriting import Handwriting, measure
from .hertzmann import STYLES, Painting, StrokeStyle, paint, scaled
from .orientation import Orientation, from_angles, orientation, structure_tensor
from .palette import nearest_colors
from .raster import render
from .relaxation import relaxed
from .smoothing import gaussian
from .straight import Lines, Order, ordered_strokes, oriented_lines
from .stroke_video import Painter
from .strokes import Strokes

Direction = Literal["lines", "brightness"]
FromStyle = Literal["nothing", "colors", "palette", "strokes", "strokes and colors", "strokes and palette"]
LONGEST = 1280  # pixels of the picture that strokes are found on; they are painted at any size
SMOOTH = 160  # the field is smoothed over this part of the longer side


@dataclass(frozen=True)
class Curved:
    """Hertzmann's layers."""

    style: StrokeStyle = STYLES["impressionist"]


@dataclass(frozen=True)
class Oriented:
    """Litwinowicz's lines."""

    lines: Lines = Lines()


@dataclass(frozen=True)
class Ordered:
    """Haeberli's: radii and length as `straight.ordered_strokes`, radii in pixels of a picture of about 1000."""

    count: int = 12000
    radius: tuple[float, float] = (4.0, 20.0)
    length: float = 6.0
    order: Order = "detail last"


@dataclass(frozen=True)
class Tried:
    """Strokes kept where they help."""

    count: int = 6000
    radius: tuple[float, float] = (2.5, 28.0)
    length: float = 5.0


@dataclass(frozen=True)
class Wish:
    """What a person asks for. size: times the usual radii. direction: along the picture's lines, or across the slopes of brightness as
    Hertzmann has it. from_style: what is taken of the style picture.
    """

    method: Curved | Oriented | Ordered | Tried = Curved()
    size: float = 1.0
    direction: Direction = "lines"
    from_style: FromStyle = "nothing"
    colors: int = 16
    brush: Brush | None = None
    seed: int = 0


def painted(
    rgb: Tensor, wish: Wish, style: Tensor | None = None, angles: Tensor | None = None, progress: Progress = silent
) -> Painting:
    """A picture [1, 3, H, W] in 0..1. style: a painting [1, 3, h, w]; angles: a map [1, 1, h, w] of directions (0 to 1 for 0 to 180
    degrees). Strokes of large pictures are found on a smaller one; they and the picture come out at the picture's own size.
    """
    height, width = rgb.shape[-2:]
    factor = min(1.0, LONGEST / max(height, width))
    small = rgb if factor == 1 else same_size(rgb, max(1, round(height * factor)), max(1, round(width * factor)))
    hand = None if style is None or wish.from_style == "nothing" else measure(style, wish.colors, wish.seed)
    small = colored(small, wish, style)
    found = strokes_of(small, wish, hand, angles, progress)
    strokes = in_palette(found.strokes, wish, hand)
    if factor == 1 and strokes is found.strokes:
        return found
    strokes = strokes.resized(height, width)
    return Painting(strokes, render(strokes, None, wish.brush, progress=progress))


def colored(rgb: Tensor, wish: Wish, style: Tensor | None) -> Tensor:
    """The picture in the painting's colors, where they are asked for."""
    if style is None or not wish.from_style.endswith(("colors", "palette")):
        return rgb
    return match_histogram(rgb, style[:1]).clamp(0, 1)


def in_palette(strokes: Strokes, wish: Wish, hand: Handwriting | None) -> Strokes:
    """Each stroke in the painting's color that is most alike, where that is asked for."""
    if hand is None or not wish.from_style.endswith("palette"):
        return strokes
    return replace(strokes, color=nearest_colors(strokes.color, hand.palette))


def field_of(rgb: Tensor, wish: Wish, hand: Handwriting | None, angles: Tensor | None) -> Orientation:
    """Which way strokes go."""
    height, width = rgb.shape[-2:]
    if angles is not None:
        return from_angles(same_size(angles.to(rgb), height, width))
    sigma = max(1.0, wish.size * max(height, width) / SMOOTH)
    field = filled(structure_tensor(gaussian(rgb, sigma / 3), sigma), sigma)
    return hand.field(field, wish.seed) if hand is not None and wish.from_style.startswith("strokes") else field


def filled(tensor: Tensor, sigma: float) -> Orientation:
    """Directions everywhere: where slopes are faint those of the surroundings count."""
    wide = gaussian(tensor, 3 * sigma)
    own = orientation(tensor + 0.05 * wide + 1e-9 * tensor.new_tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1))
    return own


def strokes_of(rgb: Tensor, wish: Wish, hand: Handwriting | None, angles: Tensor | None, progress: Progress) -> Painting:
    """By the method, at the size of the picture that is given."""
    height, width = rgb.shape[-2:]
    method = wish.method
    by_hand = hand is not None and wish.from_style.startswith("strokes")
    unit = wish.size * max(height, width) / 1000
    if isinstance(method, Curved):
        style = hand.style(method.style, height, width, wish.size) if by_hand and hand else None
        style = style or scaled(method.style, height, width, wish.size)
        needs_field = by_hand or angles is not None or wish.direction == "lines"
        field = field_of(rgb, wish, hand, angles) if needs_field else None
        return paint(rgb, style, wish.seed, field, brush=wish.brush, progress=progress)
    field = field_of(rgb, wish, hand, angles)
    if isinstance(method, Oriented):
        strokes = oriented_lines(rgb, field, method.lines.scaled(height, width, wish.size), wish.seed)
    elif isinstance(method, Ordered):
        radius = tuple(max(0.5, r * unit) for r in method.radius)
        strokes = ordered_strokes(rgb, field, method.count, radius, method.length, method.order, wish.seed)  # type: ignore[arg-type]
    else:
        radius = tuple(max(0.5, r * unit) for r in method.radius)
        strokes = relaxed(rgb, field, method.count, radius, method.length, wish.seed, progress)  # type: ignore[arg-type]
    picture = render(strokes, brush=wish.brush)
    progress(1, 1, glance(picture))
    return Painting(strokes, picture)


class ClipPainter:
    """Paints frames [1, 3, H, W] one after the other, carrying strokes along."""

    def __init__(self, wish: Wish, style: Tensor | None = None, angles: Tensor | None = None) -> None:
        self.wish, self.style, self.angles = wish, style, angles
        self.hand = None if style is None or wish.from_style == "nothing" else measure(style, wish.colors, wish.seed)
        self.painter: Painter | None = None

    def __call__(self, frame: Tensor) -> Painting:
        """The next frame. Raises ValueError for methods whose strokes are not in layers."""
        method, wish = self.wish.method, self.wish
        if not isinstance(method, Curved):
            raise ValueError("only curved strokes are carried through a clip: choose one of Hertzmann's methods, or pictures")
        height, width = frame.shape[-2:]
        by_hand = self.hand is not None and wish.from_style.startswith("strokes")
        if self.painter is None:
            style = self.hand.style(method.style, height, width, wish.size) if by_hand and self.hand else None
            self.painter = Painter(style or scaled(method.style, height, width, wish.size), wish.seed, wish.brush)
        frame = colored(frame, wish, self.style)
        needs_field = by_hand or self.angles is not None or wish.direction == "lines"
        made = self.painter(frame, field_of(frame, wish, self.hand, self.angles) if needs_field else None)
        strokes = in_palette(made.strokes, wish, self.hand)
        return made if strokes is made.strokes else Painting(strokes, render(strokes, brush=wish.brush))


def in_progress(
    strokes: Strokes, frames: int, canvas: Tensor | None = None, brush: Brush | None = None, progress: Progress = silent
) -> Tensor:
    """The painting as it grows, [frames, 3, H, W]: the ground first, the finished picture last."""
    made = render(strokes.first(0), canvas, brush)
    out = made.new_empty(frames, *made.shape[1:])
    # Opaque round strokes can be laid over what is there; others belong to a layer or to their number in it.
    simple = brush is None and all(opacity == 1 for opacity in strokes.opacity)
    before = 0
    for number in range(frames):
        count = round(len(strokes) * number / max(1, frames - 1))
        if count == len(strokes) or not simple:
            made = render(strokes.first(count), canvas, brush)
        elif count > before:
            made = render(strokes.chosen(torch.arange(before, count, device=strokes.counts.device)), made)
        before, out[number] = count, made[0]
        progress(number + 1, frames, glance(made))
    return out


def on_canvas(kind: str, strokes: Strokes, image: Tensor | None) -> Tensor | None:
    """What strokes are painted on: "own" for their ground, "white", "black" or "image"."""
    if kind == "own" and strokes.background is not None:
        return None
    if kind in ("white", "black"):
        return torch.full((1, 3, strokes.height, strokes.width), float(kind == "white"), device=strokes.color.device)
    if image is None:
        raise ValueError("background is image and none is connected: connect a picture to lie below, or choose another")
    return same_size(image.to(strokes.color), strokes.height, strokes.width)
