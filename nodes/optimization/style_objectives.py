"""Objectives that take something of a style picture: a statistic of its features, or its patches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from comfy_api.latest import io
from torch import Tensor

from ..host.images import from_image
from ..host.sockets import Hosted
from .wires import (
    CATEGORY,
    MASK_TOOLTIP,
    check_layers,
    encoder_or_best,
    layer_inputs,
    optional_mask,
    output,
    scale_input,
    weight_input,
    wired,
)

if TYPE_CHECKING:
    from ...models.objectives.style import Statistic

STYLE_SIZE_TOOLTIP = (
    "Longer side of the style picture over the result's: 1 shows both at one scale, less makes strokes finer, more broader. "
    "0 keeps its own size."
)
STYLE_MASK_TOOLTIP = "Which part of the style picture to take it from: white counts. Any size."
SAMPLES_TOOLTIP = "The most positions that are compared in a step, drawn anew for every step with Adam. 0 takes all."


class StyleObjective(io.ComfyNode):
    """IMAGE -> ATELIER_OBJECTIVE that takes a statistic of its features."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        samples = {"min": 0, "max": 1048576, "step": 1, "advanced": True, "tooltip": SAMPLES_TOOLTIP}
        gram_scale = io.Combo.Input(
            "scale",
            options=["relative", "gatys", "neural-style"],
            default="relative",
            tooltip="relative divides by the style's own matrix, so that one weight fits every encoder; gatys is the paper's "
            "formula; neural-style divides as jcjohnson's program does.",
        )
        return io.Schema(
            node_id="StyleAtelierStyleObjective",
            display_name="Style Objective",
            category=CATEGORY,
            description="Asks the result to have this picture's style: a statistic of its features that does not know where "
            "anything is. With masks, in one region and from one region.",
            search_aliases=[
                *("style loss", "gram matrix", "gatys", "mmd", "adain loss", "wasserstein", "sliced wasserstein"),
                *("histogram loss", "guided gram", "color loss", "texture synthesis"),
            ],
            inputs=[
                io.Image.Input("image", tooltip="The picture whose style to take."),
                weight_input(10.0),
                io.DynamicCombo.Input(
                    "statistic",
                    options=[
                        io.DynamicCombo.Option(
                            "Gram",
                            [
                                gram_scale,
                                io.Boolean.Input(
                                    "centred",
                                    display_name="centered",
                                    default=False,
                                    tooltip="Compare covariances instead, which leaves the average of every feature free.",
                                ),
                            ],
                        ),
                        io.DynamicCombo.Option("mean and deviation", [scale_input()]),
                        io.DynamicCombo.Option("MMD linear", [scale_input()]),
                        io.DynamicCombo.Option(
                            "MMD polynomial",
                            [
                                scale_input(),
                                io.Float.Input(
                                    "constant",
                                    default=0.0,
                                    min=0.0,
                                    max=1e6,
                                    step=0.1,
                                    tooltip="Of the kernel (x.y + c)^2: how much averages count beside products.",
                                ),
                            ],
                        ),
                        io.DynamicCombo.Option(
                            "MMD Gaussian",
                            [
                                io.Float.Input(
                                    "bandwidth",
                                    default=1.0,
                                    min=0.001,
                                    max=1000.0,
                                    step=0.1,
                                    tooltip="Of the kernel, in units of the style's own spread: smaller sees finer differences.",
                                ),
                                io.Int.Input("samples", default=1024, **samples),
                            ],
                        ),
                        io.DynamicCombo.Option("Wasserstein", [scale_input()]),
                        io.DynamicCombo.Option("histogram", [scale_input(), io.Int.Input("samples", default=16384, **samples)]),
                        io.DynamicCombo.Option(
                            "sliced Wasserstein",
                            [
                                scale_input(),
                                io.Int.Input(
                                    "directions",
                                    default=0,
                                    min=0,
                                    max=4096,
                                    step=1,
                                    tooltip="Random directions a step. 0 takes as many as there are channels.",
                                ),
                                io.Int.Input("samples", default=16384, **samples),
                            ],
                        ),
                        io.DynamicCombo.Option("color", []),
                    ],
                    tooltip="What is compared: Gram is Gatys' style; mean and deviation, MMD, Wasserstein, histogram and sliced "
                    "Wasserstein are those of later papers; color takes the palette alone and needs no encoder.",
                ),
                *layer_inputs(),
                io.Float.Input("size", default=1.0, min=0.0, max=8.0, step=0.05, tooltip=STYLE_SIZE_TOOLTIP),
                io.Mask.Input("mask", optional=True, tooltip=MASK_TOOLTIP),
                io.Mask.Input("style_mask", optional=True, tooltip=STYLE_MASK_TOOLTIP),
            ],
            outputs=output(),
        )

    @classmethod
    def execute(
        cls,
        image: Tensor,
        weight: float,
        statistic: io.DynamicCombo.Type,
        layers: str,
        layer_weights: str,
        size: float,
        encoder: Hosted | None = None,
        mask: Tensor | None = None,
        style_mask: Tensor | None = None,
    ) -> io.NodeOutput:
        from ...models.objectives.style import StyleObjective as Style
        from ...models.objectives.style import color_objective

        picture = from_image(image, "image")
        where = optional_mask(mask, "mask")
        source = optional_mask(style_mask, "style_mask", picture.batch)
        if statistic["statistic"] == "color":
            return io.NodeOutput(wired(color_objective(weight, picture.rgb, where, source)))
        chosen = encoder_or_best(encoder)
        names, numbers = check_layers(chosen, layers, layer_weights)
        made = Style(weight, chosen.model, picture.rgb, statistic_of(statistic), names, numbers, where, source, size)
        return io.NodeOutput(wired(made, chosen))


def statistic_of(chosen: io.DynamicCombo.Type) -> Statistic:
    """The statistic of a dynamic combo's values."""
    from ...models.objectives.style import GaussianMMD, Gram, MeanStd, PolynomialMMD, Sorted, Wasserstein

    name, relative = chosen["statistic"], chosen.get("scale", "relative") == "relative"
    match name:
        case "Gram":
            return Gram(chosen["scale"], chosen["centred"])
        case "mean and deviation":
            return MeanStd(relative)
        case "MMD linear":
            return PolynomialMMD(1, 0.0, relative)
        case "MMD polynomial":
            return PolynomialMMD(2, chosen["constant"], relative)
        case "MMD Gaussian":
            return GaussianMMD(chosen["bandwidth"], chosen["samples"])
        case "Wasserstein":
            return Wasserstein(relative)
        case "histogram":
            return Sorted("channels", 0, chosen["samples"], relative)
        case _:
            return Sorted("random", chosen["directions"], chosen["samples"], relative)


class PatchObjective(io.ComfyNode):
    """IMAGE -> ATELIER_OBJECTIVE that takes its nearest patches."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="StyleAtelierPatchObjective",
            display_name="Patch Objective",
            category=CATEGORY,
            description="Asks every place of the result to look like some place of the style picture: strokes and shapes are "
            "copied as they are, which keeps their structure where a Gram matrix mixes them.",
            search_aliases=["mrf loss", "cnnmrf", "patch match", "nnfm", "nearest neighbor", "markov random field"],
            inputs=[
                io.Image.Input("image", tooltip="The picture whose patches to take."),
                weight_input(10.0),
                io.DynamicCombo.Input(
                    "kind",
                    options=[
                        io.DynamicCombo.Option(
                            "MRF",
                            [
                                scale_input(),
                                io.Int.Input("patch", default=3, min=1, max=7, step=2, tooltip="Side of a patch, in features."),
                                io.Int.Input(
                                    "stride",
                                    default=2,
                                    min=1,
                                    max=8,
                                    step=1,
                                    tooltip="Take one of every so many of the style's patches; the authors take 2.",
                                ),
                                io.Int.Input(
                                    "rotations",
                                    default=0,
                                    min=0,
                                    max=6,
                                    step=1,
                                    tooltip="Also look in copies of the style turned by 7.5 degrees, this many to each side.",
                                ),
                                io.Int.Input(
                                    "scales",
                                    default=0,
                                    min=0,
                                    max=6,
                                    step=1,
                                    tooltip="Also look in copies of the style resized by 5 percent, this many to each side.",
                                ),
                            ],
                        ),
                        io.DynamicCombo.Option("nearest features", []),
                    ],
                    tooltip="MRF compares patches of features (Li and Wand); nearest features compares single ones by their "
                    "direction (NNFM).",
                ),
                *layer_inputs(),
                io.Float.Input("size", default=1.0, min=0.0, max=8.0, step=0.05, tooltip=STYLE_SIZE_TOOLTIP),
                io.Int.Input(
                    "samples",
                    default=16384,
                    min=0,
                    max=1048576,
                    step=1,
                    advanced=True,
                    tooltip="The most of the style's patches that are searched, evenly spread. 0 takes all, which is slow.",
                ),
                io.Mask.Input("mask", optional=True, tooltip=MASK_TOOLTIP),
                io.Mask.Input("style_mask", optional=True, tooltip=STYLE_MASK_TOOLTIP),
            ],
            outputs=output(),
        )

    @classmethod
    def execute(
        cls,
        image: Tensor,
        weight: float,
        kind: io.DynamicCombo.Type,
        layers: str,
        layer_weights: str,
        size: float,
        samples: int,
        encoder: Hosted | None = None,
        mask: Tensor | None = None,
        style_mask: Tensor | None = None,
    ) -> io.NodeOutput:
        from ...models.objectives.patches import PatchObjective as Patches

        picture = from_image(image, "image")
        where = optional_mask(mask, "mask")
        source = optional_mask(style_mask, "style_mask", picture.batch)
        chosen = encoder_or_best(encoder)
        names, numbers = check_layers(chosen, layers, layer_weights)
        common = (picture.rgb, "mrf" if kind["kind"] == "MRF" else "nnfm", names, numbers, where, source, size)
        if kind["kind"] != "MRF":
            return io.NodeOutput(wired(Patches(weight, chosen.model, *common, samples=samples), chosen))
        copies = (kind["patch"], kind["stride"], kind["rotations"], kind["scales"])
        made = Patches(weight, chosen.model, *common, *copies, samples, kind["scale"] == "relative")
        return io.NodeOutput(wired(made, chosen))
