"""Render Strokes: strokes at any size, as SVG, and as a clip of the painting that grows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from comfy_api.latest import io
from torch import Tensor

from ..host.feedback import Watch, blocker
from ..host.images import from_image, take, to_image, wire_format
from ..host.memory import compute
from ..host.sockets import StrokesSocket
from .batches import CATEGORY, seed_input
from .drawings import as_svg
from .paint_strokes import BRUSHES, brush_of

if TYPE_CHECKING:
    from ...models.classical.strokes import Sheets

BYTES_PER_PIXEL = 60
LARGEST_SIZE = 16384
NO_CLIP = "no frames were asked for: set frames above 0 in Render Strokes"


class RenderStrokes(io.ComfyNode):
    """ATELIER_STROKES -> IMAGE, SVG."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        side = {"default": 0, "min": 0, "max": LARGEST_SIZE, "step": 8}
        return io.Schema(
            node_id="StyleAtelierRenderStrokes",
            display_name="Render Strokes",
            category=CATEGORY,
            description="Paints strokes at any size with any brush, gives them as SVG, and shows the painting as it grows.",
            search_aliases=["strokes to svg", "vector", "speed painting", "time lapse", "upscale painting", "print", "plotter"],
            inputs=[
                StrokesSocket.Input("strokes", tooltip="From Paint Strokes or Optimize Strokes."),
                io.Int.Input("width", **side, tooltip="Of the result in pixels. 0 goes with the height, or keeps the size."),
                io.Int.Input("height", **side, tooltip="Of the result in pixels. 0 goes with the width, or keeps the size."),
                io.Combo.Input(
                    "brush",
                    options=BRUSHES,
                    default="round",
                    tooltip="round is even, flat has straight ends, bristle "
                    "leaves hairs and runs dry, picture takes brush_picture. The SVG is always round.",
                ),
                io.Combo.Input(
                    "background",
                    options=["own", "white", "black", "image"],
                    default="own",
                    tooltip="What the strokes lie on: own is the mean color of what they were painted from; image takes image.",
                ),
                io.Float.Input(
                    "part",
                    default=1.0,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip="How much of the painting is done: 0.5 paints the first half of the strokes.",
                ),
                io.Int.Input(
                    "frames",
                    default=0,
                    min=0,
                    max=2000,
                    step=1,
                    tooltip="Frames of a clip in which the first painting grows; 0 makes none.",
                ),
                io.Image.Input("image", optional=True, tooltip="A picture to lie below the strokes."),
                io.Image.Input(
                    "brush_picture",
                    optional=True,
                    tooltip="What the brush leaves, from left to right along the stroke: white paints, black does not.",
                ),
                seed_input("Of the bristles."),
            ],
            outputs=[
                io.Image.Output(display_name="images", tooltip="The paintings."),
                io.SVG.Output(display_name="svg", tooltip="The strokes as vectors, for Save SVG."),
                io.Image.Output(display_name="clip", tooltip="The painting as it grows, for Create Video or Save Animated."),
            ],
        )

    @classmethod
    def execute(
        cls,
        strokes: Sheets,
        width: int,
        height: int,
        brush: str,
        background: str,
        part: float,
        frames: int,
        seed: int,
        image: Tensor | None = None,
        brush_picture: Tensor | None = None,
    ) -> io.NodeOutput:
        from ...models.classical.painting import in_progress, on_canvas
        from ...models.classical.raster import render
        from ...models.classical.svg import strokes_to_svg

        given, how = check_strokes(strokes), brush_of(brush, brush_picture, seed)
        below = None if image is None else from_image(image, "image").rgb
        wanted = [sheet.resized(*side_of(sheet.height, sheet.width, height, width)) for sheet in given.sheets]
        shown = [sheet.first(round(part * len(sheet))) for sheet in wanted]
        watch = Watch(len(shown) + bool(frames))
        made, clip = [], None
        for number, sheet in enumerate(shown):
            own = None if below is None else take(below, number, number + 1)

            def work(device: torch.device, sheet: Any = sheet, own: Any = own, number: int = number) -> Tensor:
                return render(
                    sheet.to(device), on_canvas(background, sheet.to(device), own), how, progress=watch.part(number)
                ).cpu()

            made.append(compute(work, BYTES_PER_PIXEL * sheet.height * sheet.width))
            if frames and number == 0:

                def grow(device: torch.device, sheet: Any = sheet, own: Any = own) -> Tensor:
                    canvas = on_canvas(background, sheet.to(device), own)
                    return in_progress(sheet.to(device), frames, canvas, how, watch.part(len(shown))).cpu()

                clip = compute(grow, (12 * frames + BYTES_PER_PIXEL) * sheet.height * sheet.width)
        wire = wire_format()
        growing = blocker(NO_CLIP) if clip is None else to_image(clip, None, *wire)
        return io.NodeOutput(to_image(torch.cat(made), None, *wire), as_svg([strokes_to_svg(sheet) for sheet in shown]), growing)


def check_strokes(given: Any) -> Sheets:
    """What came over the wire. Raises ValueError for anything else."""
    from ...models.classical.strokes import Sheets

    if not isinstance(given, Sheets) or not given.sheets:
        raise ValueError(f"strokes is not of strokes (it is {type(given).__name__}): connect Paint Strokes to it.")
    return given


def side_of(height: int, width: int, wanted_height: int, wanted_width: int) -> tuple[int, int]:
    """Height and width: 0 goes with the other, two of them keep the size."""
    if wanted_height and wanted_width:
        return wanted_height, wanted_width
    if wanted_height:
        return wanted_height, max(1, round(width * wanted_height / height))
    return (max(1, round(height * wanted_width / width)), wanted_width) if wanted_width else (height, width)
