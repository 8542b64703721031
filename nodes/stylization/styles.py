"""Styles as things to hold: taken from a picture once, mixed, and walked between."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from comfy_api.latest import io
from torch import Tensor

from ..host.feedback import Watch
from ..host.images import from_image, from_mask, read_weights, slots, socket, wire_format
from ..host.memory import pictures_at_once, piece_memory, pieces
from ..host.networks import on_device
from ..host.sockets import Hosted, StyleSocket, StylizerSocket
from ..host.widgets import grown, memory_budget, proportions, walk_frames, walk_loop
from .taken import from_style

if TYPE_CHECKING:
    from ...models.stylization.style import Style
    from ...models.stylization.stylizer import Stylizer

CATEGORY = "Style Atelier/styles"


def read_styles(grown: io.Autogrow.Type) -> list[Style]:
    """The styles of such an input, in order. Raises ValueError with one sentence."""
    return [from_style(value, socket("style", slot)) for slot, value in slots(grown, "style").items()]


class EncodeStyle(io.ComfyNode):
    """A picture, or the name of a style that the network holds -> ATELIER_STYLE."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="StyleAtelierEncodeStyle",
            display_name="Encode Style",
            category=CATEGORY,
            description="Takes the style of a picture once, to save it, mix it, move between styles or paint many pictures.",
            search_aliases=[
                *("style vector", "style embedding", "extract style", "style statistics", "adain statistics", "ghiasi"),
                *("magenta", "conditional instance normalization", "cin style", "style bank"),
            ],
            inputs=[
                StylizerSocket.Input(
                    "stylizer", tooltip="From Load Stylizer. The style works with this one, and with others of its kind."
                ),
                io.Image.Input(
                    "image", optional=True, tooltip="The picture whose style to take; a batch gives a batch of styles."
                ),
                io.Mask.Input(
                    "mask",
                    optional=True,
                    tooltip="Which part of the picture to take the style from: white counts, black does not.",
                ),
                io.String.Input(
                    "own_style",
                    default="",
                    tooltip="For networks that were trained for some styles: the name of one, such as style 3, in place of a "
                    "picture. Leave empty for all others.",
                ),
                memory_budget(),
            ],
            outputs=[
                StyleSocket.Output(
                    display_name="style", tooltip="For taken_styles of Stylize and Stylize Video, and for the style nodes."
                )
            ],
        )

    @classmethod
    def execute(
        cls,
        stylizer: Hosted,
        own_style: str,
        memory_budget: float,
        image: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> io.NodeOutput:
        from ...models.ops.masks import EmptyMask

        model: Stylizer = stylizer.model
        device, name = wire_format()[0], own_style.strip()
        if name:
            if image is not None:
                raise ValueError(f"own_style is {name!r} and image is connected: empty the one or disconnect the other.")
            return io.NodeOutput(model.own_style(name).to(device))
        if image is None:
            or_own = f", or write one of its own, such as {model.own_styles[0]}, into own_style" if model.own_styles else ""
            raise ValueError(f"image is not connected: connect the picture whose style {model.title} is to take{or_own}.")
        picture = from_image(image, "image")
        area = None if mask is None else from_mask(mask, "mask", picture.batch)
        if mask is not None and not model.supports_masks:
            raise ValueError(f"mask is connected and {model.title} has no regions: disconnect it.")
        frame, cost, resident = (picture.height, picture.width), model.bytes_per_pixel, model.resident_bytes_per_pixel

        def work(together: int, tile: int = 0) -> Style:
            with on_device(stylizer, piece_memory(frame, 1, tile, cost, resident)) as place:
                where = None if area is None else area.to(place)
                try:
                    return model.style_of(picture.rgb.to(place), where, tile, Watch().part(0)).to(device)
                except EmptyMask:
                    raise ValueError("mask covers almost nothing of image: paint the part to take the style from.") from None

        if not model.exact_tiles:
            return io.NodeOutput(pictures_at_once(frame, 1, cost, work))
        return io.NodeOutput(pieces(frame, 1, cost, memory_budget, work, resident))


class BlendStyles(io.ComfyNode):
    """Several ATELIER_STYLEs -> their mixture."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="StyleAtelierBlendStyles",
            display_name="Blend Styles",
            category=CATEGORY,
            description="Mixes styles of the same stylizer into one.",
            search_aliases=["mix styles", "average styles", "style interpolation", "style mixing", "combine styles"],
            inputs=[
                grown(
                    "styles",
                    StyleSocket,
                    "style",
                    "A style; a socket for the next appears as you connect. All must be taken with one stylizer.",
                    least=1,
                    most=16,
                ),
                proportions(of="style"),
            ],
            outputs=[StyleSocket.Output(display_name="style", tooltip="The mixture; batches are mixed row by row.")],
        )

    @classmethod
    def execute(cls, styles: io.Autogrow.Type, weights: str) -> io.NodeOutput:
        from ...models.stylization import style as styles_of

        given = read_styles(styles)
        return io.NodeOutput(styles_of.blend(given, read_weights(weights, len(given), "weights")))


class InterpolateStyles(io.ComfyNode):
    """ATELIER_STYLEs -> a batch of styles on the way through them."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="StyleAtelierInterpolateStyles",
            display_name="Interpolate Styles",
            category=CATEGORY,
            description="Makes the steps of a walk through styles: one picture that changes its style, or a clip that does.",
            search_aliases=["style animation", "style morph", "style walk", "animate style", "lerp styles", "style transition"],
            inputs=[
                grown(
                    "styles",
                    StyleSocket,
                    "style",
                    "A stop of the walk; a batch of styles is several. All must be taken with one stylizer.",
                    least=1,
                    most=16,
                ),
                walk_frames("styles"),
                walk_loop(),
            ],
            outputs=[
                StyleSocket.Output(
                    display_name="style",
                    tooltip="A batch of styles: Stylize makes a picture for each, Stylize Video takes the next for each frame.",
                )
            ],
        )

    @classmethod
    def execute(cls, styles: io.Autogrow.Type, frames: int, loop: bool) -> io.NodeOutput:
        from ...models.stylization import style as styles_of

        return io.NodeOutput(styles_of.interpolate(read_styles(styles), frames, loop))


class ExchangeStyles(io.ComfyNode):
    """Two ATELIER_STYLEs -> the strokes of one on the background of the other."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="StyleAtelierExchangeStyles",
            display_name="Exchange Styles",
            category=CATEGORY,
            description="Takes the strokes of one style and the background of another, with StyleFormer, which keeps them apart.",
            search_aliases=["styleformer", "stroke", "brush strokes", "background", "swap styles", "style exchange"],
            inputs=[
                StylizerSocket.Input("stylizer", tooltip="A StyleFormer, from Load Stylizer. Others have no such parts."),
                StyleSocket.Input("stroke", tooltip="The style whose strokes to take, from Encode Style with this stylizer."),
                StyleSocket.Input("background", tooltip="The style whose background to take, taken in the same way."),
            ],
            outputs=[
                StyleSocket.Output(
                    display_name="style",
                    tooltip="For taken_styles of Stylize. Batches are paired row by row; the shorter repeats.",
                )
            ],
        )

    @classmethod
    def execute(cls, stylizer: Hosted, stroke: Any, background: Any) -> io.NodeOutput:
        model: Stylizer = stylizer.model
        parts = [from_style(value, name, model) for name, value in (("stroke", stroke), ("background", background))]
        return io.NodeOutput(model.exchange(*parts))
