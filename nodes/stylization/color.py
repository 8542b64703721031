"""Keep Color: the colors of one picture on another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from comfy_api.latest import io
from torch import Tensor

from ..host.images import from_image, to_image, wire_format
from ..host.memory import compute

if TYPE_CHECKING:
    from ...models.ops.color import KeepColorMethod


class KeepColor(io.ComfyNode):
    """The image in the reference's colors."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="StyleAtelierKeepColor",
            display_name="Keep Color",
            category="Style Atelier/color",
            description="Gives a picture the colors of another: the stylized one the photo's, or "
            "the style picture the photo's before the transfer.",
            search_aliases=[
                "preserve color",
                "color matching",
                "luminance transfer",
                "coral",
                "color transfer",
                "保留颜色",
                "颜色",
            ],
            inputs=[
                io.Image.Input("image", tooltip="The picture to recolor, or a batch. Its transparency is kept."),
                io.Image.Input(
                    "reference", tooltip="The picture whose colors to take. For luminance it is resized to the image."
                ),
                io.Combo.Input(
                    "method",
                    options=["luminance", "coral", "mean_std", "histogram"],
                    default="luminance",
                    tooltip="luminance takes the colors point by point, coral the palette with its "
                    "correlations, mean_std only its average and spread, histogram every shade of it.",
                ),
                io.Float.Input(
                    "strength", default=1.0, min=0.0, max=1.0, step=0.01, tooltip="How far to go: 0 leaves the image as it is."
                ),
            ],
            outputs=[io.Image.Output(display_name="image", tooltip="The recolored picture.")],
        )

    @classmethod
    def execute(cls, image: Tensor, reference: Tensor, method: KeepColorMethod, strength: float) -> io.NodeOutput:
        from ...models.ops.color import keep_color

        picture, source = from_image(image, "image"), from_image(reference, "reference")

        def work(device: torch.device) -> Tensor:
            made = keep_color(picture.rgb.to(device), source.rgb.to(device), method, strength)
            return to_image(made, picture.alpha, *wire_format())

        return io.NodeOutput(compute(work, 8 * picture.rgb.numel() * picture.rgb.element_size()))
