"""The start of sampling with a style's own statistics."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import torch
from comfy_api.latest import io
from torch import Tensor

from ...models.diffusion.style_noise import MOST_COMPONENTS
from ..host.feedback import show
from ..host.images import from_image, slots
from ..host.sockets import LatentSocket, ModelSocket, StyleSocket, VaeSocket
from ..host.widgets import grown
from .pictures import MULTIPLE, covering, encoded
from .stable_diffusion import needs_comfyui
from .style_injection import CATEGORY
from .unets import family, latent_of, samples_of

if TYPE_CHECKING:
    from ...models.stylization.style import Style

BY = {"by element": "element", "by channel": "channel", "lowest frequencies": "frequency"}
SIDE = {"default": 512, "min": 64, "max": 8192, "step": 8}


class StyleNoise(io.ComfyNode):
    """Style pictures -> the LATENT that sampling begins with."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="StyleAtelierStyleNoise",
            display_name="Style Noise",
            category=CATEGORY,
            description="Lets sampling begin where a style's pictures are on average, instead of at gray: their colors, light "
            "and composition come through with the model unchanged. Made of a handful of pictures.",
            search_aliases=[
                "signal leak",
                "diffusion in style",
                "style specific noise",
                "noise offset",
                "biased noise",
                "color noise",
            ],
            inputs=[
                ModelSocket.Input("model", tooltip="SD1.5, SDXL or another that begins with noise over a picture."),
                grown("images", io.Image, "image", "Pictures of the style, of any sizes: from one to a few dozen.", most=16),
                VaeSocket.Input("vae", optional=True, tooltip="The model's VAE, for the images."),
                LatentSocket.Input(
                    "latents", optional=True, tooltip="Pictures of the style as latents, instead of images or beside them."
                ),
                StyleSocket.Input("style", optional=True, tooltip="Statistics that this node made before, from Load Style."),
                io.Combo.Input(
                    "statistics",
                    options=list(BY),
                    default="by element",
                    tooltip="by element keeps the layout of the pictures' colors, by channel colors alone, lowest frequencies "
                    "large shapes, with more variety.",
                ),
                io.Int.Input(
                    "components",
                    default=3,
                    min=0,
                    max=MOST_COMPONENTS,
                    step=1,
                    tooltip="How many of the lowest frequencies keep their correlations: 3 for variety, 1 for color.",
                ),
                io.Float.Input(
                    "strength", default=1.0, min=0.0, max=10.0, step=0.05, tooltip="How much of it; 0 is an empty latent."
                ),
                io.Int.Input("width", **SIDE, tooltip="Of the picture to make, in pixels."),
                io.Int.Input("height", **SIDE, tooltip="Of the picture to make, in pixels."),
                io.Int.Input("batch_size", default=1, min=1, max=64, step=1, tooltip="How many pictures to make."),
                io.Int.Input(
                    "seed",
                    default=0,
                    min=0,
                    max=0xFFFFFFFF,
                    step=1,
                    control_after_generate=io.ControlAfterGenerate.fixed,
                    tooltip="Of what is drawn by chance.",
                ),
            ],
            outputs=[
                LatentSocket.Output(display_name="latent", tooltip="For a sampler, at a denoise of 1."),
                StyleSocket.Output(display_name="style", tooltip="The statistics, for Save Style or Blend Styles."),
                io.String.Output(display_name="report", tooltip="What was measured."),
            ],
        )

    @classmethod
    def execute(
        cls,
        model: Any,
        statistics: str,
        components: int,
        strength: float,
        width: int,
        height: int,
        batch_size: int,
        seed: int,
        images: Any = None,
        vae: Any = None,
        latents: Any = None,
        style: Style | None = None,
    ) -> io.NodeOutput:
        from ...models.diffusion.style_noise import draw

        needs_comfyui("Style Noise")
        check_starts_with_noise(model)
        pictures = slots(images, "image")
        if style is not None and (pictures or latents is not None):
            raise ValueError("style is connected beside pictures: connect one of them, or mix statistics with Blend Styles")
        rows, columns = height // MULTIPLE, width // MULTIPLE
        found = style
        if found is None:
            found = measured(model, BY[statistics], components, pictures, vae, latents, (rows, columns))
        check_kind(found, model)
        chance = torch.Generator().manual_seed(seed)
        made = torch.cat([draw(found.take(i, i + 1).values, 1, rows, columns, chance) for i in range(batch_size)])
        report = f"{found.summary}; {batch_size} starts of {width}x{height} at strength {strength:g}"
        show(report)
        return io.NodeOutput(latent_of(made * strength, model), found, report)


def check_starts_with_noise(model: Any) -> None:
    """Raise ValueError, in a sentence, for models whose sampling keeps nothing of a latent at its first step."""
    sampling: Any = importlib.import_module("comfy.model_sampling")
    if not isinstance(model.get_model_object("model_sampling"), sampling.EPS):
        raise ValueError(
            f"model is {family(model)}, a flow model, whose sampling begins with noise alone and keeps nothing of a latent: use "
            "SD1.5 or SDXL, or Style Guidance, which works with it"
        )


def measured(
    model: Any, by: str, components: int, pictures: dict[int, Any], vae: Any, latents: Any, size: tuple[int, int]
) -> Style:
    """The statistics of pictures and latents, as a style of one row."""
    from ...models.diffusion.style_noise import statistics_of
    from ...models.stylization.style import Style

    if not pictures and latents is None:
        raise ValueError("images holds no picture: connect at least one, or latents, or a style")
    if pictures and vae is None:
        raise ValueError("vae is not connected and images are to be encoded: connect the checkpoint's VAE")
    given: list[Tensor] = []
    for slot, image in pictures.items():
        for row in from_image(image, f"image{slot}").rgb:
            given.append(encoded(vae, covering(row[None], size[0] * MULTIPLE, size[1] * MULTIPLE), model, f"image{slot}").cpu())
    if latents is not None:
        given += [samples_of(latents, model, "latents").cpu()]
    sizes = {tuple(each.shape[2:]) for each in given}
    if len(sizes) > 1 and by != "channel":
        raise ValueError(
            f"latents are of {' and '.join(f'{w}x{h}' for h, w in sorted(sizes))} positions: set width and height to the "
            "latents' size, or choose by channel"
        )
    count = sum(len(each) for each in given)
    if by == "channel":  # all positions of all pictures in a row
        joined = torch.cat([each.transpose(0, 1).flatten(1) for each in given], dim=1)[None, :, None]
    else:
        joined = torch.cat(given)
    values = statistics_of(joined, by, components)
    kind = f"noise {by}{f' {components}' if by == 'frequency' else ''}:{type(model.model.latent_format).__name__}"
    return Style(kind, values, f"statistics by {by} of {count} pictures")


def check_kind(style: Any, model: Any) -> None:
    """Raise ValueError, in a sentence, unless a style holds statistics of this model's latents."""
    from ...models.stylization.style import Style

    wanted = type(model.model.latent_format).__name__
    kind = getattr(style, "kind", type(style).__name__)
    if not isinstance(style, Style) or not kind.startswith("noise ") or not kind.endswith(f":{wanted}"):
        raise ValueError(f"style is of {kind} and statistics of {wanted} latents are needed: take them with this node and model")
