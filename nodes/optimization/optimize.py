"""Optimize: a picture is made by following objectives downhill."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io
from torch import Tensor

from ...models.optimization.engine import OptimizeSettings
from ..host.images import Picture, from_image, to_image, wire_format
from ..host.sockets import ObjectiveSocket
from ..host.widgets import memory_budget
from .run import Job, carry_out
from .wires import Wired, check_objective

LARGEST_SIZE = 16384
LAPLACIAN_BLOCK = 16  # pixels that its coarser half averages over
SECONDS_TOOLTIP = "End after so many seconds; every size of the picture gets its part. 0 sets no limit."
BUDGET_TOOLTIP = (
    "How much memory the work may take, in GiB. Larger pictures are worked in tiles, with the same loss; with little memory "
    "L-BFGS remembers fewer steps. 0 takes half of what is free."
)
SEED_TOOLTIP = "Of noise and of all that is drawn by chance: the same seed gives the same picture on the same device."


def result_outputs() -> list[Any]:
    """image, report and curve."""
    return [
        io.Image.Output(display_name="image", tooltip="The best picture that was found; with Keep this, the best so far."),
        io.String.Output(display_name="report", tooltip="Every objective's value, weight and share, for Preview Any."),
        io.Image.Output(display_name="curve", tooltip="How the loss fell, as a picture."),
    ]


class Optimize(io.ComfyNode):
    """ATELIER_OBJECTIVE -> IMAGE."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        side = {"default": 0, "min": 0, "max": LARGEST_SIZE, "step": 8}
        return io.Schema(
            node_id="StyleAtelierOptimize",
            display_name="Optimize",
            category="Style Atelier",
            description="Makes a picture that meets objectives, pixel by pixel, from coarse to fine. Slow, and the most faithful "
            "way to a style. Keep this takes the best picture so far; after Cancel, the next run goes on.",
            search_aliases=[
                *(
                    "neural style",
                    "gatys",
                    "optimize",
                    "l-bfgs",
                    "adam",
                    "texture synthesis",
                    "style transfer",
                    "texture",
                    "纹理",
                ),
            ],
            inputs=[
                ObjectiveSocket.Input(
                    "objective", tooltip="What the picture shall meet, from an objective or Combine Objectives."
                ),
                io.Image.Input(
                    "start_image",
                    optional=True,
                    tooltip="The picture to begin with; it also sets the size. Left out: the content objective's picture.",
                ),
                io.Combo.Input(
                    "start",
                    options=["image", "noise"],
                    default="image",
                    tooltip="image begins with the picture, which keeps its drawing best; noise begins with nothing.",
                ),
                io.Int.Input("width", **side, tooltip="Of the result, in pixels. 0 takes the start picture's."),
                io.Int.Input("height", **side, tooltip="Of the result, in pixels. 0 takes the start picture's."),
                io.Int.Input(
                    "steps",
                    default=100,
                    min=1,
                    max=100000,
                    step=1,
                    tooltip="Steps at the final size: each looks at the picture once.",
                ),
                io.Int.Input(
                    "coarse_steps",
                    default=100,
                    min=0,
                    max=100000,
                    step=1,
                    tooltip="Steps at each smaller size before. They cost little, and find what large shapes need.",
                ),
                io.Int.Input(
                    "smallest_size",
                    default=128,
                    min=0,
                    max=LARGEST_SIZE,
                    step=8,
                    tooltip="Longer side of the first, smallest picture; from there it grows by a factor of 1.41. 0 works at the "
                    "final size alone.",
                ),
                io.DynamicCombo.Input(
                    "optimizer",
                    options=[
                        io.DynamicCombo.Option(
                            "L-BFGS",
                            [
                                io.Int.Input(
                                    "history",
                                    default=OptimizeSettings.history,
                                    min=3,
                                    max=200,
                                    step=1,
                                    advanced=True,
                                    tooltip="Steps that it remembers, each of two pictures of memory; large pictures get fewer.",
                                )
                            ],
                        ),
                        io.DynamicCombo.Option(
                            "Adam",
                            [
                                io.Float.Input(
                                    "learning_rate",
                                    default=0.02,
                                    min=0.0001,
                                    max=1.0,
                                    step=0.001,
                                    tooltip="How far a step may change a pixel, whose values reach from 0 to 1.",
                                ),
                                io.Float.Input(
                                    "averaging",
                                    default=0.99,
                                    min=0.0,
                                    max=0.999,
                                    step=0.001,
                                    tooltip="The result is a running mean of the pictures, which keeps so much of the old: "
                                    "smoother, without noise. 0 takes the last picture.",
                                ),
                                io.Boolean.Input(
                                    "normalise_gradients",
                                    display_name="normalize gradients",
                                    default=False,
                                    tooltip="Give every layer of every objective the same say, whatever its size; weights then "
                                    "share out the steps instead of the loss.",
                                ),
                            ],
                        ),
                    ],
                    tooltip="L-BFGS needs fewer steps; Adam is better for what is drawn by chance (text, sliced Wasserstein).",
                ),
                io.Float.Input("seconds", default=0.0, min=0.0, max=86400.0, step=1.0, tooltip=SECONDS_TOOLTIP),
                io.Int.Input(
                    "seed",
                    default=0,
                    min=0,
                    max=0xFFFFFFFF,
                    step=1,
                    control_after_generate=io.ControlAfterGenerate.fixed,
                    tooltip=SEED_TOOLTIP,
                ),
                io.Boolean.Input(
                    "continue_from_last",
                    default=True,
                    advanced=True,
                    tooltip="When only weights changed since the last run, go on from its picture. Off begins anew every time, "
                    "which makes a picture that others can make too.",
                ),
                memory_budget(BUDGET_TOOLTIP),
            ],
            outputs=result_outputs(),
        )

    @classmethod
    def execute(
        cls,
        objective: Wired,
        start: str,
        width: int,
        height: int,
        steps: int,
        coarse_steps: int,
        smallest_size: int,
        optimizer: io.DynamicCombo.Type,
        seconds: float,
        seed: int,
        continue_from_last: bool,
        memory_budget: float,
        start_image: Tensor | None = None,
    ) -> io.NodeOutput:
        picture = begin_with(check_objective(objective, "objective"), start_image)
        if picture is None and not (width and height):
            raise ValueError(
                "start_image is not connected and no content objective gives a size: connect one, or set width and height."
            )
        if picture is None and start == "image":
            raise ValueError("start_image is not connected and there is no content objective: connect one, or start from noise.")
        settings = OptimizeSettings(
            steps=steps,
            coarse_steps=coarse_steps,
            smallest=smallest_size,
            optimizer="adam" if optimizer["optimizer"] == "Adam" else "lbfgs",
            rate=optimizer.get("learning_rate", OptimizeSettings.rate),
            averaging=optimizer.get("averaging", OptimizeSettings.averaging),
            normalize=optimizer.get("normalise_gradients", False),
            history=optimizer.get("history", OptimizeSettings.history),
            seconds=seconds,
            seed=seed,
        )
        job = Job(
            objective,
            None if picture is None or start == "noise" else picture.rgb,
            height or (picture.height if picture else 0),
            width or (picture.width if picture else 0),
            max(1 if picture is None else picture.batch, *(part.batch for part in objective.objectives.parts)),
            settings,
            memory_budget,
            continue_from_last,
        )
        check_edges(job)
        made, text, curve = carry_out(job)
        alpha = picture.alpha if picture is not None and picture.alpha is not None else None
        kept = alpha if alpha is not None and alpha.shape[-2:] == made.shape[-2:] else None
        return io.NodeOutput(to_image(made, kept, *wire_format()), text, to_image(curve, None, *wire_format()))


def check_edges(job: Job) -> None:
    """Raise ValueError with one sentence where a picture on the way is too small for the Laplacian's blocks."""
    from ...models.objectives.content import LaplacianObjective

    if any(isinstance(part, LaplacianObjective) for part in job.wired.objectives.parts):
        height, width, _ = job.settings.scales(job.height, job.width)[0]
        if min(height, width) < LAPLACIAN_BLOCK:
            raise ValueError(
                f"smallest_size {job.settings.smallest} begins with {width}x{height} pixels, and a Laplacian content objective "
                f"needs {LAPLACIAN_BLOCK} on each side: raise smallest_size, or make the result larger."
            )


def begin_with(objective: Wired, start_image: Tensor | None) -> Picture | None:
    """The picture on the wire, or the first content picture among the objectives."""
    from ...models.objectives.content import ContentObjective, LaplacianObjective
    from ...models.objectives.text import TextObjective

    if start_image is not None:
        return from_image(start_image, "start_image")
    contents = [p for p in objective.objectives.parts if isinstance(p, ContentObjective | LaplacianObjective | TextObjective)]
    return Picture(contents[0].picture) if contents else None
