"""A model under the host's own guider, for work that steps by itself: memory, patches, previews and the person's stop."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ...models.diffusion.trajectory import Denoise
from ..host.feedback import stop_if_asked

Work = Callable[[Denoise, Tensor], Tensor]  # (denoise, sigmas on the device) -> latents in the model's scale


class Steps:
    """Progress and previews over several pieces of work with a model. Call it after each step with what it predicts."""

    def __init__(self, model: Any, total: int) -> None:
        preview: Any = importlib.import_module("latent_preview")
        self.report = preview.prepare_callback(model, total)
        self.total, self.done = total, 0

    def shows(self, rows: int) -> Callable[[int, Tensor], None]:
        """A step callback that shows the last `rows` of a batch."""

        def step(number: int, found: Tensor) -> None:
            stop_if_asked()
            self.report(min(self.done, self.total - 1), found[-rows:], None, self.total)
            self.done += 1

        return step


def run(model: Any, conditioning: Any, size: tuple[int, ...], sigmas: Tensor, work: Work) -> Tensor:
    """Let `work` denoise latents [B, C, H, W] of `size` with the model and its patches, without guidance.

    Returns what work returns, on the device of the model. The conditioning is the host's CONDITIONING.
    """
    samplers: Any = importlib.import_module("comfy.samplers")
    guider = samplers.CFGGuider(model)
    guider.set_conds(conditioning, conditioning)
    guider.set_cfg(1.0)
    found: list[Tensor] = []

    def sampler(model_k: Any, x: Tensor, sigmas: Tensor, extra_args: Any = None, **_: Any) -> Tensor:
        def denoise(latents: Tensor, sigma: Tensor) -> Tensor:
            return model_k(latents, sigma * latents.new_ones(len(latents)), **(extra_args or {}))

        found.append(work(denoise, sigmas))
        return x

    nothing = torch.zeros(size)
    guider.sample(nothing, nothing.clone(), samplers.KSAMPLER(sampler), sigmas.cpu(), disable_pbar=True)
    return found[0]


def check_conditioning(conditioning: Any, model: Any) -> None:
    """Raise ValueError, in a sentence, for anything but a CONDITIONING of the width that the model reads."""
    if not isinstance(conditioning, list) or not conditioning or not isinstance(conditioning[0][0], Tensor):
        raise ValueError("conditioning is not a conditioning: connect CLIP Text Encode with an empty prompt to it")
    wanted = model.model.model_config.unet_config.get("context_dim")
    width = conditioning[0][0].shape[-1]
    if wanted and width != wanted:
        raise ValueError(
            f"conditioning is {width} wide and the model reads {wanted}: encode the prompt with the CLIP of its checkpoint"
        )
