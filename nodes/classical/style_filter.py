"""Style Filter: painting, drawing and printing by rule."""

from __future__ import annotations

from typing import Any

import torch
from comfy_api.latest import io
from torch import Tensor

from ...models.progress import Progress
from ..host.feedback import blocker
from ..host.images import from_image
from .batches import CATEGORY, mask_input, painted, seed_input
from .drawings import as_svg
from .filter_settings import chosen, filter_input

NO_SVG = "this filter is no drawing: take hatching, stipple, halftone, low poly or mosaic for an SVG"


class StyleFilter(io.ComfyNode):
    """IMAGE -> the same painted, drawn or printed; SVG where it is a drawing."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="StyleAtelierStyleFilter",
            display_name="Style Filter",
            category=CATEGORY,
            description="Paints, draws or prints a picture by rule: oil, watercolor, pencil, cartoon, ink, halftone, stipple, "
            "hatching, mosaic and more, with looks to choose from. No network, no download, any size. Drawings come as SVG too.",
            search_aliases=[
                *("kuwahara", "xdog", "cartoon", "oil paint", "watercolor", "pencil sketch", "halftone", "stippling", "hatching"),
                *("low poly", "mosaic", "line integral convolution", "comic", "ink", "engraving", "pop art", "vector", "svg"),
            ],
            inputs=[
                io.Image.Input("images", tooltip="The pictures to paint."),
                filter_input(),
                io.Float.Input(
                    "size",
                    default=1.0,
                    min=0.1,
                    max=8.0,
                    step=0.05,
                    tooltip="Times the usual size of brush, lines and dots, which go with the picture's.",
                ),
                io.Float.Input(
                    "strength",
                    default=1.0,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip="How much of it: 0 is the picture, 1 the filter.",
                ),
                seed_input(),
                mask_input(),
            ],
            outputs=[
                io.Image.Output(display_name="images", tooltip="The pictures, painted."),
                io.SVG.Output(
                    display_name="svg", tooltip="The drawings for Save SVG; of filters that are no drawings there are none."
                ),
            ],
        )

    @classmethod
    def execute(
        cls,
        images: Tensor,
        filter: io.DynamicCombo.Type,
        size: float,
        strength: float,
        seed: int,
        mask: Tensor | None = None,
    ) -> io.NodeOutput:
        from ...models.classical.drawn_filters import Drawing
        from ...models.classical.filters import Halftone, Scale
        from ...models.ops.masks import blended

        picture, how = from_image(images, "images"), chosen(filter)
        scale = Scale.of(picture.height, picture.width, size, seed)

        def work(rgb: Tensor, number: int, device: torch.device, progress: Progress) -> Tensor:
            return blended(how.apply(rgb, scale, progress=progress), rgb, strength)

        made = painted(picture, mask, work)
        svg: Any = blocker(NO_SVG)
        if isinstance(how, Drawing | Halftone):
            svg = as_svg([how.svg(rgb, scale) or "" for rgb in picture.rgb.cpu().split(1)])
        return io.NodeOutput(made, svg)
