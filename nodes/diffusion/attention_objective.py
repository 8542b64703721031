"""What a latent's self-attention shall have in common with a style's: Attention Distillation's objective."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from comfy_api.latest import io

from ..host.feedback import show
from ..host.images import slots
from ..host.sockets import ConditioningSocket, LatentObjectiveSocket, LatentSocket, ModelSocket
from ..host.widgets import grown
from .sampling import check_conditioning
from .stable_diffusion import needs_comfyui
from .style_injection import BLOCKS_TOOLTIP, CATEGORY, EMPTY_PROMPT, blocks_of
from .unets import check_unet, family, samples_of

if TYPE_CHECKING:
    from ...models.diffusion.blocks import Block
    from ...models.diffusion.distillation import AttentionObjective as Objective

LARGEST_WEIGHT = 100.0


@dataclass(frozen=True, eq=False)
class WiredAttention:
    """ATELIER_LATENT_OBJECTIVE: an objective, and the model that looks."""

    objective: Objective
    model: Any
    conditioning: Any
    blocks: tuple[Block, ...]

    def __repr__(self) -> str:
        from ...models.diffusion.blocks import in_words

        return f"AttentionObjective({self.objective!r}; {family(self.model)}, {in_words(self.blocks)})"


class AttentionObjective(io.ComfyNode):
    """MODEL, LATENTs of a style and of a photo -> ATELIER_LATENT_OBJECTIVE."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        weight = {"min": 0.0, "max": LARGEST_WEIGHT, "step": 0.01}
        return io.Schema(
            node_id="StyleAtelierAttentionObjective",
            display_name="Attention Objective",
            category=CATEGORY,
            description="Asks that the model's self-attention would give the same with a style picture's keys and values "
            "(Attention Distillation): for style transfer, or without content for texture of any size.",
            search_aliases=[
                "attention distillation",
                "texture synthesis",
                "style transfer sdxl",
                "attention loss",
                "style reference",
            ],
            inputs=[
                ModelSocket.Input("model", tooltip="SD1.5 or SDXL."),
                ConditioningSocket.Input("conditioning", tooltip=EMPTY_PROMPT),
                grown(
                    "styles",
                    LatentSocket,
                    "style",
                    "A style picture, from VAE Encode, of any size. Several count as one style.",
                    least=1,
                    most=4,
                    optional=False,
                ),
                LatentSocket.Input("content", optional=True, tooltip="The photo, from VAE Encode. Left out: texture alone."),
                io.Float.Input("style_weight", default=1.0, **weight, tooltip="How much the style counts."),
                io.Float.Input(
                    "content_weight",
                    default=0.25,
                    **weight,
                    tooltip="How much the photo's drawing counts. The published 0.25 holds it.",
                ),
                io.String.Input("blocks", default="", advanced=True, tooltip=BLOCKS_TOOLTIP),
            ],
            outputs=[LatentObjectiveSocket.Output(display_name="objective", tooltip="For Optimize Latent.")],
        )

    @classmethod
    def execute(
        cls,
        model: Any,
        conditioning: Any,
        styles: Any,
        style_weight: float,
        content_weight: float,
        blocks: str,
        content: Any = None,
    ) -> io.NodeOutput:
        from ...models.diffusion.distillation import AttentionObjective as Objective

        needs_comfyui("Attention Objective")
        check_unet(model, "Attention Distillation")
        check_conditioning(conditioning, model)
        given = [samples_of(latent, model, f"style{slot}") for slot, latent in slots(styles, "style").items()]
        if not given:
            raise ValueError("styles holds no latent: connect VAE Encode to it")
        if not style_weight:
            raise ValueError("style_weight is 0, so that there is nothing to paint: raise it")
        rows = tuple(row[None] for latents in given for row in latents)
        kept = None if content is None else samples_of(content, model, "content")
        if kept is not None and len(kept) > 1:
            raise ValueError(f"content holds {len(kept)} pictures and one is painted at a time: choose one of the batch")
        made = WiredAttention(Objective(rows, kept, style_weight, content_weight), model, conditioning, blocks_of(model, blocks))
        show(repr(made))
        return io.NodeOutput(made)
