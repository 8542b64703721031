"""A style's statistics in what the model predicts, at every step of any sampler."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io
from torch import Tensor

from ...models.ops.transfer import METHODS
from ..host.feedback import show
from ..host.images import from_mask
from ..host.sockets import LatentSocket, ModelSocket
from .stable_diffusion import needs_comfyui
from .style_injection import CATEGORY
from .unets import family, in_range, levels_of, samples_of

PART = {"min": 0.0, "max": 1.0, "step": 0.01}
DIMENSIONS = (3, 4, 5)  # sound, pictures, clips


class StyleGuidance(io.ComfyNode):
    """MODEL, a style's LATENT -> MODEL."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="StyleAtelierStyleGuidance",
            display_name="Style Guidance",
            category=CATEGORY,
            description="Gives what the model predicts the colors and contrasts of a style picture at each step of the sampling, "
            "by AdaIN, WCT or optimal transport between latents. Works with every kind of model.",
            search_aliases=["latent adain", "latent wct", "style reference", "color guidance", "adain guide", "ip-adapter style"],
            inputs=[
                ModelSocket.Input("model", tooltip="Any diffusion model."),
                LatentSocket.Input(
                    "style",
                    tooltip="The style picture, of any size, from VAE Encode with the model's own VAE. A batch is one style.",
                ),
                io.Combo.Input(
                    "method",
                    options=list(METHODS),
                    default="adain",
                    tooltip="How statistics are brought over: adain channel by channel, the others with the channels' "
                    "correlations, optimal_transport with the least change.",
                ),
                io.Float.Input("strength", default=0.5, **PART, tooltip="How much of it at each step; 0 changes nothing."),
                io.Float.Input("start", default=0.0, **PART, tooltip="When in the sampling it begins: 0 is the first step."),
                io.Float.Input(
                    "end",
                    default=0.8,
                    **PART,
                    tooltip="When it ends: 1 is the last step. Ending early leaves the finish to the model.",
                ),
                io.Mask.Input("mask", optional=True, tooltip="Where in the result it holds: white counts. Any size."),
                io.Mask.Input(
                    "style_mask", optional=True, tooltip="Which part of the style picture to take the statistics from."
                ),
            ],
            outputs=[
                ModelSocket.Output(display_name="model", tooltip="For a sampler."),
                io.String.Output(display_name="report", tooltip="What is changed, when and where."),
            ],
        )

    @classmethod
    def execute(
        cls,
        model: Any,
        style: Any,
        method: str,
        strength: float,
        start: float,
        end: float,
        mask: Tensor | None = None,
        style_mask: Tensor | None = None,
    ) -> io.NodeOutput:
        from ...models.diffusion.guidance import MomentGuidance, moments_of

        needs_comfyui("Style Guidance")
        latents = samples_of(style, model, "style", DIMENSIONS)
        region = None if mask is None else from_mask(mask, "mask", mask.shape[0])
        where = None if style_mask is None else from_mask(style_mask, "style_mask", 1)
        first, last = levels_of(model, start, end)
        if not strength:
            return io.NodeOutput(model, "strength 0: nothing is changed")
        guidance = MomentGuidance(moments_of([latents], method, [where]), method, strength, region)
        channels = latents.shape[1]

        def guided(given: dict[str, Any]) -> Tensor:
            predicted = given["denoised"]
            if not in_range(given["sigma"], first, last):
                return predicted
            if predicted.shape[1] != channels:
                raise ValueError(
                    f"style has {channels} channels and the model predicts {predicted.shape[1]}: Style Guidance cannot be used "
                    "with models of several latents at once"
                )
            return guidance(predicted)

        made = model.clone()
        made.set_model_sampler_post_cfg_function(guided)
        places = "in the mask" if mask is not None else "everywhere"
        report = (
            f"{method} at {strength:g} on the {channels} channels of {family(model)}'s predictions, {places}, from {start:g} to "
            f"{end:g} of the sampling (noise levels {min(first, 1e4):.3g} to {max(last, 0):.3g})"
        )
        show(report)
        return io.NodeOutput(made, report)
