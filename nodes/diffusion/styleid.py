"""StyleID's two halves as the host runs them: a picture's way into noise, and painting beside several of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace as changed
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from .sampling import Steps, run
from .unets import attend, attention_blocks, family, replace, replaced

if TYPE_CHECKING:
    from ...models.diffusion.blocks import Block
    from ...models.diffusion.injection import Injection
    from ...models.diffusion.trajectory import Denoise, Trajectory

MIB = 1024**2


def inverted(model: Any, conditioning: Any, latents: Tensor, count: int, steps: Steps, check: bool = False) -> Trajectory:
    """latents [B, C, H, W] in the model's scale -> their trajectory of `count` steps. check: measure what the way back loses."""
    from ...models.diffusion.schedule import TRAINED, ddim_timesteps
    from ...models.diffusion.trajectory import Trajectory, invert, lost

    known = model.get_model_object("model_sampling").sigmas
    at = ddim_timesteps(count)
    sigmas = known[[*at, TRAINED - 1]].float()
    ends: list[Tensor] = []

    def work(denoise: Denoise, sigmas: Tensor) -> Tensor:
        points, end = invert(denoise, latents.to(sigmas.device), sigmas, steps.shows(len(latents)))
        ends.append(end.cpu())
        return points.cpu()

    points = run(model, conditioning, tuple(latents.shape), sigmas, work)
    made = Trajectory(points, ends[0], tuple(at), sigmas.cpu(), family(model), conditioning)
    return changed(made, error=lost(brought_back(model, made, steps), made.latents)) if check else made


def brought_back(model: Any, way: Trajectory, steps: Steps) -> Tensor:
    """The pictures at the end of the way back, with nothing injected: [B, C, H, W] in the model's scale, on the processor."""
    from ...models.diffusion.injection import levels
    from ...models.diffusion.trajectory import revert

    known = model.get_model_object("model_sampling").sigmas.float()
    _, sigmas = levels(way.timesteps, known)

    def work(denoise: Denoise, sigmas: Tensor) -> Tensor:
        return revert(denoise, way.end.to(sigmas.device), sigmas, steps.shows(way.batch))

    return run(model, way.conditioning, tuple(way.end.shape), sigmas, work).cpu()


def painted(
    model: Any, content: Trajectory, styles: Sequence[Trajectory], wanted: Injection, blocks: Sequence[Block], steps: Steps
) -> Tensor:
    """The content in the styles, latents [B, C, H, W] in the model's scale, on the processor."""
    from ...models.diffusion.injection import attention, levels, paint

    known = model.get_model_object("model_sampling").sigmas.float()
    down, sigmas = levels(content.timesteps, known)
    size = (int(content.end.shape[-2]), int(content.end.shape[-1]))
    made = model.clone()
    depth = attention_blocks(model)
    for block in blocks:
        for index in range(depth[block]):
            before = replaced(model, "attn1", block, index)

            def injecting(q: Tensor, k: Tensor, v: Tensor, options: dict[str, Any], inner: Any = before or attend) -> Tensor:
                def attending(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
                    return inner(q, k, v, options)

                qs, ks, vs = (x.chunk(len(options["cond_or_uncond"])) for x in (q, k, v))
                made = [attention(qs[i], ks[i], vs[i], attending, content.batch, size, wanted) for i in range(len(qs))]
                return torch.cat(made)

            replace(made, "attn1", block, index, injecting)

    def work(denoise: Denoise, sigmas: Tensor) -> Tensor:
        return paint(denoise, content, styles, wanted, down, sigmas, steps.shows(content.batch))

    whole = (len(styles) + 2) * content.batch
    return run(made, content.conditioning, (whole, *content.end.shape[1:]), sigmas, work).cpu()


def told(content: Trajectory, styles: Sequence[Trajectory], wanted: Injection, blocks: Sequence[Block]) -> list[str]:
    """What was done, in lines."""
    from ...models.diffusion.blocks import in_words

    kept = (content.bytes + sum(style.bytes for style in styles)) / MIB
    count = len(content.timesteps) - 1
    lines = [
        f"StyleID on {content.family}, {in_words(blocks)}: gamma {wanted.gamma:g}, temperature {wanted.temperature:g}, strength "
        f"{wanted.strength:g}",
        f"{count} steps on batches of {(len(styles) + 2) * content.batch}; trajectories of {kept:.1f} MiB, no features kept",
    ]
    errors = [way.error for way in (content, *styles) if way.error is not None]
    return lines + ([f"the way into noise and back loses {max(errors):.2%} of a latent"] if errors else [])
