"""Optimize Strokes: strokes follow objectives downhill."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import torch
from comfy_api.latest import io

from ..classical.batches import CATEGORY, seed_input
from ..classical.render_strokes import check_strokes
from ..host.drawing import curve, from_pillow
from ..host.feedback import Interrupted, Watch, show
from ..host.images import to_image, wire_format
from ..host.networks import compute_device, on_device, plain_weights
from ..host.sockets import ObjectiveSocket, StrokesSocket
from .run import plain
from .wires import check_objective

if TYPE_CHECKING:
    from ...models.classical.strokes import Sheets

BYTES_PER_PIXEL = 4000  # of a picture on its way through an encoder and back
TILE = 512

_stops = 0


class OptimizeStrokes(io.ComfyNode):
    """ATELIER_STROKES and ATELIER_OBJECTIVE -> better ATELIER_STROKES."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="StyleAtelierOptimizeStrokes",
            display_name="Optimize Strokes",
            category=CATEGORY,
            description="Moves, bends, widens and recolors strokes until the painting meets objectives, such as a painting's "
            "style and a photograph's content. The result stays strokes: paint it at any size, or as SVG. Stop it at any time.",
            search_aliases=[
                "parameterized brushstrokes",
                "kotovenko",
                "differentiable rendering",
                "vector style transfer",
                "strokes",
            ],
            inputs=[
                StrokesSocket.Input("strokes", tooltip="From Paint Strokes. Those of a picture of 256 to 512 pixels are quick."),
                ObjectiveSocket.Input(
                    "objective", tooltip="What the painting shall meet, from an objective or Combine Objectives."
                ),
                io.Int.Input("steps", default=40, min=1, max=10000, step=1, tooltip="Each paints all strokes and looks once."),
                io.Float.Input(
                    "rate",
                    default=1.0,
                    min=0.05,
                    max=10.0,
                    step=0.05,
                    tooltip="How far a step may go: 1 moves a point by a quarter of a pixel.",
                ),
                io.Combo.Input(
                    "change",
                    options=["shapes and colors", "shapes", "colors"],
                    default="shapes and colors",
                    tooltip="What may change: shapes are places, bends and widths.",
                ),
                io.Float.Input(
                    "seconds", default=0.0, min=0.0, max=86400.0, step=1.0, tooltip="End after so many seconds; 0 sets no limit."
                ),
                seed_input("Of what objectives draw by chance."),
            ],
            outputs=[
                StrokesSocket.Output(display_name="strokes", tooltip="The best strokes that were found, in one layer."),
                io.Image.Output(display_name="images", tooltip="The paintings."),
                io.Image.Output(display_name="curve", tooltip="How the loss fell, as a picture."),
            ],
        )

    @classmethod
    def fingerprint_inputs(cls, **_: Any) -> int:
        return _stops

    @classmethod
    def execute(
        cls, strokes: Sheets, objective: Any, steps: int, rate: float, change: str, seconds: float, seed: int
    ) -> io.NodeOutput:
        from ...models.classical.raster import render
        from ...models.classical.strokes import Sheets
        from ...models.optimization.strokes import Refinement, RefineSettings, refine, slope_by_objectives

        global _stops
        given, wired = check_strokes(strokes), check_objective(objective, "objective")
        if any(sheet.background is None for sheet in given.sheets):
            raise ValueError("strokes lie on a picture of their own: connect those of Paint Strokes.")
        settings = RefineSettings(steps, rate, "shapes" in change, "colors" in change, seconds, seed, TILE)
        watch = Watch(len(given.sheets))
        found = [Refinement(sheet) for sheet in given.sheets]
        with torch.inference_mode(False), torch.no_grad(), ExitStack() as stack:
            for network in wired.networks:
                stack.enter_context(on_device(network, BYTES_PER_PIXEL * TILE * TILE))
            stack.enter_context(plain_weights(*(network.model.module for network in wired.networks)))
            objectives, device = plain(wired.objectives), compute_device()
            try:
                for number, at in enumerate(found):
                    at.strokes = at.strokes.copied().to(device)
                    size = (at.strokes.height, at.strokes.width)
                    start = render(at.strokes)
                    slope = slope_by_objectives(objectives, number, *size, settings, start)
                    refine(at, slope, settings, watch.part(number))
            except Interrupted:
                _stops += 1
            made = [at.strokes.to("cpu") for at in found]
            pictures = torch.cat([render(sheet) for sheet in made])
        report = [f"loss {at.curve[0]:.4g} -> {min(at.curve):.4g} in {len(at.curve)} steps" for at in found if at.curve]
        show("\n".join(report))
        lines = [from_pillow(curve(at.curve, [], "loss of each step")) for at in found]
        wire = wire_format()
        return io.NodeOutput(Sheets(tuple(made)), to_image(pictures, None, *wire), to_image(torch.cat(lines), None, *wire))
