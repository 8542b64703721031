"""Synthesize: points of W become pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from comfy_api.latest import io
from torch import Tensor

from ...models.progress import glance
from ..host.feedback import Watch
from ..host.images import to_image, wire_format
from ..host.memory import pictures_at_once
from ..host.networks import on_device
from ..host.sockets import GeneratorSocket, Hosted, WSocket

if TYPE_CHECKING:
    from ...models.generation.generator import Generator
    from ...models.generation.latents import Latents
    from ...models.generation.noise import Noise

LARGEST_SEED = 0xFFFFFFFF


class Synthesize(io.ComfyNode):
    """ATELIER_W -> IMAGE."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        move = {"default": 0.0, "min": -2.0, "max": 2.0, "step": 0.01, "advanced": True}
        return io.Schema(
            node_id="StyleAtelierSynthesize",
            display_name="Synthesize",
            category="Style Atelier",
            description="Paints the pictures of points of W with StyleGAN or Styleformer.",
            search_aliases=["stylegan", "generate", "stylegan2", "stylegan3", "gan synthesis", "face generator", "styleformer"],
            inputs=[
                GeneratorSocket.Input("generator", tooltip="From Load Generator."),
                WSocket.Input("w", tooltip="The points to paint, from Sample W or any node that gives W."),
                io.Combo.Input(
                    "noise",
                    options=["const", "random", "none"],
                    default="const",
                    tooltip="The fine detail that is left to chance, such as single hairs: const always the same (or what a "
                    "projection found), random by the seed, none smooth. StyleGAN3 has no noise.",
                ),
                io.Int.Input(
                    "seed",
                    default=0,
                    min=0,
                    max=LARGEST_SEED,
                    step=1,
                    control_after_generate=io.ControlAfterGenerate.fixed,
                    tooltip="For random noise; the n-th picture of a batch has this seed plus n.",
                ),
                io.Float.Input("translate_x", **move, tooltip="StyleGAN3: move the picture to the right, by parts of its width."),
                io.Float.Input("translate_y", **move, tooltip="StyleGAN3: move the picture down, by parts of its height."),
                io.Float.Input(
                    "rotate",
                    default=0.0,
                    min=-360.0,
                    max=360.0,
                    step=1.0,
                    advanced=True,
                    tooltip="StyleGAN3: turn the picture by degrees. R was trained for any angle, T was not.",
                ),
                io.Combo.Input(
                    "precision",
                    options=["authors", "full"],
                    default="authors",
                    advanced=True,
                    tooltip="authors computes the highest resolutions in half precision on a graphics card where the file "
                    "says that it was trained so; full computes all in full. The processor always works in full.",
                ),
            ],
            outputs=[io.Image.Output(display_name="image", tooltip="A picture for each point.")],
        )

    @classmethod
    def execute(
        cls,
        generator: Hosted,
        w: Latents,
        noise: str,
        seed: int,
        translate_x: float,
        translate_y: float,
        rotate: float,
        precision: str,
    ) -> io.NodeOutput:
        from ...models.generation.generator import Placement, alpha_of, in_range, three_colors
        from ...models.generation.latents import check_fits

        model: Generator = generator.model
        check_fits(w, model)
        placement = Placement(translate_x, translate_y, rotate) if (translate_x or translate_y or rotate) else None
        if placement is not None and not model.movable:
            raise ValueError(f"translate and rotate are for StyleGAN3 and {model.title} cannot: set them to 0")
        size, count = (model.resolution, model.resolution), len(w)
        bytes_per_pixel = model.bytes_per_picture / (size[0] * size[1])

        def work(together: int) -> Tensor:
            watch, made = Watch(), []
            with on_device(generator, together * model.bytes_per_picture) as device:
                for start in range(0, count, together):
                    stop = min(start + together, count)
                    half = precision == "authors" and device.type != "cpu"
                    source = noise_for(w, noise, [(seed + i) % 2**63 for i in range(start, stop)], device)
                    painted = in_range(model.paint(w.values[start:stop].to(device), source, placement, half))
                    pictures = three_colors(painted)
                    made.append(to_image(pictures, alpha_of(painted), *wire_format()))
                    watch.part(0)(stop, count, glance(pictures))
            return torch.cat(made)

        return io.NodeOutput(pictures_at_once(size, count, bytes_per_pixel, work))


def noise_for(w: Latents, mode: str, seeds: list[int], device: torch.device) -> Noise:
    """The noise of some of w's points."""
    from ...models.generation.noise import Noise

    if mode == "const" and w.noise:
        return Noise.given([level.to(device) for level in w.noise])
    return Noise(mode, seeds)  # type: ignore[arg-type]
