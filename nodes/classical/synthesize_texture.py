"""Synthesize Texture: more of a texture, in any size, also as a tile without seams."""

from __future__ import annotations

import torch
from comfy_api.latest import io
from torch import Tensor

from ...models.progress import Progress
from ..host.feedback import Watch
from ..host.images import from_image, to_image, wire_format
from ..host.memory import compute
from .batches import BYTES_PER_PIXEL, CATEGORY, check_room, least_side, patch_input, seed_input, uniformity_input

LEAST_SIDE = 31  # of a result, so that patches of the largest size fit


def block_input(default: int) -> io.Int.Input:
    """Side of a block."""
    tooltip = "Side of a block in pixels: about the size of the texture's largest structure."
    return io.Int.Input("block", default=default, min=6, max=512, step=1, tooltip=tooltip)


def tolerance_input() -> io.Float.Input:
    """How good a block must be."""
    tooltip = "How much worse than the best block one may be to be drawn: 0.1 is usual, 0 repeats the texture, more is freer."
    return io.Float.Input("tolerance", default=0.1, min=0.0, max=2.0, step=0.05, tooltip=tooltip)


class SynthesizeTexture(io.ComfyNode):
    """A texture -> more of it."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        option = io.DynamicCombo.Option
        window = io.Int.Input(
            "window",
            default=11,
            min=3,
            max=41,
            step=2,
            tooltip="How far a pixel looks around, in pixels: about the size of what repeats in the texture. Larger is slower.",
        )
        side = {"min": LEAST_SIDE, "max": 16384, "step": 1}
        return io.Schema(
            node_id="StyleAtelierSynthesizeTexture",
            display_name="Synthesize Texture",
            category=CATEGORY,
            description="Makes more of a texture: any size, and if you wish a tile that repeats without seams. No network, no "
            "download.",
            search_aliases=[
                *("seamless texture", "tileable", "image quilting", "efros", "texture optimization", "patchmatch"),
                *("extend texture", "pattern", "non-parametric"),
            ],
            inputs=[
                io.Image.Input("texture", tooltip="A piece of the texture, or a batch of several."),
                io.DynamicCombo.Input(
                    "method",
                    options=[
                        option("quilting", [block_input(36), tolerance_input()]),
                        option("patches", [patch_input(7), uniformity_input()]),
                        option("pixel by pixel", [window]),
                    ],
                    tooltip="quilting puts blocks together and cuts them where they differ least: fast, and good for most. "
                    "patches optimizes the whole from coarse to fine: smooth transitions, a little softer. pixel by pixel is "
                    "for small textures up to 256x256.",
                ),
                io.Int.Input("width", default=512, tooltip="Width of the result in pixels.", **side),
                io.Int.Input("height", default=512, tooltip="Height of the result in pixels.", **side),
                io.Boolean.Input(
                    "seamless",
                    default=False,
                    tooltip="Make a tile: its left side continues at its right, its top at its bottom.",
                ),
                seed_input(),
            ],
            outputs=[io.Image.Output(display_name="texture", tooltip="The larger texture, one for each of the batch.")],
        )

    @classmethod
    def execute(
        cls, texture: Tensor, method: io.DynamicCombo.Type, width: int, height: int, seamless: bool, seed: int
    ) -> io.NodeOutput:
        from ...models.classical.efros_leung import LARGEST_SOURCE, GrowthSettings, grow_texture
        from ...models.classical.patch_synthesis import PatchSettings, synthesize
        from ...models.classical.quilting import QuiltSettings, quilt

        source, chosen, size = from_image(texture, "texture"), method["method"], (height, width)
        least = {"quilting": 6, "patches": least_side(method.get("patch", 0)), "pixel by pixel": method.get("window", 0)}
        check_room(source, "texture", least[chosen])
        if chosen == "pixel by pixel" and source.height * source.width > LARGEST_SOURCE:
            raise ValueError(
                f"texture is {source.width}x{source.height} pixels and too large to work pixel by pixel: make it 256x256 or "
                f"smaller, or choose quilting."
            )
        watch = Watch(source.batch)

        def work(rgb: Tensor, progress: Progress) -> Tensor:
            if chosen == "quilting":
                quilting = QuiltSettings(method["block"], tolerance=method["tolerance"], wrap=seamless, seed=seed)
                return quilt(rgb, size, quilting, progress)
            if chosen == "patches":
                patches = PatchSettings(uniformity=method["uniformity"], patch=method["patch"], wrap=seamless, seed=seed)
                return synthesize(rgb, [], size, patches, progress).picture
            return grow_texture(rgb, size, GrowthSettings(method["window"], seamless, seed), progress)

        made = [
            compute(
                lambda device: work(source.rgb[number : number + 1].to(device), watch.part(number)).cpu(),  # noqa: B023
                BYTES_PER_PIXEL * (height * width + source.height * source.width),
            )
            for number in range(source.batch)
        ]
        return io.NodeOutput(to_image(torch.cat(made), None, *wire_format()))
