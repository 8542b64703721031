"""Stylize: the whole transfer in one box."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from comfy_api.latest import io
from torch import Tensor

from ..models.ops.color import keep_color as recolor
from ..models.ops.transfer import METHODS
from ..models.stylizer import StylizeOptions
from . import _host
from ._images import Picture, from_image, from_mask, read_weights, slots, take, to_image
from ._sockets import Hosted, StylizerSocket
from .features import BUDGET_TOOLTIP, STRENGTH_TOOLTIP

MOST_STYLES = 8
LARGEST_SIZE = 16384


def grown(id: str, kind: type[io.Image] | type[io.Mask], item: str, least: int, tooltip: str) -> io.Autogrow.Input:
    """An input that grows a socket at a time, up to one for each style."""
    template = io.Autogrow.TemplatePrefix(kind.Input(item, tooltip=tooltip), prefix=item, min=least, max=MOST_STYLES)
    return io.Autogrow.Input(id, template=template, optional=least == 0, tooltip=tooltip)


class Stylize(io.ComfyNode):
    """A photo and one or more paintings -> the photo in their style."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="StyleAtelierStylize",
            display_name="Stylize",
            category="Style Atelier",
            description="Paints a picture in the style of one or more others. The place "
            "to begin: photo, painting, stylizer, done.",
            search_aliases=["style transfer", "neural style", "artistic filter", "paint like", "adain", "wct", "arbitrary style"],
            inputs=[
                StylizerSocket.Input("stylizer", tooltip="From Load Stylizer."),
                io.Image.Input("content", tooltip="The picture to paint anew, or a batch. Its transparency is kept."),
                grown(
                    "styles",
                    io.Image,
                    "style",
                    1,
                    "The picture whose style to take. A socket for the next appears as you connect; several are mixed.",
                ),
                io.Float.Input("strength", default=1.0, min=0.0, max=1.0, step=0.01, tooltip=STRENGTH_TOOLTIP),
                io.String.Input(
                    "style_weights",
                    default="",
                    tooltip="How much of each style, such as 2, 1. Only the proportions count. Leave empty for equal parts.",
                ),
                io.Combo.Input(
                    "keep_color",
                    options=["no", "luminance", "coral"],
                    default="no",
                    tooltip="Keep the photo's colours: luminance keeps them point by point, coral "
                    "keeps the palette as a whole, no takes the style's.",
                ),
                io.Combo.Input(
                    "transform",
                    options=["own", *METHODS],
                    default="own",
                    advanced=True,
                    tooltip="How the style's statistics are brought over. own is what the stylizer was made with.",
                ),
                grown(
                    "content_masks",
                    io.Mask,
                    "content_mask",
                    0,
                    "Where each style goes, one mask for each style: white is painted in it. Any size.",
                ),
                grown(
                    "style_masks",
                    io.Mask,
                    "style_mask",
                    0,
                    "Which part of each style picture to take the style from. May be left out for some.",
                ),
                io.Int.Input(
                    "size",
                    default=0,
                    min=0,
                    max=LARGEST_SIZE,
                    step=8,
                    tooltip="Shorter side of the result in pixels; 0 keeps the photo's size. "
                    "Smaller means broader strokes, and is faster.",
                ),
                io.Float.Input(
                    "memory_budget", default=0.0, min=0.0, max=256.0, step=0.25, advanced=True, tooltip=BUDGET_TOOLTIP
                ),
            ],
            outputs=[
                io.Image.Output(display_name="image", tooltip="The content in the style, one picture for each of the content's.")
            ],
        )

    @classmethod
    def execute(
        cls,
        stylizer: Hosted,
        content: Tensor,
        styles: io.Autogrow.Type,
        strength: float,
        style_weights: str,
        keep_color: str,
        transform: str,
        size: int,
        memory_budget: float,
        content_masks: io.Autogrow.Type | None = None,
        style_masks: io.Autogrow.Type | None = None,
    ) -> io.NodeOutput:
        picture = from_image(content, "content").with_shorter_side(size)
        job = Job.read(picture, styles, content_masks, style_masks)
        weights = read_weights(style_weights, len(job.styles), "style_weights")
        model = stylizer.model
        largest = max([picture, *job.styles], key=lambda p: p.height * p.width)
        frame, cost = (largest.height, largest.width), model.bytes_per_pixel

        def work(together: int, tile: int) -> Tensor:
            starts = range(0, job.batch, together)
            watch = _host.Watch(len(starts))
            made = []
            with _host.on_device(stylizer, _host.piece_memory(frame, together, tile, cost)) as device:
                for i, start in enumerate(starts):
                    part = job.part(start, min(start + together, job.batch), device)
                    options = StylizeOptions(strength, weights, part.content_masks, part.style_masks, transform, tile)
                    out = model.stylize(part.content.rgb, [style.rgb for style in part.styles], options, watch.part(i))
                    if keep_color != "no":
                        out = recolor(out, part.content.rgb, keep_color)  # type: ignore[arg-type]
                    made.append(to_image(out, part.content.alpha, *_host.wire_format()))
            return torch.cat(made)

        return io.NodeOutput(_host.pieces(frame, job.batch, cost, memory_budget, work))


@dataclass(frozen=True)
class Job:
    """Checked pictures and masks: one content mask (or none at all) and one style mask or None for each style."""

    content: Picture
    styles: tuple[Picture, ...]
    content_masks: tuple[Tensor, ...]
    style_masks: tuple[Tensor | None, ...]

    @classmethod
    def read(
        cls,
        content: Picture,
        styles: io.Autogrow.Type,
        content_masks: io.Autogrow.Type | None,
        style_masks: io.Autogrow.Type | None,
    ) -> Job:
        """Check the sockets: a mask belongs to the style of the same number. Raises ValueError with one sentence."""
        pictures = {slot: from_image(image, f"style{slot}") for slot, image in slots(styles, "style").items()}
        if not pictures:
            raise ValueError("styles holds no picture: connect at least one.")
        where = slots(content_masks, "content_mask")
        source = slots(style_masks, "style_mask")
        for name, masks in (("content_mask", where), ("style_mask", source)):
            for slot in masks.keys() - pictures.keys():
                raise ValueError(f"{name}{slot} belongs to style{slot}, which is not connected: connect both or neither.")
        missing = pictures.keys() - where.keys()
        if where and missing:
            raise ValueError(f"content_mask{min(missing)} is missing: connect one content mask for each style, or none.")
        return cls(
            content,
            tuple(pictures.values()),
            tuple(from_mask(where[slot], f"content_mask{slot}", content.batch) for slot in pictures if where),
            tuple(
                from_mask(source[slot], f"style_mask{slot}", picture.batch) if slot in source else None
                for slot, picture in pictures.items()
                if source
            ),
        )

    @property
    def batch(self) -> int:
        """Number of results: the longest batch; shorter ones are repeated."""
        return max(self.content.batch, *(style.batch for style in self.styles))

    def part(self, start: int, stop: int, device: torch.device) -> Job:
        """What makes the results start to stop, on a device."""

        def cut(x: Tensor) -> Tensor:
            return take(x, start, stop).to(device)

        def cut_picture(picture: Picture) -> Picture:
            return Picture(cut(picture.rgb), None if picture.alpha is None else cut(picture.alpha))

        return Job(
            cut_picture(self.content),
            tuple(cut_picture(style) for style in self.styles),
            tuple(cut(mask) for mask in self.content_masks),
            tuple(None if mask is None else cut(mask) for mask in self.style_masks),
        )
