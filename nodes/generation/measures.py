"""Numbers for a generator: how smooth its latent space is, and how straight its attributes lie in it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from comfy_api.latest import io
from torch import Tensor

from ..host.feedback import Watch, show
from ..host.images import from_mask
from ..host.networks import on_device
from ..host.sockets import EncoderSocket, GeneratorSocket, Hosted, WSocket
from .project import likeness

if TYPE_CHECKING:
    from ...models.generation.latents import Latents

FOLDS = 5


class PerceptualPathLength(io.ComfyNode):
    """ATELIER_GENERATOR -> its perceptual path length."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="StyleAtelierPerceptualPathLength",
            display_name="Perceptual Path Length",
            category="Style Atelier/measures",
            description="Measures how much a generator's pictures change along short steps in its latent space: lower is "
            "smoother. The number compares with the papers' only with their VGG, their weights and their number of samples.",
            search_aliases=["ppl", "ppl_w", "ppl2_wend", "stylegan metric", "smoothness of latent space"],
            inputs=[
                GeneratorSocket.Input("generator", tooltip="From Load Generator."),
                EncoderSocket.Input(
                    "encoder",
                    optional=True,
                    tooltip="What judges the difference. Left out: VGG-16 where it is downloaded, else the built-in encoder.",
                ),
                io.Combo.Input(
                    "space", options=["w", "z"], default="w", tooltip="Steps in W (straight) or in Z (on the sphere)."
                ),
                io.Combo.Input(
                    "sampling",
                    options=["end", "full"],
                    default="end",
                    tooltip="Where on a path the step is: at its end, as StyleGAN2 reports it, or anywhere.",
                ),
                io.Int.Input(
                    "samples",
                    default=200,
                    min=10,
                    max=200000,
                    step=10,
                    tooltip="How many steps: 200 for a first look, 50000 as in the papers.",
                ),
                io.Boolean.Input(
                    "crop", default=False, tooltip="Look at the middle of the face only, as the papers do for FFHQ."
                ),
                io.Int.Input(
                    "batch", default=4, min=1, max=64, step=1, advanced=True, tooltip="How many pairs of pictures at once."
                ),
                io.Int.Input(
                    "seed",
                    default=0,
                    min=0,
                    max=0xFFFFFFFF,
                    step=1,
                    control_after_generate=io.ControlAfterGenerate.fixed,
                    tooltip="Which steps are taken.",
                ),
            ],
            outputs=[
                io.Float.Output(display_name="path_length", tooltip="The mean of what lies between the 1st and 99th percentile."),
                io.String.Output(display_name="table", tooltip="The numbers with their uncertainty, for Preview Any."),
            ],
        )

    @classmethod
    def execute(
        cls,
        generator: Hosted,
        space: str,
        sampling: str,
        samples: int,
        crop: bool,
        batch: int,
        seed: int,
        encoder: Hosted | None = None,
    ) -> io.NodeOutput:
        from ...models.metrics import path_length
        from ...models.metrics.perceptual import PerceptualEmbedding

        judge, model = encoder or likeness(), generator.model
        settings = replace(path_length.LAPTOP, space=space, sampling=sampling, samples=samples, crop=crop, batch=batch)
        memory = 2 * batch * model.bytes_per_picture
        with on_device(judge, memory), on_device(generator, memory):
            embed = PerceptualEmbedding(judge.model)
            found = path_length.perceptual_path_length(model, embed, settings, seed, Watch().part(0))
        table = f"{found.table()}\njudged by {judge.model.title}"
        show(table)
        return io.NodeOutput(found.mean, table)


class LinearSeparability(io.ComfyNode):
    """ATELIER_W and labels -> how well a plane parts them."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="StyleAtelierLinearSeparability",
            display_name="Linear Separability",
            category="Style Atelier/measures",
            description="Measures how well one plane in W parts pictures that have something from those that have it not: 1 is "
            "perfectly, 2 is not at all. Any node that tells a picture's attribute as a mask can give the labels.",
            search_aliases=["separability", "linear svm", "disentanglement", "stylegan metric"],
            inputs=[
                WSocket.Input("w", tooltip="At least 20 points, better a thousand, from Sample W with a range of seeds."),
                io.Mask.Input(
                    "labels",
                    tooltip="One mask for each point, in order: its mean brightness says how surely its picture has the "
                    "attribute, 0 no, 1 yes. Such as the mask of what a detector found in the synthesized pictures.",
                ),
                io.Float.Input(
                    "keep",
                    default=0.5,
                    min=0.1,
                    max=1.0,
                    step=0.05,
                    tooltip="The part of the points that is used, the surest ones; the paper keeps half.",
                ),
                io.Int.Input(
                    "folds",
                    default=FOLDS,
                    min=0,
                    max=20,
                    step=1,
                    advanced=True,
                    tooltip="Test on points that the plane was not fitted to, in so many turns; 0: on the same, as the paper.",
                ),
            ],
            outputs=[
                io.Float.Output(
                    display_name="separability",
                    tooltip="2 to the power of what is not known of the label beside the plane, in bits.",
                ),
                io.String.Output(display_name="table", tooltip="The numbers, for Preview Any."),
            ],
        )

    @classmethod
    def execute(cls, w: Latents, labels: Tensor, keep: float, folds: int) -> io.NodeOutput:
        from ...models.metrics.separability import separability_of_labels

        masks = from_mask(labels, "labels", len(w))
        if len(masks) != len(w):
            raise ValueError(f"labels has {len(masks)} masks for {len(w)} points of w: give one for each")
        confidences = masks.mean(dim=(1, 2, 3))[:, None].cpu()
        with torch.inference_mode(False):
            found = separability_of_labels(w.values[:, 0].clone(), confidences.clone(), keep, folds, Watch().part(0))
        table = found.table()
        show(table)
        return io.NodeOutput(found.score, table)
