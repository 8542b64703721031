"""Directions of W along which pictures change, and editing along them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from comfy_api.latest import io

from ..host.feedback import Watch
from ..host.networks import on_device
from ..host.sockets import DirectionsSocket, GeneratorSocket, Hosted, WSocket
from ..host.widgets import MOST_FRAMES
from .latents import MAPPING_BYTES, layers

if TYPE_CHECKING:
    from ...models.generation import directions as ways
    from ...models.generation.generator import Generator
    from ...models.generation.latents import Latents

MOST_DIRECTIONS = 512


class Directions(io.ComfyNode):
    """ATELIER_GENERATOR -> ATELIER_DIRECTIONS."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="StyleAtelierDirections",
            display_name="Directions",
            category="Style Atelier/latents",
            description="Finds the directions of a generator's latent space along which its pictures change most, without "
            "labels: pose, age, light, whatever it has learned.",
            search_aliases=["sefa", "ganspace", "pca", "closed form factorization", "latent directions", "semantic editing"],
            inputs=[
                GeneratorSocket.Input("generator", tooltip="From Load Generator."),
                io.Combo.Input(
                    "method",
                    options=["SeFa", "PCA"],
                    default="SeFa",
                    tooltip="SeFa reads the directions from the weights at once; PCA finds where random points of W spread most.",
                ),
                layers(),
                io.Int.Input(
                    "count",
                    default=16,
                    min=1,
                    max=MOST_DIRECTIONS,
                    step=1,
                    tooltip="How many directions to keep, the strongest first.",
                ),
                io.Int.Input(
                    "samples",
                    default=10000,
                    min=100,
                    max=1000000,
                    step=100,
                    advanced=True,
                    tooltip="PCA: how many random points of W to look at.",
                ),
                io.Int.Input(
                    "seed",
                    default=0,
                    min=0,
                    max=0xFFFFFFFF,
                    step=1,
                    control_after_generate=io.ControlAfterGenerate.fixed,
                    advanced=True,
                    tooltip="PCA: which random points.",
                ),
            ],
            outputs=[
                DirectionsSocket.Output(display_name="directions", tooltip="For Edit W."),
                io.String.Output(display_name="table", tooltip="The directions with their share and spread, for Preview Any."),
            ],
        )

    @classmethod
    def execute(cls, generator: Hosted, method: str, layers: str, count: int, samples: int, seed: int) -> io.NodeOutput:
        from ...models.generation import directions as ways
        from ...models.generation.latents import of_generator, parse_rows

        model: Generator = generator.model
        rows = parse_rows(layers, of_generator(model, torch.zeros(1, model.rows, model.style), ""))
        with on_device(generator, MAPPING_BYTES):
            if method == "SeFa":
                found = ways.sefa(model, rows, count)
            else:
                found = ways.principal_components(model, samples, seed, count, progress=Watch().part(0))
        return io.NodeOutput(found, found.table(count))


class EditW(io.ComfyNode):
    """ATELIER_W moved along directions."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        amount = {"default": 0.0, "min": -20.0, "max": 20.0, "step": 0.05}
        number = {"min": 0, "max": MOST_DIRECTIONS - 1, "step": 1}
        return io.Schema(
            node_id="StyleAtelierEditW",
            display_name="Edit W",
            category="Style Atelier/latents",
            description="Moves points of W along directions: turn the head, add age, change the light. The explorer below tries "
            "two directions at once.",
            search_aliases=["latent edit", "face edit", "age slider", "pose slider", "sefa edit", "attribute editing"],
            inputs=[
                WSocket.Input("w", tooltip="From Sample W, Project or any node that gives W."),
                DirectionsSocket.Input("directions", tooltip="From Directions, of the same generator."),
                io.Int.Input("direction", default=0, **number, tooltip="The number of the direction; 0 is the strongest."),
                io.Float.Input(
                    "amount", **amount, tooltip="How far along it, in standard deviations of W. 3 is much. The pad sets it."
                ),
                io.Int.Input("second_direction", default=1, **number, tooltip="The number of a second direction."),
                io.Float.Input("second_amount", **amount, tooltip="How far along the second one. The pad sets it."),
                layers(),
                io.Int.Input(
                    "steps",
                    default=1,
                    min=1,
                    max=MOST_FRAMES,
                    step=1,
                    tooltip="Above 1: a strip of so many from the opposite of the amounts to the amounts, for each point.",
                ),
            ],
            outputs=[WSocket.Output(display_name="w", tooltip="The edited points.")],
        )

    @classmethod
    def execute(
        cls,
        w: Latents,
        directions: ways.Directions,
        direction: int,
        amount: float,
        second_direction: int,
        second_amount: float,
        layers: str,
        steps: int,
    ) -> io.NodeOutput:
        from ...models.generation import directions as ways
        from ...models.generation.latents import parse_rows

        moves = [(direction, amount), (second_direction, second_amount)]
        return io.NodeOutput(ways.edit_in_steps(w, directions, moves, parse_rows(layers, w), steps))
