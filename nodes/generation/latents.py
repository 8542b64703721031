"""Points of W as things to hold: sampled by seed, truncated, mixed, blended, and walked between."""

from __future__ import annotations

from typing import TYPE_CHECKING

from comfy_api.latest import io

from ...models.generation import latents as points
from ..host.feedback import show
from ..host.images import read_weights, slots
from ..host.networks import on_device
from ..host.sockets import GeneratorSocket, Hosted, WSocket
from ..host.widgets import MOST_FRAMES, grown, proportions

if TYPE_CHECKING:
    from ...models.generation.latents import Latents

MAPPING_BYTES = 64.0 * 1024**2
MIXED = ["none", "coarse", "middle", "fine", "coarse, middle", "middle, fine"]
LAYERS_TOOLTIP = (
    "Which rows of W: coarse (pose, shape), middle (features, hair), fine (colors, texture), all, or rows such as 0-3, 8."
)


def layers(default: str = "all") -> io.String.Input:
    """The widget for rows of W."""
    return io.String.Input("layers", default=default, tooltip=LAYERS_TOOLTIP)


class SampleW(io.ComfyNode):
    """Seeds -> ATELIER_W."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        seed = {"min": 0, "max": points.LARGEST_SEED, "step": 1}
        part = {"min": -1.0, "max": 2.0, "step": 0.01}
        return io.Schema(
            node_id="StyleAtelierSampleW",
            display_name="Sample W",
            category="Style Atelier/latents",
            description="Picks points of a generator's latent space by their seeds, as its authors do: seed 85 is their face 85. "
            "The explorer below looks around them.",
            search_aliases=["stylegan seed", "generate face", "random latent", "truncation", "style mixing", "psi"],
            inputs=[
                GeneratorSocket.Input("generator", tooltip="From Load Generator."),
                io.String.Input(
                    "seeds",
                    default="85",
                    tooltip="One seed for each point: 85, or several such as 1-16, 20. The authors' convention.",
                ),
                io.Int.Input(
                    "class_label",
                    default=-1,
                    min=-1,
                    max=9999,
                    step=1,
                    tooltip="The class of a conditional generator, from 0; -1 for generators without classes.",
                ),
                io.Float.Input(
                    "truncation_psi",
                    default=0.7,
                    min=-2.0,
                    max=2.0,
                    step=0.05,
                    tooltip="How far from the average: 1 as trained, 0.7 safer and more alike, 0 the average itself, below 0 the "
                    "opposite, above 1 bolder.",
                ),
                io.Int.Input(
                    "truncation_cutoff",
                    default=-1,
                    min=-1,
                    max=64,
                    step=1,
                    tooltip="How many rows of W are truncated, from the coarsest; -1 for all. 8 leaves the fine ones.",
                ),
                io.Int.Input("x_seed", default=1, **seed, tooltip="The explorer's pad: the seed at its right side."),
                io.Float.Input("x", default=0.0, **part, tooltip="How far towards x_seed, 1 is there. The pad sets it."),
                io.Int.Input("y_seed", default=2, **seed, tooltip="The explorer's pad: the seed at its top."),
                io.Float.Input("y", default=0.0, **part, tooltip="How far towards y_seed, 1 is there. The pad sets it."),
                io.Combo.Input(
                    "mix_layers",
                    options=MIXED,
                    default="none",
                    tooltip="Style mixing: which rows come from mix_seed. The explorer's grid sets it. Mix W has more to choose.",
                ),
                io.Int.Input("mix_seed", default=0, **seed, tooltip="Style mixing: the seed that gives those rows."),
            ],
            outputs=[
                WSocket.Output(display_name="w", tooltip="A point for each seed, for Synthesize and the nodes that change W.")
            ],
        )

    @classmethod
    def execute(
        cls,
        generator: Hosted,
        seeds: str,
        class_label: int,
        truncation_psi: float,
        truncation_cutoff: int,
        x_seed: int,
        x: float,
        y_seed: int,
        y: float,
        mix_layers: str,
        mix_seed: int,
    ) -> io.NodeOutput:
        from ...models.generation.latents import parse_seeds

        chosen = parse_seeds(seeds)
        wanted = points.Sampling(
            seeds=tuple(chosen),
            class_label=class_label,
            psi=truncation_psi,
            cutoff=None if truncation_cutoff < 0 else truncation_cutoff,
            towards=tuple((seed, amount) for seed, amount in ((x_seed, x), (y_seed, y)) if amount),
            mix_seed=mix_seed,
            mix_layers="" if mix_layers == "none" else mix_layers,
        )
        with on_device(generator, MAPPING_BYTES):
            made = points.sample(generator.model, wanted)
        show(repr(made))
        return io.NodeOutput(made)


class TruncateW(io.ComfyNode):
    """ATELIER_W nearer to, or further from, the average."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        psi = {"min": -3.0, "max": 3.0, "step": 0.05}
        return io.Schema(
            node_id="StyleAtelierTruncateW",
            display_name="Truncate W",
            category="Style Atelier/latents",
            description="Takes points of W towards the average, or past it; also in steps, for a psi sweep.",
            search_aliases=["truncation trick", "psi", "psi sweep", "truncation psi"],
            inputs=[
                WSocket.Input("w", tooltip="From Sample W or any node that gives W."),
                io.Float.Input(
                    "psi", default=0.7, **psi, tooltip="1 leaves W, 0 is the average, above 1 bolder, below 0 the opposite."
                ),
                io.Float.Input("psi_end", default=0.7, **psi, tooltip="Where a sweep ends; used when steps is above 1."),
                io.Int.Input(
                    "steps",
                    default=1,
                    min=1,
                    max=MOST_FRAMES,
                    step=1,
                    tooltip="Above 1: a sweep of so many from psi to psi_end, for each point.",
                ),
                layers(),
            ],
            outputs=[WSocket.Output(display_name="w", tooltip="For each point, one for each step.")],
        )

    @classmethod
    def execute(cls, w: Latents, psi: float, psi_end: float, steps: int, layers: str) -> io.NodeOutput:
        from ...models.generation.latents import parse_rows

        return io.NodeOutput(points.truncation_sweep(w, psi, psi_end, steps, parse_rows(layers, w)))


class MixW(io.ComfyNode):
    """Rows of one ATELIER_W in another."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="StyleAtelierMixW",
            display_name="Mix W",
            category="Style Atelier/latents",
            description="Style mixing: the pose and shape of one picture with the colors of another, layer by layer.",
            search_aliases=["style mixing", "crossover", "mixing grid", "coarse middle fine"],
            inputs=[
                WSocket.Input("w", tooltip="The points that keep their other layers."),
                WSocket.Input("other", tooltip="The points whose layers are taken. The shorter batch repeats."),
                layers("fine"),
                io.Float.Input(
                    "strength",
                    default=1.0,
                    min=-1.0,
                    max=2.0,
                    step=0.05,
                    tooltip="How much of the other's layers: 1 all, 0.5 half way.",
                ),
                io.Combo.Input(
                    "pairing",
                    options=["one to one", "grid"],
                    default="one to one",
                    tooltip="one to one mixes first with first, second with second; grid every w with every other, row by row.",
                ),
            ],
            outputs=[WSocket.Output(display_name="w", tooltip="The mixed points.")],
        )

    @classmethod
    def execute(cls, w: Latents, other: Latents, layers: str, strength: float, pairing: str) -> io.NodeOutput:
        from ...models.generation.latents import parse_rows

        return io.NodeOutput(points.mix(w, other, parse_rows(layers, w), strength, pairing))  # type: ignore[arg-type]


class BlendW(io.ComfyNode):
    """Several ATELIER_Ws -> their mean."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="StyleAtelierBlendW",
            display_name="Blend W",
            category="Style Atelier/latents",
            description="Mixes points of W into one between them.",
            search_aliases=["average faces", "latent blend", "interpolate latents", "breed"],
            inputs=[
                grown("points", WSocket, "w", "Points of W; a socket for the next appears as you connect.", least=1, most=16),
                proportions(),
            ],
            outputs=[WSocket.Output(display_name="w", tooltip="The mixture; batches are mixed row by row.")],
        )

    @classmethod
    def execute(cls, points: io.Autogrow.Type, weights: str) -> io.NodeOutput:
        from ...models.generation.latents import blend

        given: list[Latents] = list(slots(points, "w").values())
        return io.NodeOutput(blend(given, read_weights(weights, len(given), "weights")))


class WalkW(io.ComfyNode):
    """Points of ATELIER_W -> a batch on the way through them."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="StyleAtelierWalkW",
            display_name="Walk W",
            category="Style Atelier/latents",
            description="Makes the frames of a walk through points of W, for a morphing video; also as a loop.",
            search_aliases=["latent walk", "interpolation video", "morph", "loop", "slerp", "spline"],
            inputs=[
                grown(
                    "points",
                    WSocket,
                    "w",
                    "Stops of the walk: a batch is several. A socket for the next appears as you connect.",
                    least=1,
                    most=16,
                ),
                io.Int.Input("frames", default=48, min=2, max=MOST_FRAMES, step=1, tooltip="How many points to make."),
                io.Combo.Input(
                    "path",
                    options=["straight", "arc", "spline"],
                    default="spline",
                    tooltip="straight goes in lines, arc turns about the average, spline passes all stops without a corner, as "
                    "the authors' videos do.",
                ),
                io.Boolean.Input(
                    "loop", default=True, tooltip="Go back to the first stop, so that a video can repeat without a jump."
                ),
                io.Combo.Input(
                    "easing",
                    options=["even", "gentle", "in", "out"],
                    default="even",
                    tooltip="How time goes between two stops: evenly, resting softly at each, starting slowly, or ending slowly.",
                ),
            ],
            outputs=[WSocket.Output(display_name="w", tooltip="A point for each frame.")],
        )

    @classmethod
    def execute(cls, points: io.Autogrow.Type, frames: int, path: str, loop: bool, easing: str) -> io.NodeOutput:
        from ...models.generation.latents import joined
        from ...models.generation.walk import walk

        given: list[Latents] = list(slots(points, "w").values())
        return io.NodeOutput(walk(joined(given), frames, path, loop, easing))  # type: ignore[arg-type]
