"""The host's UNets: which kind a model is, which blocks attend, what replaces an attention, and latents in the model's scale."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from ...models.diffusion.blocks import Block

Replacement = Callable[[Tensor, Tensor, Tensor, dict[str, Any]], Tensor]  # q, k, v [B, N, C], options -> [B, N, C]
GROUPS = (("input", "input_blocks"), ("middle", "middle_block"), ("output", "output_blocks"))


def family(model: Any) -> str:
    """The kind of a MODEL, as the host calls it."""
    return type(model.model.model_config).__name__


def check_unet(model: Any, what: str) -> None:
    """Raise ValueError, in a sentence, unless the MODEL is a picture UNet that predicts noise, as SD1.5 and SDXL are."""
    sampling: Any = importlib.import_module("comfy.model_sampling")
    unet = getattr(model.model, "diffusion_model", None)
    config = getattr(model.model.model_config, "unet_config", {})
    found = isinstance(model.get_model_object("model_sampling"), sampling.EPS) and hasattr(unet, "output_blocks")
    if not found or config.get("use_temporal_attention"):
        raise ValueError(
            f"model is {family(model)} and {what} needs a UNet such as SD1.5's or SDXL's: load a checkpoint of those"
        )


def attention_blocks(model: Any) -> dict[Block, int]:
    """Blocks with attention in the UNet's order, and how many layers of it each has."""
    unet = model.model.diffusion_model
    found: dict[Block, int] = {}
    for group, name in GROUPS:
        blocks = [getattr(unet, name)] if group == "middle" else list(getattr(unet, name))
        for number, block in enumerate(blocks):
            depth = sum(len(part.transformer_blocks) for part in block.children() if hasattr(part, "transformer_blocks"))
            if depth:
                found[group, number] = depth
    return found


def fine_output_blocks(model: Any) -> tuple[Block, ...]:
    """The output blocks behind the coarsest: 6 to 11 in SD1.5, 3 to 5 in SDXL, where layout is done and texture begins."""
    unet = model.model.diffusion_model
    width = {
        block: next(
            part.norm.num_channels for part in unet.output_blocks[block[1]].children() if hasattr(part, "transformer_blocks")
        )
        for block in attention_blocks(model)
        if block[0] == "output"
    }
    return tuple(block for block, channels in width.items() if channels < max(width.values()))


def replaced(model: Any, kind: str, block: Block, index: int) -> Replacement | None:
    """What another node has put in place of an attention ("attn1", "attn2") before, or None."""
    known = model.model_options.get("transformer_options", {}).get("patches_replace", {}).get(kind, {})
    return known.get((*block, index), known.get(block))


def replace(model: Any, kind: str, block: Block, index: int, made: Replacement) -> None:
    """Put a replacement where the host looks first."""
    model.set_model_patch_replace(made, kind, block[0], block[1], index)


def attend(q: Tensor, k: Tensor, v: Tensor, options: dict[str, Any]) -> Tensor:
    """The host's own attention."""
    attention: Any = importlib.import_module("comfy.ldm.modules.attention")
    return attention.optimized_attention(q, k, v, options["n_heads"])


def samples_of(latent: Any, model: Any, name: str, dimensions: tuple[int, ...] = (4,)) -> Tensor:
    """A LATENT's samples in the model's scale, float32. Raises ValueError, in a sentence, for those of another kind of model."""
    samples: Any = latent.get("samples") if isinstance(latent, dict) else None
    if not isinstance(samples, Tensor) or getattr(samples, "is_nested", False):
        raise ValueError(f"{name} is not a latent (it is {type(latent).__name__}): connect VAE Encode to it")
    wanted = model.model.latent_format.latent_channels
    if samples.dim() not in dimensions or samples.shape[1] != wanted:
        size = "x".join(map(str, samples.shape))
        raise ValueError(
            f"{name} is a latent of {size} and the model, which is {family(model)}, has {wanted} channels: encode the picture "
            "with the model's own VAE"
        )
    if 0 in samples.shape:
        raise ValueError(f"{name} holds no picture: connect at least one")
    return model.model.process_latent_in(samples.float())


def latent_of(samples: Tensor, model: Any) -> dict[str, Tensor]:
    """Samples in the model's scale as a LATENT."""
    intermediate: Any = importlib.import_module("comfy.model_management")
    return {"samples": model.model.process_latent_out(samples.float()).to(intermediate.intermediate_device())}


def in_range(sigmas: Any, start: float, end: float) -> bool:
    """Whether sampling is between two noise levels, the first in it and the last not."""
    now = float(torch.as_tensor(sigmas).max())
    return end < now <= start


def levels_of(model: Any, start: float, end: float) -> tuple[float, float]:
    """The noise levels of two parts of the sampling, 0 its beginning and 1 its end. Raises ValueError for a range backwards."""
    if end < start:
        raise ValueError(f"end {end:g} is before start {start:g}: give a range such as 0 to 1")
    sampling = model.get_model_object("model_sampling")
    last = -1.0 if end >= 1 else float(sampling.percent_to_sigma(end))
    return float(sampling.percent_to_sigma(start)), last
