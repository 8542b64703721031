"""Texture Transfer: a picture made of pieces of a texture."""

from __future__ import annotations

import torch
from comfy_api.latest import io
from torch import Tensor

from ...models.progress import Progress
from ..host.images import from_image, take
from .batches import CATEGORY, check_room, mask_input, painted, seed_input, size_input
from .synthesize_texture import block_input, tolerance_input

LEAST_SIDE = 8


class TextureTransfer(io.ComfyNode):
    """IMAGE and a texture -> the picture made of it."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="StyleAtelierTextureTransfer",
            display_name="Texture Transfer",
            category=CATEGORY,
            description="Makes a picture of pieces of a texture or a painting that are as light and as dark: a face of rice, a "
            "house of brush strokes. Every color is the texture's. No network, no download.",
            search_aliases=["image quilting", "efros freeman", "texture transfer", "collage", "mosaic of texture"],
            inputs=[
                io.Image.Input("texture", tooltip="A texture or a painting. Of a batch, each picture takes the next."),
                io.Image.Input("images", tooltip="The pictures to make of it."),
                block_input(24),
                io.Int.Input(
                    "passes",
                    default=3,
                    min=1,
                    max=6,
                    step=1,
                    tooltip="How often the picture is made, each time with blocks a third smaller: more shows finer detail.",
                ),
                io.Float.Input(
                    "detail",
                    default=1.0,
                    min=0.25,
                    max=8.0,
                    step=0.05,
                    tooltip="How closely the picture is followed: 1 is as published, more shows the picture and less the "
                    "texture.",
                ),
                tolerance_input(),
                size_input(),
                mask_input(),
                seed_input(),
            ],
            outputs=[io.Image.Output(display_name="images", tooltip="The pictures, made of the texture.")],
        )

    @classmethod
    def execute(
        cls,
        texture: Tensor,
        images: Tensor,
        block: int,
        passes: int,
        detail: float,
        tolerance: float,
        size: int,
        seed: int,
        mask: Tensor | None = None,
    ) -> io.NodeOutput:
        from ...models.classical.quilting import TransferSettings, transfer_texture

        source, picture = from_image(texture, "texture"), from_image(images, "images").with_shorter_side(size)
        check_room(source, "texture", LEAST_SIDE)
        settings = TransferSettings(block, passes, tolerance, detail, seed)

        def work(rgb: Tensor, number: int, device: torch.device, progress: Progress) -> Tensor:
            return transfer_texture(take(source.rgb, number, number + 1), rgb, settings, progress)

        return io.NodeOutput(painted(picture, mask, work, source.height * source.width))
