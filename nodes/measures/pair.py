"""Measure Pair: how far a result is from its photograph, and from its painting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from comfy_api.latest import io
from torch import Tensor

from ..host.feedback import Watch, show
from ..host.images import Picture, from_image
from ..host.networks import on_device
from ..host.sockets import ClipSocket, ClipVisionSocket, EncoderSocket, Hosted, MeasuresSocket
from ..optimization import clip as host_clip
from .taking import ENCODER_TOOLTIP, MEASURES_TOOLTIP, prepare

if TYPE_CHECKING:
    from ...models.metrics.measurement import Measurement


class MeasurePair(io.ComfyNode):
    """Pictures and what they were made of -> numbers."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="StyleAtelierMeasurePair",
            display_name="Measure Pair",
            category="Style Atelier/measures",
            description="Measures a result against its photograph (SSIM, LPIPS, DISTS ...) and against its painting (Gram, "
            "colors ...). Every number says what it was made with; only equal settings compare.",
            search_aliases=[
                "ssim",
                "ms-ssim",
                "psnr",
                "lpips",
                "st-lpips",
                "dists",
                "cfsd",
                "gram loss",
                "clip score",
                "similarity",
            ],
            inputs=[
                io.Image.Input("image", tooltip="The results. Of a batch the mean is given."),
                io.Image.Input(
                    "content",
                    optional=True,
                    tooltip="The photographs they were made of: one, or one for each. Another size is resized to the results'.",
                ),
                io.Image.Input("style", optional=True, tooltip="The painting, or one for each result; of any size."),
                io.String.Input("measures", default="available", tooltip=MEASURES_TOOLTIP),
                io.String.Input("label", default="result", tooltip="The name of the row in a report."),
                EncoderSocket.Input("encoder", optional=True, tooltip=ENCODER_TOOLTIP),
                ClipVisionSocket.Input(
                    "clip_vision",
                    optional=True,
                    tooltip="From Load CLIP Vision: adds CLIP's similarity to content and style, and with clip scores of text.",
                ),
                ClipSocket.Input("clip", optional=True, tooltip="The text encoder of the same CLIP, from Load CLIP."),
                io.String.Input("text", default="", tooltip="What CLIP is to see in the results. Needs clip and clip_vision."),
                io.String.Input(
                    "source_text",
                    default="",
                    advanced=True,
                    tooltip="What the content is, such as a photo: adds the CLIP direction from these words to the text.",
                ),
            ],
            outputs=[
                MeasuresSocket.Output(display_name="measures", tooltip="The numbers, for Report."),
                io.String.Output(display_name="table", tooltip="The numbers and what they were made with, for Preview Any."),
            ],
        )

    @classmethod
    def execute(
        cls,
        image: Tensor,
        measures: str,
        label: str,
        text: str,
        source_text: str,
        content: Tensor | None = None,
        style: Tensor | None = None,
        encoder: Hosted | None = None,
        clip_vision: Any = None,
        clip: Any = None,
    ) -> io.NodeOutput:
        from ...models.metrics.measurement import Measured, Measurement, Missing
        from ...models.metrics.report import Report

        picture = from_image(image, "image")
        sides = {name: from_image(given, name) for name, given in (("content", content), ("style", style)) if given is not None}
        if not sides and clip_vision is None:
            raise ValueError("content and style are both missing: connect what the image is to be measured against")
        if "content" in sides:
            sides["content"] = sides["content"].resized(picture.height, picture.width)
        for name, given in sides.items():
            if given.batch not in (1, picture.batch):
                raise ValueError(f"{name} has {given.batch} pictures for {picture.batch} of image: give one, or one for each")
        taker = prepare(measures, encoder)
        unserved = [m for m in taker.wanted if m.side not in sides] if taker.strict else []
        if unserved:
            raise ValueError(f"measures asks for {unserved[0].name} and {unserved[0].side} is not connected: connect it")
        wanted = [m for m in taker.wanted if m.side in sides]
        watch, found, missing = Watch(len(wanted) + 1), list[Measurement](), list(taker.missing)
        for number, measure in enumerate(wanted):
            taken = taker.try_to_take(measure, picture.rgb, sides[measure.side].rgb)
            if isinstance(taken, Missing):
                missing.append(taken)
            else:
                found.append(taken)
            watch.part(number)(1, 1)
        found += by_clip(picture, sides, clip_vision, clip, text.strip(), source_text.strip())
        watch.part(len(wanted))(1, 1)
        measured = Measured(label.strip() or "result", tuple(found), tuple(missing))
        table = Report((measured,)).text()
        show(table)
        return io.NodeOutput((measured,), table)


def by_clip(
    picture: Picture, sides: dict[str, Picture], clip_vision: Any, clip: Any, text: str, source_text: str
) -> list[Measurement]:
    """CLIP's numbers, as far as there is something to ask it. Raises ValueError where half of what it needs is there."""
    from ...models.metrics.clip import clip_direction, clip_score, clip_similarity

    if text and (clip is None or clip_vision is None):
        raise ValueError("text is to be compared and CLIP is missing: connect clip and clip_vision, or empty the text")
    if source_text and not (text and "content" in sides):
        raise ValueError("source_text needs text and content beside it: give both, or empty it")
    if clip_vision is None:
        return []
    host_clip.needs_comfyui("Measure Pair with CLIP")
    seen = host_clip.pictures_of(clip_vision)
    with on_device(seen, seen.model.memory(1)), torch.no_grad():
        results, views = embedded(seen, picture), {name: embedded(seen, x) for name, x in sides.items()}
    facts = (("weights", repr(seen.model)),)
    found = [
        measured(f"clip_{name}", f"CLIP similarity to {name}", clip_similarity(results, view), picture, sides[name], facts)
        for name, view in views.items()
    ]
    if text:
        read = host_clip.texts_of(clip, seen.model.width)
        words = read([text], "text")
        asked = (*facts, ("text", text))
        found.append(measured("clip_score", "CLIP score", clip_score(results, words), picture, None, asked))
        if source_text:
            source = read([source_text], "source_text")
            moved = clip_direction(results, views["content"], words, source)
            asked = (*asked, ("from", source_text))
            found.append(measured("clip_direction", "CLIP direction", moved, picture, sides["content"], asked))
    return found


def embedded(seen: Hosted, picture: Picture) -> Tensor:
    """What CLIP sees in each picture, [B, D]."""
    from ...models.metrics.clip import clip_view

    return torch.cat([seen.model(clip_view(x[None], seen.model.side)).float().cpu() for x in picture.rgb])


def measured(
    name: str, title: str, values: Tensor, picture: Picture, other: Picture | None, facts: tuple[tuple[str, str], ...]
) -> Measurement:
    """The mean of CLIP's numbers."""
    from ...models.metrics.measurement import Measurement

    batches = [picture.batch] if other is None else [picture.batch, other.batch]
    counts = tuple(dict.fromkeys(batches))
    return Measurement(name, title, float(values.mean()), "higher", counts, facts)
