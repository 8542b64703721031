"""A latent that meets an objective, by gradient through the model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from comfy_api.latest import io
from torch import Tensor

from ..host.feedback import show
from ..host.images import to_image, wire_format
from ..host.networks import plain_weights
from ..host.sockets import LatentObjectiveSocket, LatentSocket, VaeSocket
from .attention_objective import WiredAttention
from .pictures import MULTIPLE, decoded
from .sampling import Steps, run
from .stable_diffusion import needs_comfyui
from .style_injection import CATEGORY
from .unets import attention_blocks, latent_of, replace, samples_of

if TYPE_CHECKING:
    from ...models.diffusion.distillation import Attention, DistillSettings
    from ...models.diffusion.trajectory import Denoise

EDGE = 8  # positions of the latent that a tileable picture is continued by before it is decoded


class OptimizeLatent(io.ComfyNode):
    """ATELIER_LATENT_OBJECTIVE -> LATENT and IMAGE."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        side = {"default": 0, "min": 0, "max": 8192, "step": 64}
        return io.Schema(
            node_id="StyleAtelierOptimizeLatent",
            display_name="Optimize Latent",
            category=CATEGORY,
            description="Makes a latent that meets an objective, by gradient through the diffusion model: style transfer from "
            "the photo's latent, or texture of any size from noise, tileable if you like.",
            search_aliases=["attention distillation", "latent optimization", "texture synthesis", "seamless texture", "tileable"],
            inputs=[
                LatentObjectiveSocket.Input("objective", tooltip="From Attention Objective."),
                VaeSocket.Input("vae", tooltip="The checkpoint's VAE, for the picture."),
                io.Combo.Input(
                    "start",
                    options=["content", "noise"],
                    default="content",
                    tooltip="content begins with the photo, or with start_latent; noise begins with nothing, for texture.",
                ),
                LatentSocket.Input(
                    "start_latent", optional=True, tooltip="What to begin with instead of the objective's content."
                ),
                io.Int.Input(
                    "width", **side, tooltip="From noise: of the picture, in pixels. 0 takes the content's, else the style's."
                ),
                io.Int.Input(
                    "height", **side, tooltip="From noise: of the picture, in pixels. 0 takes the content's, else the style's."
                ),
                io.Int.Input(
                    "steps", default=200, min=1, max=10000, step=1, tooltip="Steps, at noise levels that fall from all to none."
                ),
                io.Float.Input(
                    "learning_rate",
                    default=0.05,
                    min=0.0001,
                    max=1.0,
                    step=0.001,
                    tooltip="How far a step may change the latent.",
                ),
                io.Boolean.Input(
                    "tileable", default=False, tooltip="The picture goes on over its edges: a tile for floors and walls."
                ),
                io.Int.Input(
                    "seed",
                    default=0,
                    min=0,
                    max=0xFFFFFFFF,
                    step=1,
                    control_after_generate=io.ControlAfterGenerate.fixed,
                    tooltip="Of the noise, and of a tileable picture's shifts.",
                ),
            ],
            outputs=[
                LatentSocket.Output(display_name="latent", tooltip="For a sampler at a low denoise, or an upscaler."),
                io.Image.Output(display_name="image", tooltip="The picture."),
                io.String.Output(display_name="report", tooltip="The loss, and how it fell."),
                io.Image.Output(display_name="curve", tooltip="The loss over steps."),
            ],
        )

    @classmethod
    def execute(
        cls,
        objective: Any,
        vae: Any,
        start: str,
        width: int,
        height: int,
        steps: int,
        learning_rate: float,
        tileable: bool,
        seed: int,
        start_latent: Any = None,
    ) -> io.NodeOutput:
        from ...models.diffusion.distillation import DistillSettings
        from ...models.optimization.chart import curve_picture
        from ...models.optimization.engine import Record

        needs_comfyui("Optimize Latent")
        if not isinstance(objective, WiredAttention):
            raise ValueError(
                f"objective is not of a latent (it is {type(objective).__name__}): connect Attention Objective to it"
            )
        settings = DistillSettings(steps, learning_rate, tileable, seed)
        begin = beginning(objective, start, start_latent, (height // MULTIPLE, width // MULTIPLE), seed)
        latent, losses = optimized(objective, begin, settings)
        whole = F.pad(latent, (EDGE,) * 4, mode="circular") if tileable and min(latent.shape[-2:]) >= EDGE else latent
        picture = decoded(vae, whole, objective.model)
        if whole is not latent:
            edge = EDGE * MULTIPLE
            picture = picture[..., edge:-edge, edge:-edge]
        report = f"{objective!r}\n{steps} steps: loss {losses[0]:.4f} -> {losses[-1]:.4f}, lowest {min(losses):.4f}"
        show(report)
        curve = curve_picture([Record(0, loss, (), 0.0) for loss in losses], [], [])
        return io.NodeOutput(
            latent_of(latent, objective.model),
            to_image(picture, None, *wire_format()),
            report,
            to_image(curve, None, *wire_format()),
        )


def beginning(wired: WiredAttention, start: str, given: Any, size: tuple[int, int], seed: int) -> Tensor:
    """The latent to begin with, [1, C, H, W] in the model's scale. Raises ValueError, in a sentence, where there is none."""
    content = wired.objective.content if given is None else samples_of(given, wired.model, "start_latent")[:1]
    if start == "content":
        if content is None:
            raise ValueError("start is content and the objective has none: connect start_latent, or begin with noise")
        return content
    like = wired.objective.styles[0] if content is None else content
    height, width = (size[i] or int(like.shape[2 + i]) for i in range(2))
    kept = wired.objective.content
    if kept is not None and (height, width) != tuple(kept.shape[-2:]) and wired.objective.content_weight:
        raise ValueError(
            "width and height are not the content's, whose drawing is to hold: leave both at 0, or disconnect content"
        )
    return torch.randn(1, like.shape[1], height, width, generator=torch.Generator().manual_seed(seed))


def optimized(wired: WiredAttention, start: Tensor, settings: DistillSettings) -> tuple[Tensor, list[float]]:
    """(the latent [1, C, H, W] in the model's scale, on the processor; losses)."""
    from ...models.diffusion.distillation import distill
    from ...models.diffusion.schedule import variance_exploding

    sigmas = wired.model.get_model_object("model_sampling").sigmas.float()
    seen: list[Attention] = []
    made = wired.model.clone()
    depth = attention_blocks(wired.model)
    for block in wired.blocks:
        for index in range(depth[block]):
            replace(made, "attn1", block, index, lambda q, k, v, options: watched(q, k, v, options, seen))
    steps = Steps(made, settings.steps)
    losses: list[float] = []

    def work(denoise: Denoise, levels: Tensor) -> Tensor:
        device = levels.device
        latest: list[Tensor] = []

        def look(latent: Tensor, timestep: int) -> list[Attention]:
            seen.clear()
            sigma = levels[timestep]
            latest[:] = [denoise(variance_exploding(latent, sigma), sigma)]
            return list(seen)

        def progress(done: int, total: int, preview: Tensor | None = None) -> None:
            shown(0, latest[0].detach())

        shown = steps.shows(1)
        at_device = on(wired.objective, device)
        with plain_weights(made.model.diffusion_model):
            latent, found = distill(look, start.to(device).clone(), at_device, settings, progress)
        losses.extend(found)
        return latent.cpu()

    # The host calls nodes in inference mode, whose tensors no gradient may pass.
    with torch.inference_mode(False), torch.no_grad():
        latent = run(made, plain(wired.conditioning), tuple(start.shape), sigmas.clone(), work)
    return latent, losses


def watched(q: Tensor, k: Tensor, v: Tensor, options: dict[str, Any], seen: list[Attention]) -> Tensor:
    """Self-attention that notes what it read and gave, of the first row (the host may send the same twice)."""
    from ...models.diffusion.distillation import Attention

    q, k, v = (x.unflatten(2, (options["n_heads"], -1)).transpose(1, 2) for x in (q, k, v))
    out = F.scaled_dot_product_attention(q, k, v)
    seen.append(Attention(*(x[:1] for x in (q, k, v, out))))
    return out.transpose(1, 2).flatten(2)


def plain(conditioning: Any) -> Any:
    """A conditioning whose tensors gradients may pass."""
    return [
        [text.clone(), {name: value.clone() if isinstance(value, Tensor) else value for name, value in facts.items()}]
        for text, facts in conditioning
    ]


def on(objective: Any, device: torch.device) -> Any:
    """An objective's latents on a device, as tensors that gradients may pass."""
    content = None if objective.content is None else objective.content.to(device).clone()
    return type(objective)(
        tuple(style.to(device).clone() for style in objective.styles), content, objective.style_weight, objective.content_weight
    )
