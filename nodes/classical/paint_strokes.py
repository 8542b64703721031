"""Paint Strokes: a picture in brush strokes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from comfy_api.latest import io
from torch import Tensor

from ...models.classical.hertzmann import STYLES, StrokeStyle
from ...models.classical.painting import Ordered, Tried
from ...models.classical.straight import Lines
from ...models.progress import Progress
from ..host.feedback import show
from ..host.images import from_image, from_mask, read_numbers, take
from ..host.sockets import StrokesSocket
from .batches import CATEGORY, mask_input, painted, seed_input

if TYPE_CHECKING:
    from ...models.classical.brushes import Brush
    from ...models.classical.painting import ClipPainter, Curved, Oriented
    from ...models.classical.strokes import Strokes

METHOD_TOOLTIP = (
    "impressionist, expressionist, colorist wash and pointillist are Hertzmann's curved strokes in layers from broad to fine, "
    "curved shows his settings; oriented lines are Litwinowicz's; ordered strokes are Haeberli's; by trial keeps strokes that "
    "help."
)
STYLE_TOOLTIP = "A painting to take colors or strokes from. Of a batch, each picture takes the next."
FROM_STYLE = ["nothing", "colors", "palette", "strokes", "strokes and colors", "strokes and palette"]
BRUSHES = ["round", "flat", "bristle", "picture"]
MOST_RADII = 8


def number(name: str, default: float, least: float, most: float, step: float, tooltip: str) -> io.Input:
    """An Int or Float, by its default."""
    kind: Any = io.Int.Input if isinstance(default, int) else io.Float.Input
    return kind(name, default=default, min=least, max=most, step=step, tooltip=tooltip)


def method_input() -> io.DynamicCombo.Input:
    """How strokes are found, with the settings of each way."""
    option, usual = io.DynamicCombo.Option, StrokeStyle()
    count = "How many strokes, at most."
    length = "How long a stroke is, in radii."
    curved = [
        number("threshold", usual.threshold, 0.0, 442.0, 1.0, "How far colors may be off (of 255) before a stroke is painted."),
        io.String.Input("radii", default="8, 4, 2", tooltip="Radius of each layer's strokes, for a picture of about 500 pixels."),
        number("curvature", usual.curvature, 0.0, 1.0, 0.05, "1 follows every bend, 0 goes straight on."),
        number("blur", usual.blur, 0.0, 4.0, 0.05, "How much the picture is blurred for a layer, times the radius."),
        number("grid", usual.grid, 0.25, 4.0, 0.05, "Distance of the places where strokes may begin, times the radius."),
        number("shortest", usual.shortest, 0, 64, 1, "Fewest steps of a stroke, each a radius long."),
        number("longest", usual.longest, 0, 64, 1, "Most steps of a stroke; 0 makes dots."),
        number("opacity", usual.opacity, 0.05, 1.0, 0.05, "Of every layer but the first."),
        number("color_jitter", 0.0, 0.0, 1.0, 0.01, "How much red, green and blue differ from stroke to stroke."),
        number("hue_jitter", 0.0, 0.0, 1.0, 0.01, "How much hues differ from stroke to stroke."),
        number("value_jitter", 0.0, 0.0, 1.0, 0.01, "How much brightness differs from stroke to stroke."),
    ]
    lines = [
        number("spacing", Lines.spacing, 1.0, 20.0, 0.5, "Distance of the lines, in pixels of a picture of about 640."),
        number("angle_jitter", Lines.angle, 0.0, 90.0, 1.0, "How many degrees directions differ from stroke to stroke."),
    ]
    orders = ["detail last", "broad first", "dark first", "random"]
    ordered = [
        number("count", Ordered.count, 10, 500000, 100, count),
        number("length", Ordered.length, 0.0, 40.0, 0.5, length),
        io.Combo.Input("order", options=orders, default=orders[0], tooltip="Which strokes come first; later ones lie on top."),
    ]
    tried = [
        number("count", Ordered.count, 10, 500000, 100, count),
        number("length", Tried.length, 0.0, 40.0, 0.5, length),
    ]
    ways = [*(option(name, []) for name in STYLES), option("curved", curved), option("oriented lines", lines)]
    ways += [option("ordered strokes", ordered), option("by trial", tried)]
    return io.DynamicCombo.Input("method", options=ways, tooltip=METHOD_TOOLTIP)


class PaintStrokes(io.ComfyNode):
    """IMAGE -> ATELIER_STROKES, and the picture that they are."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="StyleAtelierPaintStrokes",
            display_name="Paint Strokes",
            category=CATEGORY,
            description="Paints a picture in brush strokes: curved ones in layers, lines along the edges, dabs or dots; in the "
            "colors and with the strokes of a painting, if you connect one. Render Strokes makes any size, an SVG or a "
            "clip of the painting as it grows. No network, no download.",
            search_aliases=[
                *("brush strokes", "painterly rendering", "impressionist", "pointillist", "hertzmann", "haeberli", "litwinowicz"),
                *("stroke based rendering", "oil painting", "palette", "vector painting", "paint by numbers"),
            ],
            inputs=[
                io.Image.Input("images", tooltip="The pictures to paint."),
                method_input(),
                io.Float.Input(
                    "size",
                    default=1.0,
                    min=0.1,
                    max=8.0,
                    step=0.05,
                    tooltip="Times the usual breadth of strokes, which goes with the picture's size.",
                ),
                io.Combo.Input(
                    "direction",
                    options=["lines", "brightness"],
                    default="lines",
                    tooltip="lines lets strokes follow the picture's smoothed lines; brightness goes across its slopes pixel by "
                    "pixel, as published. Only curved strokes know both.",
                ),
                io.Combo.Input(
                    "brush",
                    options=BRUSHES,
                    default="round",
                    tooltip="round is even, flat has straight ends, bristle "
                    "leaves hairs and runs dry, picture takes brush_picture.",
                ),
                io.Image.Input("style", optional=True, tooltip=STYLE_TOOLTIP),
                io.Combo.Input(
                    "from_style",
                    options=FROM_STYLE,
                    default="strokes and colors",
                    tooltip="What to take from style: all its colors, a palette of a few, its strokes' width, length and "
                    "directions, or both.",
                ),
                io.Int.Input("colors", default=16, min=2, max=64, step=1, tooltip="How many colors the palette has."),
                io.Image.Input(
                    "angles",
                    optional=True,
                    tooltip="A map of directions: black to white is 0 to 180 degrees, from the right downwards.",
                ),
                io.Image.Input(
                    "brush_picture",
                    optional=True,
                    tooltip="What the brush leaves, from left to right along the stroke: white paints, black does not.",
                ),
                io.Combo.Input(
                    "batch",
                    options=["pictures", "clip"],
                    default="pictures",
                    tooltip="pictures paints each by itself; clip carries curved strokes from frame to frame with what moves.",
                ),
                seed_input(),
                mask_input(),
            ],
            outputs=[
                io.Image.Output(display_name="images", tooltip="The pictures, painted."),
                StrokesSocket.Output(display_name="strokes", tooltip="The strokes, for Render Strokes or Optimize Strokes."),
            ],
        )

    @classmethod
    def execute(
        cls,
        images: Tensor,
        method: io.DynamicCombo.Type,
        size: float,
        direction: str,
        brush: str,
        from_style: str,
        colors: int,
        batch: str,
        seed: int,
        style: Tensor | None = None,
        angles: Tensor | None = None,
        brush_picture: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> io.NodeOutput:
        from ...models.classical.painting import ClipPainter, Wish
        from ...models.classical.painting import painted as in_strokes
        from ...models.classical.smoothing import luma
        from ...models.classical.strokes import Sheets

        picture = from_image(images, "images")
        painting = None if style is None else from_image(style, "style").rgb
        ways = None if angles is None else luma(from_image(angles, "angles").rgb)
        wish = Wish(
            method_of(method),
            size,
            direction,  # type: ignore[arg-type]
            from_style if painting is not None else "nothing",  # type: ignore[arg-type]
            colors,
            brush_of(brush, brush_picture, seed),
            seed,
        )
        sheets: list[Strokes] = []
        clip: ClipPainter | None = None

        def work(rgb: Tensor, index: int, device: torch.device, progress: Progress) -> Tensor:
            nonlocal clip
            given = [None if x is None else take(x, index, index + 1).to(device) for x in (painting, ways)]
            if batch == "clip" and picture.batch > 1:
                clip = clip or ClipPainter(wish, *given)
                made = clip(rgb)
                progress(1, 1)
            else:
                made = in_strokes(rgb, wish, *given, progress=progress)
            sheets[index:] = [made.strokes.to("cpu")]
            return made.picture

        result = painted(picture, mask, work)
        show(f"{sum(len(sheet) for sheet in sheets)} strokes")
        return io.NodeOutput(result, Sheets(tuple(sheets)))


def method_of(given: io.DynamicCombo.Type) -> Curved | Ordered | Oriented | Tried:
    """The method of an input's value. Raises ValueError, one sentence."""
    from ...models.classical.jitter import Jitter
    from ...models.classical.painting import Curved, Oriented

    name = given["method"]
    if name in STYLES:
        return Curved(STYLES[name])
    if name == "oriented lines":
        return Oriented(replace(Lines(), spacing=given["spacing"], angle=given["angle_jitter"]))
    if name == "ordered strokes":
        return Ordered(given["count"], length=given["length"], order=given["order"])
    if name == "by trial":
        return Tried(given["count"], length=given["length"])
    radii = read_numbers(given["radii"], "radii")
    if not 1 <= len(radii) <= MOST_RADII or min(radii) <= 0:
        raise ValueError(f"radii {given['radii']!r} must be 1 to {MOST_RADII} numbers above 0, such as '8, 4, 2'.")
    if given["shortest"] > given["longest"]:
        raise ValueError(f"shortest is {given['shortest']} and longest {given['longest']}: make longest the larger one.")
    shade = given["color_jitter"]
    return Curved(
        StrokeStyle(
            given["threshold"],
            tuple(sorted(radii, reverse=True)),
            given["curvature"],
            given["blur"],
            given["opacity"],
            given["grid"],
            given["shortest"],
            given["longest"],
            Jitter(shade, shade, shade, given["hue_jitter"], 0.0, given["value_jitter"]),
        )
    )


def brush_of(kind: str, texture: Any, seed: int) -> Brush | None:
    """None for a round one. Raises ValueError where a picture is asked for and none is there."""
    from ...models.classical.brushes import Brush
    from ...models.classical.smoothing import luma

    if kind == "round":
        return None
    if kind != "picture":
        return Brush(kind, None, seed)
    if texture is None:
        raise ValueError(
            "brush is picture and brush_picture is not connected: connect a picture of a stroke, or choose another brush."
        )
    if isinstance(texture, Tensor) and texture.dim() == 3:
        return Brush(kind, from_mask(texture, "brush_picture", 1)[0, 0])
    picture = from_image(texture, "brush_picture")
    return Brush(kind, luma(picture.rgb)[0, 0] if picture.alpha is None else picture.alpha[0, 0])
