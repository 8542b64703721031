"""Stylize: the whole transfer in one box."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from comfy_api.latest import io
from torch import Tensor

from ...models.ops.transfer import METHODS
from ..host.feedback import Watch
from ..host.images import Picture, from_image, from_mask, read_weights, slots, socket, take, to_image, wire_format
from ..host.memory import pictures_at_once, piece_memory, pieces
from ..host.networks import on_device
from ..host.sockets import Hosted, StyleSocket, StylizerSocket
from ..host.widgets import grown, memory_budget
from .features import STRENGTH_TOOLTIP
from .taken import Styles

if TYPE_CHECKING:
    from ...models.stylization.style import Style
    from ...models.stylization.stylizer import StylizeOptions, Stylizer

LARGEST_SIZE = 16384
STYLES_TOOLTIP = (
    "The picture whose style to take. A socket for the next appears as you connect; several are mixed. Stylizers of one style "
    "need none."
)
TAKEN_TOOLTIP = (
    "Styles from Encode Style, Load Style, Blend Styles or Interpolate Styles, in place of pictures or beside them. A batch "
    "gives a picture in each."
)
WEIGHTS_TOOLTIP = (
    "How much of each style, such as 2, 1; taken styles come after pictures. Only the proportions count. Leave empty for equal "
    "parts."
)
KEEP_COLOR_TOOLTIP = (
    "Keep the photo's colors: luminance keeps them point by point, coral keeps the palette as a whole, no takes the style's."
)
PRECISION_TOOLTIP = (
    "half computes in half precision on a graphics card: faster, half the memory. Only methods whose pictures stay the same to a "
    "few levels of 255 do so: Pocket, AdaIN, fast neural style and magenta's."
)


class Stylize(io.ComfyNode):
    """A photo and paintings, or styles taken from them before -> the photo in their style."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="StyleAtelierStylize",
            display_name="Stylize",
            category="Style Atelier",
            description="Paints a picture in the style of one or more others. The place "
            "to begin: photo, painting, stylizer, done.",
            search_aliases=[
                *("style transfer", "neural style", "artistic filter", "paint like", "adain", "wct", "arbitrary style"),
                *("fast neural style", "johnson", "microast", "adaattn", "cap-vstnet", "styleformer", "magenta", "regions"),
                *("oil painting", "van gogh", "monet", "sketch", "filter", "texture", "painting", "watercolor"),
                *("风格迁移", "油画", "梵高", "莫奈", "素描", "滤镜", "水彩", "绘画"),
            ],
            inputs=[
                StylizerSocket.Input("stylizer", tooltip="From Load Stylizer."),
                io.Image.Input("content", tooltip="The picture to paint anew, or a batch. Its transparency is kept."),
                grown("styles", io.Image, "style", STYLES_TOOLTIP, optional=False),
                io.Float.Input("strength", default=1.0, min=0.0, max=1.0, step=0.01, tooltip=STRENGTH_TOOLTIP),
                io.String.Input("style_weights", default="", tooltip=WEIGHTS_TOOLTIP),
                io.Combo.Input("keep_color", options=["no", "luminance", "coral"], default="no", tooltip=KEEP_COLOR_TOOLTIP),
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
                    "Where each style goes, one mask for each style: white is painted in it. Any size. Those of taken styles "
                    "come after those of the pictures.",
                ),
                grown(
                    "style_masks",
                    io.Mask,
                    "style_mask",
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
                memory_budget(),
                grown("taken_styles", StyleSocket, "taken_style", TAKEN_TOOLTIP),
                io.Combo.Input(
                    "precision",
                    options=["full", "half"],
                    default="full",
                    optional=True,
                    advanced=True,
                    tooltip=PRECISION_TOOLTIP,
                ),
            ],
            outputs=[
                io.Image.Output(
                    display_name="image", tooltip="The content in the style, one picture for each of the content's or styles'."
                )
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
        taken_styles: io.Autogrow.Type | None = None,
        precision: str = "full",
    ) -> io.NodeOutput:
        from ...models.ops.color import keep_color as recolor

        model: Stylizer = stylizer.model
        picture = from_image(content, "content").with_shorter_side(size)
        job = Job.read(picture, Styles.read(model, styles, taken_styles), content_masks, style_masks)
        weights = read_weights(style_weights, len(job.styles), "style_weights")
        model.check(*job.part(0, 1, torch.device("cpu")).asked(strength, weights, transform))
        largest = max([picture, *job.styles.pictures], key=lambda p: p.height * p.width)
        frame, cost, resident = (largest.height, largest.width), model.bytes_per_pixel, model.resident_bytes_per_pixel

        def work(together: int, tile: int = 0) -> Tensor:
            starts = range(0, job.batch, together)
            watch = Watch(len(starts))
            made = []
            with on_device(stylizer, piece_memory(frame, together, tile, cost, resident)) as device:
                half = precision == "half" and device.type != "cpu"
                known = job if len(starts) == 1 else replace(job, styles=job.styles.taken(model, device, tile))
                for i, start in enumerate(starts):
                    part = known.part(start, min(start + together, job.batch), device)
                    given, options = part.asked(strength, weights, transform)
                    out = model.stylize(part.content.rgb, given, replace(options, tile=tile, half=half), watch.part(i))
                    if keep_color != "no":
                        out = recolor(out, part.content.rgb, keep_color)  # type: ignore[arg-type]
                    made.append(to_image(out, part.content.alpha, *wire_format()))
            return torch.cat(made)

        if not model.exact_tiles:
            return io.NodeOutput(pictures_at_once(frame, job.batch, cost, work))
        return io.NodeOutput(pieces(frame, job.batch, cost, memory_budget, work, resident))


@dataclass(frozen=True)
class Job:
    """Checked pictures, styles and masks: one content mask for each style, or none at all."""

    content: Picture
    styles: Styles
    content_masks: tuple[Tensor, ...]

    @classmethod
    def read(
        cls, content: Picture, styles: Styles, content_masks: io.Autogrow.Type | None, style_masks: io.Autogrow.Type | None
    ) -> Job:
        """Check the sockets: a mask belongs to the style of the same number, taken styles being counted on after the pictures.

        Raises ValueError with one sentence.
        """
        pictures = styles.named("style")
        after = max(pictures, default=-1) + 1
        taken = {after + slot: name for slot, name in styles.named("taken_style").items()}
        numbered = pictures | taken
        where = slots(content_masks, "content_mask")
        source = slots(style_masks, "style_mask")
        for slot in source.keys() & taken.keys():
            raise ValueError(
                f"{socket('style_mask', slot)} belongs to {taken[slot]}, which was taken before: connect it to Encode Style."
            )
        for name, masks in (("content_mask", where), ("style_mask", source)):
            for slot in masks.keys() - numbered.keys():
                raise ValueError(
                    f"{socket(name, slot)} belongs to {socket('style', slot)}, which is not connected: connect both or neither."
                )
        missing = numbered.keys() - where.keys()
        if where and missing:
            raise ValueError(
                f"{socket('content_mask', min(missing))} is missing: connect one content mask for each style, or none."
            )
        sources = tuple(
            from_mask(source[slot], socket("style_mask", slot), item.batch) if slot in source else None
            for slot, item in zip(numbered, styles.items, strict=True)
            if source
        )
        return cls(
            content,
            replace(styles, masks=sources),
            tuple(from_mask(where[slot], socket("content_mask", slot), content.batch) for slot in numbered if where),
        )

    @property
    def batch(self) -> int:
        """Number of results: the longest batch; shorter ones are repeated."""
        return max(self.content.batch, self.styles.batch)

    def part(self, start: int, stop: int, device: torch.device) -> Part:
        """What makes the results start to stop, on a device."""

        def cut(x: Tensor) -> Tensor:
            return take(x, start, stop).to(device)

        alpha = None if self.content.alpha is None else cut(self.content.alpha)
        styles, style_masks = self.styles.part(start, stop, device)
        return Part(Picture(cut(self.content.rgb), alpha), styles, tuple(cut(mask) for mask in self.content_masks), style_masks)


@dataclass(frozen=True)
class Part:
    """What makes some of the results, on the device."""

    content: Picture
    styles: list[Tensor | Style]
    content_masks: tuple[Tensor, ...]
    style_masks: tuple[Tensor | None, ...]

    def asked(self, strength: float, weights: tuple[float, ...], transform: str) -> tuple[list[Tensor | Style], StylizeOptions]:
        """Styles and options for the stylizer."""
        from ...models.stylization.stylizer import StylizeOptions

        return self.styles, StylizeOptions(strength, weights, self.content_masks, self.style_masks, transform)
