"""Stylize by Example: a picture painted with patches of a painting, as guides say."""

from __future__ import annotations

import torch
from comfy_api.latest import io
from torch import Tensor

from ...models.progress import Progress, silent
from ..host.images import Picture, from_image, from_mask, read_names, read_weights, slots, take
from ..host.networks import on_device
from ..host.sockets import EncoderSocket, Hosted
from ..host.widgets import grown
from .batches import CATEGORY, check_room, least_side, mask_input, painted, patch_input, seed_input, size_input, uniformity_input


def weight_input(id: str, default: float, tooltip: str, advanced: bool = False) -> io.Float.Input:
    """How much a guide counts."""
    return io.Float.Input(id, default=default, min=0.0, max=100.0, step=0.1, advanced=advanced, tooltip=tooltip)


class StylizeByExample(io.ComfyNode):
    """IMAGE and a painted example with guides -> the picture painted like it."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="StyleAtelierStylizeByExample",
            display_name="Stylize by Example",
            category=CATEGORY,
            description="Paints pictures with patches of a painting. Guides say which patch goes where: brightness or colors, "
            "edges, positions, regions, an encoder's features, and any pairs of pictures of your own. No network needed.",
            search_aliases=[
                *("ebsynth", "stylit", "patch based", "patchmatch", "example based", "texture by numbers", "facestyle"),
                *("neural image analogies", "guided texture synthesis"),
            ],
            inputs=[
                io.Image.Input("style", tooltip="The painting. Of a batch, each picture takes the next."),
                io.Image.Input("images", tooltip="The pictures to paint."),
                io.Image.Input(
                    "source",
                    optional=True,
                    tooltip="What was painted in style, such as the photo it was made from. It is resized to style. Without it, "
                    "style's own brightness is compared with that of images.",
                ),
                weight_input(
                    "image_weight", 6.0, "How much colors (with source) or brightness (without it) decide. 0 turns it off."
                ),
                weight_input("edge_weight", 1.0, "How much edges decide. 0 turns it off."),
                weight_input(
                    "position_weight",
                    0.0,
                    "How much the place in the picture decides: 1.5 keeps a portrait's left eye from the left eye. 0 turns it "
                    "off.",
                ),
                io.Mask.Input(
                    "style_regions", optional=True, tooltip="Regions of style: shades of gray for several. See regions."
                ),
                io.Mask.Input(
                    "regions",
                    optional=True,
                    tooltip="Regions of images: what has the same shade here and in style_regions is painted with it.",
                ),
                weight_input("region_weight", 6.0, "How much regions decide."),
                EncoderSocket.Input(
                    "encoder",
                    optional=True,
                    tooltip="From Load Style Encoder: what it sees in source (or style) and images guides too.",
                ),
                weight_input("feature_weight", 4.0, "How much the encoder's features decide."),
                io.String.Input(
                    "tap",
                    default="",
                    advanced=True,
                    tooltip="Which of the encoder's layers to compare, such as relu3_1. Leave empty for its deepest usual one.",
                ),
                grown(
                    "style_guides", io.Image, "style_guide", "Guides of your own for style, such as light passes of a rendering."
                ),
                grown("target_guides", io.Image, "target_guide", "The same guides for images, one for each of style_guides."),
                io.String.Input(
                    "guide_weights",
                    default="",
                    tooltip="How much each of your own guides decides, such as 0.7, 2. Leave empty for 1 each.",
                ),
                patch_input(),
                uniformity_input(),
                io.Boolean.Input(
                    "polish",
                    default=False,
                    tooltip="Go over it once more with patches of 3x3: sharper, and truer to the guides in small things.",
                ),
                size_input(),
                mask_input(),
                seed_input(),
            ],
            outputs=[io.Image.Output(display_name="images", tooltip="The pictures, painted.")],
        )

    @classmethod
    def execute(
        cls,
        style: Tensor,
        images: Tensor,
        image_weight: float,
        edge_weight: float,
        position_weight: float,
        region_weight: float,
        feature_weight: float,
        tap: str,
        guide_weights: str,
        patch: int,
        uniformity: float,
        polish: bool,
        size: int,
        seed: int,
        source: Tensor | None = None,
        style_regions: Tensor | None = None,
        regions: Tensor | None = None,
        encoder: Hosted | None = None,
        style_guides: io.Autogrow.Type | None = None,
        target_guides: io.Autogrow.Type | None = None,
        mask: Tensor | None = None,
    ) -> io.NodeOutput:
        from ...models.classical.guides import brightness_guide, edges, positions
        from ...models.classical.patch_synthesis import Guide, PatchSettings, synthesize

        example, picture = from_image(style, "style"), from_image(images, "images").with_shorter_side(size)
        for name, given in (("style", example), ("images", picture)):
            check_room(given, name, least_side(patch))
        before = None if source is None else from_image(source, "source").resized(example.height, example.width)
        labels = region_pair(style_regions, regions, example, picture)
        own = own_guides(style_guides, target_guides, guide_weights, example, picture)
        settings = PatchSettings(uniformity=uniformity, patch=patch, polish=polish, seed=seed)

        def work(rgb: Tensor, number: int, device: torch.device, progress: Progress) -> Tensor:
            def nth(x: Tensor) -> Tensor:
                return take(x, number, number + 1).to(device)

            painting, seen = nth(example.rgb), nth((before or example).rgb)
            image = brightness_guide(seen, rgb) if before is None else (seen, rgb)
            guides = [Guide(image[0], image[1], image_weight), Guide(edges(seen), edges(rgb), edge_weight)]
            places = [positions(x.shape[2], x.shape[3], device) for x in (seen, rgb)]
            guides.append(Guide(places[0], places[1], position_weight))
            guides += [Guide(nth(a), nth(b), weight) for a, b, weight in own]
            if labels is not None:
                guides.append(Guide(nth(labels[0]), nth(labels[1]), region_weight))
            if encoder is not None and feature_weight:
                features = encoded(encoder, tap, seen, rgb)
                guides.append(Guide(features[0], features[1], feature_weight))
            return synthesize(painting, guides, (picture.height, picture.width), settings, progress).picture

        return io.NodeOutput(painted(picture, mask, work, example.height * example.width))


def region_pair(
    style_regions: Tensor | None, regions: Tensor | None, style: Picture, picture: Picture
) -> tuple[Tensor, Tensor] | None:
    """Both masks at the sizes of their pictures, or None. Raises ValueError when only one is connected."""
    from ...models.ops.masks import at_size

    if style_regions is None and regions is None:
        return None
    if style_regions is None or regions is None:
        missing, given = ("style_regions", "regions") if style_regions is None else ("regions", "style_regions")
        raise ValueError(
            f"{missing} is missing: regions are compared with those of the other picture, so connect it or disconnect {given}."
        )
    pair = from_mask(style_regions, "style_regions", style.batch), from_mask(regions, "regions", picture.batch)
    return at_size(pair[0], style.height, style.width), at_size(pair[1], picture.height, picture.width)


def own_guides(
    style_guides: io.Autogrow.Type | None, target_guides: io.Autogrow.Type | None, weights: str, style: Picture, picture: Picture
) -> list[tuple[Tensor, Tensor, float]]:
    """Pairs of guides at the sizes of their pictures, with weights. Raises ValueError when one of a pair is missing."""
    mine, theirs = slots(style_guides, "style_guide"), slots(target_guides, "target_guide")
    for number in sorted(mine.keys() ^ theirs.keys()):
        missing, given = ("target", "style") if number in mine else ("style", "target")
        raise ValueError(f"{missing}_guide{number} is missing: connect it, or disconnect {given}_guide{number}.")
    chosen = read_weights(weights, len(mine), "guide_weights") if mine else ()
    return [
        (
            from_image(mine[number], f"style_guide{number}").resized(style.height, style.width).rgb,
            from_image(theirs[number], f"target_guide{number}").resized(picture.height, picture.width).rgb,
            weight,
        )
        for number, weight in zip(mine, chosen, strict=True)
    ]


def encoded(encoder: Hosted, tap: str, source: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """What the encoder sees in both pictures, as a guide."""
    from ...models.classical.guides import features_guide

    try:
        chosen = encoder.model.check(read_names(tap))[-1:]
    except ValueError as error:
        raise ValueError(f"tap: {error}") from None
    pixels = max(x.shape[2] * x.shape[3] for x in (source, target))
    with on_device(encoder, encoder.model.bytes_per_pixel(chosen) * pixels) as device:
        seen = [encoder.model.encode(x.to(device), chosen, 0, silent).levels[chosen[0]].to(x.device) for x in (source, target)]
    return features_guide(seen[0], seen[1], source.shape[-2:], target.shape[-2:])
