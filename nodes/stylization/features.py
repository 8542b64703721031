"""The parts: encode, transfer, blend, decode."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

import torch
from comfy_api.latest import io
from torch import Tensor

from ...models.ops.transfer import FULL_METHODS
from ..host.feedback import Watch
from ..host.images import from_image, from_mask, read_names, read_weights, slots, to_image, to_wire, wire_format
from ..host.memory import compute, piece_memory, pieces
from ..host.networks import on_device
from ..host.sockets import DecoderSocket, EncoderSocket, FeaturesSocket, Hosted
from ..host.widgets import grown, memory_budget, proportions

if TYPE_CHECKING:
    from ...models.ops.features import Features

CATEGORY = "Style Atelier/parts"
BLEND_TOOLTIP = "What to mix: features of one encoder and of pictures of the same size. A new socket appears as you connect."
STRENGTH_TOOLTIP = "How far to go: 0 keeps the content as it is, 1 gives the full style."
CONTENT_MASK_TOOLTIP = (
    "Where to change the content: white is changed, black is kept. A mask of another size is stretched over it."
)
STYLE_MASK_TOOLTIP = "Which part of the style picture to take the style from: white counts, black does not."


class Encode(io.ComfyNode):
    """IMAGE -> ATELIER_FEATURES."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="StyleAtelierEncode",
            display_name="Encode Picture",
            category=CATEGORY,
            description="Describes a picture as an encoder's features, for AdaIN, WCT, blending and decoding.",
            search_aliases=["vgg features", "style features", "encode style", "encode content"],
            inputs=[
                EncoderSocket.Input("encoder", tooltip="From Load Style Encoder."),
                io.Image.Input("image", tooltip="The picture, or a batch. Gray is taken as RGB; transparency is ignored."),
                io.String.Input(
                    "taps",
                    default="",
                    tooltip="Which of the encoder's layers to read, such as relu1_1, relu4_1. "
                    "Leave empty for those that its decoder takes.",
                ),
                memory_budget(),
            ],
            outputs=[
                FeaturesSocket.Output(display_name="features", tooltip="For AdaIN, WCT, Blend Features or Decode Features.")
            ],
        )

    @classmethod
    def execute(cls, encoder: Hosted, image: Tensor, taps: str, memory_budget: float) -> io.NodeOutput:
        picture = from_image(image, "image")
        try:
            chosen = encoder.model.check(read_names(taps))
        except ValueError as error:
            raise ValueError(f"taps: {error}") from None
        size, cost = (picture.height, picture.width), encoder.model.bytes_per_pixel(chosen)

        def work(together: int, tile: int) -> Features:
            starts = range(0, picture.batch, together)
            watch = Watch(len(starts))
            parts = []
            with on_device(encoder, piece_memory(size, together, tile, cost)) as device:
                for i, start in enumerate(starts):
                    rgb = picture.rgb[start : start + together].to(device)
                    parts.append(moved(encoder.model.encode(rgb, chosen, tile, watch.part(i)), to_wire))
            return joined(parts)

        return io.NodeOutput(pieces(size, picture.batch, cost, memory_budget, work))


class AdaIN(io.ComfyNode):
    """Channel means and deviations of the style on the content."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="StyleAtelierAdaIN",
            display_name="AdaIN",
            category=CATEGORY,
            description="Gives content features the style's mean and spread, channel by "
            "channel. Fast, and gentle with the drawing.",
            search_aliases=["adaptive instance normalization", "style transfer", "feature transfer"],
            inputs=[
                FeaturesSocket.Input("content", tooltip="Features of the picture to change."),
                FeaturesSocket.Input("style", tooltip="Features of the picture whose style to take, from the same encoder."),
                io.Float.Input("strength", default=1.0, min=0.0, max=1.0, step=0.01, tooltip=STRENGTH_TOOLTIP),
                io.Mask.Input("content_mask", optional=True, tooltip=CONTENT_MASK_TOOLTIP),
                io.Mask.Input("style_mask", optional=True, tooltip=STYLE_MASK_TOOLTIP),
            ],
            outputs=[FeaturesSocket.Output(display_name="features", tooltip="For Blend Features or Decode Features.")],
        )

    @classmethod
    def execute(
        cls,
        content: Features,
        style: Features,
        strength: float,
        content_mask: Tensor | None = None,
        style_mask: Tensor | None = None,
    ) -> io.NodeOutput:
        return io.NodeOutput(transferred(content, style, "adain", strength, content_mask, style_mask))


class WCT(io.ComfyNode):
    """Whitening and coloring: the style's whole covariance on the content."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="StyleAtelierWCT",
            display_name="WCT (Whitening and Coloring)",
            category=CATEGORY,
            description="Gives content features the style's covariance, so that whole patterns "
            "come along and not only tone. Stronger than AdaIN.",
            search_aliases=["whitening coloring transform", "universal style transfer", "optimal transport", "feature transfer"],
            inputs=[
                FeaturesSocket.Input("content", tooltip="Features of the picture to change."),
                FeaturesSocket.Input("style", tooltip="Features of the picture whose style to take, from the same encoder."),
                io.Combo.Input(
                    "method",
                    options=list(FULL_METHODS),
                    default="zca",
                    tooltip="zca is the published method; cholesky and newton_schulz reach the "
                    "same statistics faster, each with its own "
                    "look; optimal_transport moves the content the least.",
                ),
                io.Float.Input("strength", default=1.0, min=0.0, max=1.0, step=0.01, tooltip=STRENGTH_TOOLTIP),
                io.Combo.Input(
                    "regularise",
                    display_name="regularize",
                    options=["none", "identity"],
                    default="none",
                    advanced=True,
                    tooltip="identity adds a unit to the content's covariance: calmer where the content is flat.",
                ),
                io.Mask.Input("content_mask", optional=True, tooltip=CONTENT_MASK_TOOLTIP),
                io.Mask.Input("style_mask", optional=True, tooltip=STYLE_MASK_TOOLTIP),
            ],
            outputs=[FeaturesSocket.Output(display_name="features", tooltip="For Blend Features or Decode Features.")],
        )

    @classmethod
    def execute(
        cls,
        content: Features,
        style: Features,
        method: str,
        strength: float,
        regularise: Literal["none", "identity"],
        content_mask: Tensor | None = None,
        style_mask: Tensor | None = None,
    ) -> io.NodeOutput:
        return io.NodeOutput(transferred(content, style, method, strength, content_mask, style_mask, regularise))


class BlendFeatures(io.ComfyNode):
    """A weighted mean of features."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="StyleAtelierBlendFeatures",
            display_name="Blend Features",
            category=CATEGORY,
            description="Mixes features of several styles, or of a style and the content, before decoding.",
            search_aliases=["mix styles", "interpolate styles", "style blending", "average features"],
            inputs=[
                grown("features", FeaturesSocket, "features", BLEND_TOOLTIP, least=2),
                proportions(),
            ],
            outputs=[FeaturesSocket.Output(display_name="features", tooltip="For Decode Features.")],
        )

    @classmethod
    def execute(cls, features: io.Autogrow.Type, weights: str) -> io.NodeOutput:
        from ...models.ops.transfer import blend_features

        chosen: list[Features] = list(slots(features, "features").values())
        if not chosen:
            raise ValueError("features has nothing to blend: connect at least one.")
        shares = read_weights(weights, len(chosen), "weights")
        memory = sum(size_of(f) for f in chosen)

        def work(device: torch.device) -> Features:
            return moved(blend_features([moved(f, to(device)) for f in chosen], shares), to_wire)

        return io.NodeOutput(compute(work, 2 * memory))


class Decode(io.ComfyNode):
    """ATELIER_FEATURES -> IMAGE."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="StyleAtelierDecode",
            display_name="Decode Features",
            category=CATEGORY,
            description="Paints a picture from features, at the size of the picture they came from.",
            search_aliases=["features to image", "style decoder"],
            inputs=[
                DecoderSocket.Input("decoder", tooltip="From Load Style Decoder: the one that belongs to the encoder."),
                FeaturesSocket.Input("features", tooltip="From Encode Picture, AdaIN, WCT or Blend Features."),
                memory_budget(),
            ],
            outputs=[io.Image.Output(display_name="image", tooltip="The picture.")],
        )

    @classmethod
    def execute(cls, decoder: Hosted, features: Features, memory_budget: float) -> io.NodeOutput:
        decoder.model.check(features)
        size, cost = (features.height, features.width), decoder.model.bytes_per_pixel

        def work(together: int, tile: int) -> Tensor:
            starts = range(0, features.batch, together)
            watch = Watch(len(starts))
            made = []
            with on_device(decoder, piece_memory(size, together, tile, cost)) as device:
                for i, start in enumerate(starts):
                    part = moved(features, lambda x, start=start: x[start : start + together].to(device))
                    made.append(to_image(decoder.model.decode(part, tile, watch.part(i)), None, *wire_format()))
            return torch.cat(made)

        return io.NodeOutput(pieces(size, features.batch, cost, memory_budget, work))


def transferred(
    content: Features,
    style: Features,
    method: str,
    strength: float,
    content_mask: Tensor | None,
    style_mask: Tensor | None,
    regularize: Literal["none", "identity"] = "none",
) -> Features:
    """One call of models' transfer on the host's device, with checked masks."""
    from ...models.ops.transfer import transfer_features

    where = None if content_mask is None else from_mask(content_mask, "content_mask", content.batch)
    source = None if style_mask is None else from_mask(style_mask, "style_mask", style.batch)

    def work(device: torch.device) -> Features:
        a, b = moved(content, to(device)), moved(style, to(device))
        here, there = (None if mask is None else mask.to(device) for mask in (where, source))
        return moved(transfer_features(a, b, method, strength, here, there, regularize), to_wire)

    return compute(work, 3 * (size_of(content) + size_of(style)))


def moved(features: Features, move: Callable[[Tensor], Tensor]) -> Features:
    """The same features with every level moved."""
    return features.with_levels({tap: move(f) for tap, f in features.levels.items()})


def to(device: torch.device) -> Callable[[Tensor], Tensor]:
    """A move to this device."""
    return lambda x: x.to(device)


def joined(parts: list[Features]) -> Features:
    """Features of consecutive pictures as one batch."""
    return parts[0].with_levels({tap: torch.cat([part.levels[tap] for part in parts]) for tap in parts[0].levels})


def size_of(features: Features) -> int:
    """Bytes."""
    return sum(f.numel() * f.element_size() for f in features.levels.values())
