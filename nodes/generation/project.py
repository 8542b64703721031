"""Project: the point of W whose picture is nearest to a given one."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from comfy_api.latest import io
from torch import Tensor

from ..host.feedback import Interrupted, Kept, Watch, asked_to_keep, show
from ..host.folders import Locator
from ..host.images import from_image, take, to_image, wire_format
from ..host.networks import load, on_device, plain_weights
from ..host.sockets import EncoderSocket, GeneratorSocket, Hosted, WSocket

if TYPE_CHECKING:
    from ...models.generation.generator import Generator
    from ...models.generation.projection import Projection, ProjectionSettings

BUILT_IN = "Pocket (built-in)"
BEST = "vgg16"
STOPPED = "Stopped at step {steps}. Run goes on from here; Keep this takes the point as it is."
MEMORY_FOR_GRADIENTS = 6.0

_unfinished: dict[str, Projection] = {}  # the last one that was stopped, by what it was to find


class Project(io.ComfyNode):
    """IMAGE -> ATELIER_W."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="StyleAtelierProject",
            display_name="Project",
            category="Style Atelier/latents",
            description="Finds the point of W whose picture is nearest to yours, so that you can edit, mix and animate a photo. "
            "After Cancel, the next run of the same picture goes on where it was; Keep this takes what is found.",
            search_aliases=["gan inversion", "projector", "encode face", "image to latent", "stylegan projection", "inversion"],
            inputs=[
                GeneratorSocket.Input("generator", tooltip="From Load Generator. It can only find what it was trained to make."),
                io.Image.Input(
                    "image",
                    tooltip="A square picture, cut as the generator's training pictures were; others are resized to a square.",
                ),
                EncoderSocket.Input(
                    "encoder",
                    optional=True,
                    tooltip="What judges the likeness. Left out: VGG-16 where it has been downloaded, else the built-in encoder.",
                ),
                io.Int.Input(
                    "steps", default=1000, min=10, max=100000, step=10, tooltip="The authors take 1000; 300 is often near."
                ),
                io.Combo.Input(
                    "space",
                    options=["W", "W+"],
                    default="W",
                    tooltip="W stays on pictures that the generator could make, and edits well; W+ finds a style for each "
                    "layer: nearer to the picture, but it edits less well.",
                ),
                io.Boolean.Input(
                    "optimise_noise",
                    display_name="optimize noise",
                    default=True,
                    tooltip="Also find the noise, as the authors do. It travels with W, for Synthesize with noise const.",
                ),
                io.Int.Input(
                    "seed",
                    default=303,
                    min=0,
                    max=0xFFFFFFFF,
                    step=1,
                    control_after_generate=io.ControlAfterGenerate.fixed,
                    advanced=True,
                    tooltip="Of the chance in the search.",
                ),
                io.Int.Input(
                    "class_label",
                    default=-1,
                    min=-1,
                    max=9999,
                    step=1,
                    advanced=True,
                    tooltip="The class to start from; -1 for generators without.",
                ),
            ],
            outputs=[
                WSocket.Output(display_name="w", tooltip="A point for each picture."),
                io.Image.Output(display_name="image", tooltip="What the generator makes of it."),
                io.String.Output(display_name="report", tooltip="How near it came, for Preview Any."),
            ],
        )

    @classmethod
    def execute(
        cls,
        generator: Hosted,
        image: Tensor,
        steps: int,
        space: str,
        optimise_noise: bool,
        seed: int,
        class_label: int,
        encoder: Hosted | None = None,
    ) -> io.NodeOutput:
        from ...models.generation.latents import of_generator
        from ...models.generation.projection import ProjectionSettings, begin, project
        from ...models.metrics.perceptual import PerceptualEmbedding
        from ...models.ops.padding import same_size

        picture, model = from_image(image, "image"), generator.model
        judge = encoder or likeness()
        settings = ProjectionSettings(
            steps=steps,
            space=space,  # type: ignore[arg-type]
            optimize_noise=optimise_noise and picture.batch == 1,
            seed=seed,
        )
        watch, values, made, lines, maps = Watch(picture.batch, keepable=True), [], [], [], ()
        # The host calls nodes in inference mode, whose tensors no gradient may pass.
        with torch.inference_mode(False), torch.enable_grad():
            memory = MEMORY_FOR_GRADIENTS * model.bytes_per_picture
            with on_device(judge, memory), on_device(generator, memory) as device:
                embed = PerceptualEmbedding(judge.model)
                label = model.classes(class_label, 1)
                for i in range(picture.batch):
                    target = same_size(take(picture.rgb, i, i + 1).clone().to(device), model.resolution, model.resolution)
                    key = identity(target, model, judge.model.name, settings, class_label)
                    begun, asked = _unfinished.get(key), asked_to_keep()
                    state = begun or begin(model, settings, label)
                    _unfinished.clear()
                    _unfinished[key] = state
                    try:
                        if asked and begun and begun.distances:
                            raise Kept
                        with plain_weights(model.module, judge.model.module):
                            project(model, target, embed, settings, state, watch.part(i))
                    except Interrupted:
                        show(STOPPED.format(steps=len(state.distances)))
                        raise
                    except Kept:
                        pass  # what is found so far is the result
                    _unfinished.clear()
                    values.append(state.values(model.rows))
                    maps = tuple(level.cpu() for level in state.maps)
                    made.append(painted(model, values[-1].to(device), maps))
                    first, last = state.distances[0], state.distances[-1]
                    lines.append(
                        f"picture {i}: distance {last:.4g}, {last / first:.1%} of the start, {state.step} steps in {space}"
                    )
        report = "\n".join([*lines, f"judged by {judge.model.title}"])
        show(report)
        found = replace(of_generator(model, torch.cat(values), f"projected into {space} in {steps} steps"), noise=maps)
        return io.NodeOutput(found, torch.cat(made), report)


def likeness() -> Hosted:
    """VGG-16 where its file is, else the built-in encoder."""
    from ...models.library import stylizers
    from ...models.library.choices import entry_of

    entry = entry_of(BEST)
    present = entry is not None and Locator().find(entry.files[0]) is not None
    with torch.no_grad():
        return load("encoder", BEST if present else BUILT_IN, stylizers.load_encoder)


def identity(target: Tensor, model: Generator, judge: str, settings: ProjectionSettings, class_label: int) -> str:
    """What makes one projection the same as another."""
    pixels = hashlib.sha256(target.cpu().contiguous().numpy().tobytes()).hexdigest()
    return f"{pixels} {model.name} {judge} {settings} {class_label}"


def painted(model: Generator, ws: Tensor, maps: tuple[Tensor, ...]) -> Tensor:
    """The picture of W with its noise, as the host takes it."""
    from ...models.generation.generator import in_range, three_colors
    from ...models.generation.noise import Noise

    with torch.no_grad():
        noise = Noise.given([level.to(ws.device) for level in maps]) if maps else Noise("none" if model.always_noisy else "const")
        return to_image(in_range(three_colors(model.paint(ws, noise))), None, *wire_format())
