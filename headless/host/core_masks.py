"""The host's own mask nodes that our workflows use: same ids, inputs and outputs as in ComfyUI 0.33."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from . import folders
from . import node_io as io
from .core_images import LARGEST, checksum, pictures_in, present

CHANNELS = ["alpha", "red", "green", "blue"]


class LoadImageMask(io.ComfyNode):
    """One channel of a picture as a mask; alpha is inverted, as everywhere in the host."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="LoadImageMask",
            display_name="Load Image (as Mask)",
            category="image/mask",
            inputs=[
                io.Combo.Input("image", options=pictures_in(folders.get_input_directory())),
                io.Combo.Input("channel", options=CHANNELS),
            ],
            outputs=[io.Mask.Output()],
        )

    @classmethod
    def validate_inputs(cls, image: str) -> bool | str:
        return present(image)

    @classmethod
    def fingerprint_inputs(cls, image: str, channel: str) -> str:
        return checksum(image)

    @classmethod
    def execute(cls, image: str, channel: str) -> io.NodeOutput:
        with Image.open(folders.get_annotated_filepath(image)) as opened:
            bands = ImageOps.exif_transpose(opened).convert("RGBA" if "A" in opened.getbands() else "RGB")
        name = channel[0].upper()
        if name not in bands.getbands():
            return io.NodeOutput(torch.zeros(1, 64, 64))
        mask = torch.from_numpy(np.asarray(bands.getchannel(name), dtype=np.float32) / 255)[None]
        return io.NodeOutput(1 - mask if name == "A" else mask)


class SolidMask(io.ComfyNode):
    """A mask of one value."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SolidMask",
            display_name="Create Solid Mask",
            category="image/mask",
            inputs=[
                io.Float.Input("value", default=1.0, min=0.0, max=1.0, step=0.01),
                io.Int.Input("width", default=512, min=1, max=LARGEST, step=1),
                io.Int.Input("height", default=512, min=1, max=LARGEST, step=1),
            ],
            outputs=[io.Mask.Output()],
        )

    @classmethod
    def execute(cls, value: float, width: int, height: int) -> io.NodeOutput:
        return io.NodeOutput(torch.full((1, height, width), value))


class InvertMask(io.ComfyNode):
    """1 - mask."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InvertMask",
            display_name="Invert Mask",
            category="image/mask",
            inputs=[io.Mask.Input("mask")],
            outputs=[io.Mask.Output()],
        )

    @classmethod
    def execute(cls, mask: Tensor) -> io.NodeOutput:
        return io.NodeOutput(1 - mask)


def _logical(function: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda a, b: function(a.round().bool(), b.round().bool()).float()


OPERATIONS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "multiply": torch.mul,
    "add": torch.add,
    "subtract": torch.sub,
    "and": _logical(torch.logical_and),
    "or": _logical(torch.logical_or),
    "xor": _logical(torch.logical_xor),
}


class MaskComposite(io.ComfyNode):
    """One mask laid on another at x, y."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MaskComposite",
            display_name="Combine Masks",
            category="image/mask",
            inputs=[
                io.Mask.Input("destination"),
                io.Mask.Input("source"),
                io.Int.Input("x", default=0, min=0, max=LARGEST, step=1),
                io.Int.Input("y", default=0, min=0, max=LARGEST, step=1),
                io.Combo.Input("operation", options=list(OPERATIONS)),
            ],
            outputs=[io.Mask.Output()],
        )

    @classmethod
    def execute(cls, destination: Tensor, source: Tensor, x: int, y: int, operation: str) -> io.NodeOutput:
        out = destination.clone()
        place = out[:, y : y + source.shape[1], x : x + source.shape[2]]
        place.copy_(OPERATIONS[operation](place, source[:, : place.shape[1], : place.shape[2]]))
        return io.NodeOutput(out.clamp(0, 1))


class MaskToImage(io.ComfyNode):
    """A mask as a gray picture."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MaskToImage",
            display_name="Convert Mask to Image",
            category="image/mask",
            inputs=[io.Mask.Input("mask")],
            outputs=[io.Image.Output()],
        )

    @classmethod
    def execute(cls, mask: Tensor) -> io.NodeOutput:
        return io.NodeOutput(mask[..., None].expand(-1, -1, -1, 3).clone())


class ImageToMask(io.ComfyNode):
    """One channel of a picture as a mask."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ImageToMask",
            display_name="Convert Image to Mask",
            category="image/mask",
            inputs=[io.Image.Input("image"), io.Combo.Input("channel", options=["red", "green", "blue", "alpha"])],
            outputs=[io.Mask.Output()],
        )

    @classmethod
    def execute(cls, image: Tensor, channel: str) -> io.NodeOutput:
        index = ["red", "green", "blue", "alpha"].index(channel)
        if index >= image.shape[-1]:
            return io.NodeOutput(torch.ones(image.shape[:3]))
        return io.NodeOutput(image[..., index])


NODES: list[Any] = [LoadImageMask, SolidMask, InvertMask, MaskComposite, MaskToImage, ImageToMask]
