"""An objective that follows words, through the host's CLIP."""

from __future__ import annotations

from typing import Any

import torch
from comfy_api.latest import io
from torch import Tensor

from ..host.images import from_image
from ..host.sockets import ClipSocket, ClipVisionSocket
from .clip import TEMPLATES, needs_comfyui, pictures_of, texts_of
from .wires import CATEGORY, output, weight_input, wired

SHARE = {"min": 0.0, "max": 10000.0, "step": 0.1}
SMALLEST_DIRECTION = 1e-4


class TextObjective(io.ComfyNode):
    """IMAGE and words -> ATELIER_OBJECTIVE."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="StyleAtelierTextObjective",
            display_name="Text Objective",
            category=CATEGORY,
            description="Asks the result to look as words say: fire, a mosaic, watercolor. CLIP judges the whole picture and "
            "random details of it, as in CLIPstyler.",
            search_aliases=[
                "clipstyler",
                "clip loss",
                "text style transfer",
                "clip guidance",
                "text to style",
                "directional loss",
            ],
            inputs=[
                ClipSocket.Input(
                    "clip",
                    tooltip="CLIP's text encoder, from Load CLIP. The file must have CLIP's own projection, which the text "
                    "encoders of Stable Diffusion 1.5 lack.",
                ),
                ClipVisionSocket.Input("clip_vision", tooltip="The vision model of the same CLIP, from Load CLIP Vision."),
                io.Image.Input("image", tooltip="The picture to paint anew: the way that the words point begins at it."),
                io.String.Input(
                    "text",
                    default="a watercolor painting",
                    multiline=True,
                    tooltip="What it shall look like: a material, a technique, a painter's manner. Brackets weigh nothing here.",
                ),
                io.String.Input(
                    "source_text",
                    default="a Photo",
                    tooltip="What the picture is now. The result goes the way from these words to the text's.",
                ),
                weight_input(1.0),
                io.Float.Input("direction", default=1.0, **SHARE, tooltip="How much the picture as a whole counts."),
                io.Float.Input(
                    "patches",
                    default=18.0,
                    **SHARE,
                    tooltip="How much its details count. They bring the strokes and the texture.",
                ),
                io.Int.Input(
                    "crops",
                    default=64,
                    min=0,
                    max=1024,
                    step=1,
                    tooltip="Details that CLIP sees at each step. Time grows with them; 16 is enough for a look.",
                ),
                io.Float.Input(
                    "crop_size",
                    default=0.25,
                    min=0.01,
                    max=1.0,
                    step=0.01,
                    tooltip="Side of a detail, as a part of the picture's shorter side. Strokes grow with it.",
                ),
                io.Float.Input(
                    "threshold",
                    default=0.7,
                    min=0.0,
                    max=2.0,
                    step=0.01,
                    advanced=True,
                    tooltip="Details whose distance is below this are good enough and are left alone. 0 works on all of them.",
                ),
                io.Boolean.Input(
                    "templates",
                    default=True,
                    advanced=True,
                    tooltip="Read both texts in 24 sentences, such as: a photo of ..., and take the average, which is steadier.",
                ),
            ],
            outputs=output(),
        )

    @classmethod
    def execute(
        cls,
        clip: Any,
        clip_vision: Any,
        image: Tensor,
        text: str,
        source_text: str,
        weight: float,
        direction: float,
        patches: float,
        crops: int,
        crop_size: float,
        threshold: float,
        templates: bool,
    ) -> io.NodeOutput:
        from ...models.encoders.pixels import PIXELS
        from ...models.objectives.text import TextObjective as Text
        from ...models.objectives.text import text_direction

        picture = from_image(image, "image")
        words = {"text": text.strip(), "source_text": source_text.strip()}
        for name, given in words.items():
            if not given:
                raise ValueError(f"{name} is empty: write what the picture {'shall look like' if name == 'text' else 'is now'}")
        if not direction and not (patches and crops):
            raise ValueError("direction and patches ask for nothing: raise one of them (patches also needs crops)")
        needs_comfyui("Text Objective")
        seen = pictures_of(clip_vision)
        read = texts_of(clip, seen.model.width)
        frames = TEMPLATES if templates else ("{}",)
        style, source = (read([frame.replace("{}", given) for frame in frames], name) for name, given in words.items())
        # The host calls nodes in inference mode, whose tensors no gradient may pass.
        with torch.inference_mode(False), torch.no_grad():
            way = text_direction(style.clone(), source.clone())
            if float(way.norm()) < SMALLEST_DIRECTION:
                raise ValueError("text and source_text are the same to CLIP: write another text")
            made = Text(
                weight,
                PIXELS,
                picture.rgb.clone(),
                seen.model,
                seen.model.side,
                way,
                words["text"],
                direction,
                patches,
                crops,
                crop_size,
                threshold,
            )
        return io.NodeOutput(wired(made, seen))
