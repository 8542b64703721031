"""Face tools: cut a face out for a network that wants faces, and put it back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from comfy_api.latest import io
from torch import Tensor

from ..host.boxes import read_boxes
from ..host.images import from_image, from_mask, take, to_image, wire_format
from ..host.memory import compute
from ..host.sockets import BoundingBoxSocket, CropSocket

if TYPE_CHECKING:
    from ...models.ops import crops
    from ...models.ops.crops import Crop

LARGEST_FACE = 2048
COPIES = 10  # of the picture that may be in memory at once


class FaceCrop(io.ComfyNode):
    """A picture, and where the face is -> the face as a square, and where it was."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="StyleAtelierFaceCrop",
            display_name="Face Crop",
            category="Style Atelier/faces",
            description="Cuts a square around a face, for translators trained on faces. Paste Face puts the result back.",
            search_aliases=["crop face", "face detection crop", "portrait crop", "square crop", "face on white"],
            inputs=[
                io.Image.Input("image", tooltip="The picture with the face, or a batch."),
                io.Mask.Input(
                    "mask",
                    optional=True,
                    tooltip="The face painted white, from the mask editor or a segmentation node: the square is put around it.",
                ),
                BoundingBoxSocket.Input(
                    "bboxes",
                    optional=True,
                    extra_dict={"forceInput": True},  # the page would make a widget of this type, with a box of its own
                    tooltip="Boxes from one of ComfyUI's detection nodes, such as Detect Face Landmarks (MediaPipe); the largest "
                    "of each picture is taken. Used for the place even when a mask is connected.",
                ),
                io.Int.Input(
                    "size", default=256, min=32, max=LARGEST_FACE, step=8, tooltip="Side of the face picture in pixels."
                ),
                io.Float.Input(
                    "margin",
                    default=0.4,
                    min=0.0,
                    max=2.0,
                    step=0.05,
                    tooltip="How much room around the box or mask, as a share of its longer side. Hair and chin want 0.3 to 0.6.",
                ),
                io.Combo.Input(
                    "background",
                    options=["keep", "white"],
                    default="keep",
                    tooltip="white clears everything outside the mask, as photo2cartoon wants it; Paste Face then puts back only "
                    "what is inside.",
                ),
            ],
            outputs=[
                io.Image.Output(display_name="face", tooltip="The square, one for each picture."),
                CropSocket.Output(display_name="crop", tooltip="Where it was, for Paste Face."),
            ],
        )

    @classmethod
    def execute(
        cls,
        image: Tensor,
        size: int,
        margin: float,
        background: str,
        mask: Tensor | None = None,
        bboxes: Any = None,
    ) -> io.NodeOutput:
        from ...models.ops import crops
        from ...models.ops.crops import Crop

        picture = from_image(image, "image")
        area = None if mask is None else from_mask(mask, "mask", picture.batch)
        if background == "white" and area is None:
            raise ValueError("background is white and mask is not connected: connect the mask of the face, or choose keep.")
        boxes = None if bboxes is None else read_boxes(bboxes, "bboxes", picture.batch)

        def work(_: torch.device) -> tuple[list[crops.Square], Tensor]:
            squares = []
            for i in range(picture.batch):
                box = None if boxes is None else boxes[i]
                if box is None and area is not None:
                    box = crops.box_in_picture(take(area, i, i + 1)[0], picture.height, picture.width)
                whole = crops.central_square(picture.height, picture.width)
                squares.append(whole if box is None else crops.square_around(box, margin))
            white = None if background == "keep" else area
            rgb = picture.rgb if white is None else crops.on_white(picture.rgb, take(white, 0, picture.batch))
            return squares, crops.cut(rgb, squares, size)

        squares, face = compute(work, 0)
        crop = Crop(tuple(squares), picture.height, picture.width, area if background == "white" else None)
        return io.NodeOutput(to_image(face, None, *wire_format()), crop)


class PasteFace(io.ComfyNode):
    """A picture, a face and where it was -> the picture with the face in it."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="StyleAtelierPasteFace",
            display_name="Paste Face",
            category="Style Atelier/faces",
            description="Puts a face back where Face Crop took it from, with a soft border.",
            search_aliases=["paste back", "uncrop", "face swap back", "stitch", "composite face"],
            inputs=[
                io.Image.Input("image", tooltip="The whole picture, the one that went into Face Crop, or its batch."),
                io.Image.Input("face", tooltip="The face to put in, of any size; a batch of faces on one picture makes a batch."),
                CropSocket.Input("crop", tooltip="From Face Crop."),
                io.Float.Input(
                    "feather",
                    default=0.1,
                    min=0.0,
                    max=0.5,
                    step=0.01,
                    tooltip="Width of the soft border as a share of the square's side; 0 is a hard edge.",
                ),
                io.Float.Input("strength", default=1.0, min=0.0, max=1.0, step=0.01, tooltip="How much of the face is put in."),
                io.Mask.Input(
                    "mask", optional=True, tooltip="Where on the whole picture the face may go: white only. Narrows the square."
                ),
            ],
            outputs=[io.Image.Output(display_name="image", tooltip="The picture with the face in it.")],
        )

    @classmethod
    def execute(
        cls, image: Tensor, face: Tensor, crop: Crop, feather: float, strength: float, mask: Tensor | None = None
    ) -> io.NodeOutput:
        from ...models.ops import crops

        picture, faces = from_image(image, "image"), from_image(face, "face")
        if (picture.height, picture.width) != (crop.height, crop.width):
            raise ValueError(
                f"image is {picture.width}x{picture.height} and the crop was made from {crop.width}x{crop.height}: connect the "
                "picture that went into Face Crop."
            )
        count = max(picture.batch, faces.batch)
        area = None if mask is None else from_mask(mask, "mask", picture.batch)

        def work(device: torch.device) -> Tensor:
            rgb, small = (take(x.rgb, 0, count).expand(count, -1, -1, -1).to(device) for x in (picture, faces))
            made = crops.paste(rgb, small, crop.repeated(count, area), feather, strength)
            return to_image(made, picture.alpha, *wire_format())

        return io.NodeOutput(compute(work, COPIES * count * picture.rgb[0].numel() * picture.rgb.element_size()))
