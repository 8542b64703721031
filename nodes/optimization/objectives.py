"""Objectives: what a picture that is optimized shall keep, and how several are added. Wires that the artist weighs."""

from __future__ import annotations

from comfy_api.latest import io
from torch import Tensor

from ..host.images import from_image, read_weights, slots, socket
from ..host.sockets import Hosted, ObjectiveSocket
from .wires import (
    CATEGORY,
    MASK_TOOLTIP,
    Wired,
    check_layers,
    check_objective,
    encoder_or_best,
    layer_inputs,
    optional_mask,
    output,
    scale_input,
    weight_input,
    wired,
)

MOST_OBJECTIVES = 16


class ContentObjective(io.ComfyNode):
    """IMAGE -> ATELIER_OBJECTIVE that keeps its drawing."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="StyleAtelierContentObjective",
            display_name="Content Objective",
            category=CATEGORY,
            description="Asks the result to keep what this picture shows: its features at a layer, or its edges.",
            search_aliases=["content loss", "gatys", "feature loss", "perceptual loss", "laplacian loss", "lapstyle"],
            inputs=[
                io.Image.Input("image", tooltip="The picture whose drawing to keep. It is brought to the result's size."),
                weight_input(1.0),
                io.DynamicCombo.Input(
                    "kind",
                    options=[
                        io.DynamicCombo.Option("features", [scale_input()]),
                        io.DynamicCombo.Option("Laplacian", []),
                    ],
                    tooltip="features compares what an encoder sees (Gatys), at relu4_2 by default; Laplacian compares edges "
                    "after averaging over 4 and 16 pixels, which keeps fine lines.",
                ),
                *layer_inputs(),
                io.Mask.Input("mask", optional=True, tooltip=MASK_TOOLTIP),
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
        encoder: Hosted | None = None,
        mask: Tensor | None = None,
    ) -> io.NodeOutput:
        from ...models.encoders.pixels import PIXELS
        from ...models.objectives.content import ContentObjective as Content
        from ...models.objectives.content import LaplacianObjective

        picture = from_image(image, "image")
        where = optional_mask(mask, "mask", picture.batch)
        if kind["kind"] == "Laplacian":
            return io.NodeOutput(wired(LaplacianObjective(weight, PIXELS, picture.rgb, mask=where)))
        chosen = encoder_or_best(encoder)
        names, numbers = check_layers(chosen, layers, layer_weights)
        made = Content(weight, chosen.model, picture.rgb, names, numbers, where, kind["scale"] == "relative")
        return io.NodeOutput(wired(made, chosen))


class SmoothnessObjective(io.ComfyNode):
    """-> ATELIER_OBJECTIVE that asks for calm areas."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="StyleAtelierSmoothnessObjective",
            display_name="Smoothness Objective",
            category=CATEGORY,
            description="Asks neighboring pixels to be alike: total variation, against noise and speckles.",
            search_aliases=["total variation", "tv loss", "denoise", "regularizer"],
            inputs=[
                weight_input(1.0),
                io.Combo.Input(
                    "kind",
                    options=["absolute", "squared"],
                    default="absolute",
                    tooltip="absolute keeps sharp edges between flat areas; squared softens everything a little.",
                ),
                io.Mask.Input("mask", optional=True, tooltip=MASK_TOOLTIP),
            ],
            outputs=output(),
        )

    @classmethod
    def execute(cls, weight: float, kind: str, mask: Tensor | None = None) -> io.NodeOutput:
        from ...models.encoders.pixels import PIXELS
        from ...models.objectives.smoothness import SmoothnessObjective as Smoothness

        where = optional_mask(mask, "mask")
        return io.NodeOutput(wired(Smoothness(weight, PIXELS, kind, where)))  # type: ignore[arg-type]


class CombineObjectives(io.ComfyNode):
    """Several ATELIER_OBJECTIVE -> one."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        template = io.Autogrow.TemplatePrefix(
            ObjectiveSocket.Input("objective", tooltip="An objective to add."), prefix="objective", min=1, max=MOST_OBJECTIVES
        )
        return io.Schema(
            node_id="StyleAtelierCombineObjectives",
            display_name="Combine Objectives",
            category=CATEGORY,
            description="Adds objectives: the result is to meet all of them, each as much as it weighs.",
            search_aliases=["add losses", "total loss", "sum objectives", "loss weights"],
            inputs=[
                io.Autogrow.Input(
                    "objectives",
                    template=template,
                    tooltip="The objectives to add. A socket for the next appears as you connect.",
                ),
                io.String.Input(
                    "weights",
                    default="",
                    tooltip="A factor for each, such as 1, 0.5, multiplied with its own weight. Empty leaves all as they are.",
                ),
            ],
            outputs=output(),
        )

    @classmethod
    def execute(cls, objectives: io.Autogrow.Type, weights: str) -> io.NodeOutput:
        from ...models.objectives.objective import combine

        found = [check_objective(one, socket("objective", slot)) for slot, one in slots(objectives, "objective").items()]
        if not found:
            raise ValueError("objectives holds none: connect at least one objective.")
        factors = read_weights(weights, len(found), "weights")
        networks = {id(network.patcher): network for one in found for network in one.networks}
        return io.NodeOutput(Wired(combine([one.objectives for one in found], factors), tuple(networks.values())))
