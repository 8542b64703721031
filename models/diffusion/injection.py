"""StyleID: a photo in a painting's style, without training (Chung, Hyun, Heo, CVPR 2024, arXiv:2312.09008).

The photo's and the paintings' trajectories are run beside the picture as one batch, [content, style 1 ... style S, picture], so
that queries, keys and values of the same noise level are at hand in every layer and none has to be kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..ops.adain import adain_map
from ..ops.masks import at_size
from ..ops.moments import measure
from .blocks import map_size
from .schedule import variance_exploding, variance_preserving
from .trajectory import Denoise, Step, Trajectory, euler

Attend = Callable[[Tensor, Tensor, Tensor], Tensor]  # q, k, v [B, N, C] -> [B, N, C]


@dataclass(frozen=True)
class Injection:
    """gamma: how much of the queries is the photo's (eq. 5). temperature: of the attention's logits (eq. 6). strength: how much
    of all of it, 0 gives the photo back. weights: of the styles. masks: where each goes, [1 or B, 1, h, w] in 0..1, any size, or
    none at all; where no mask is the photo stays.
    """

    gamma: float = 0.75
    temperature: float = 1.5
    strength: float = 1.0
    weights: tuple[float, ...] = (1.0,)
    masks: tuple[Tensor, ...] = ()

    def shares(self, height: int, width: int, like: Tensor) -> list[Tensor]:
        """The share of each style at every position, [1 or B, 1, height, width]; they add up to at most 1."""
        if not self.masks:
            total = sum(self.weights)
            return [like.new_full((1, 1, height, width), weight / total) for weight in self.weights]
        masks = [at_size(mask.to(like), height, width) for mask in self.masks]
        covered = torch.stack(torch.broadcast_tensors(*masks)).sum(0).clamp_max(1)
        weighted = [mask * weight for mask, weight in zip(masks, self.weights, strict=True)]
        total = torch.stack(torch.broadcast_tensors(*weighted)).sum(0)
        scale = covered / total.clamp_min(1e-12)
        return [each * scale for each in weighted]


def attention(q: Tensor, k: Tensor, v: Tensor, attend: Attend, batch: int, size: tuple[int, int], wanted: Injection) -> Tensor:
    """One self-attention of the batch of [content, style 1 ... style S, picture], `batch` rows each.

    q, k, v: [(S + 2) batch, N, C]. size: of the latents. Returns [(S + 2) batch, N, C]: the first rows are as without it.
    """
    styles = q.shape[0] // batch - 2
    if not wanted.strength:
        return attend(q, k, v)
    shares = wanted.shares(*map_size(*size, q.shape[1]), like=q)
    asked = wanted.temperature * (wanted.gamma * q[:batch] + (1 - wanted.gamma) * q[-batch:])
    own = bool(wanted.masks) or wanted.strength < 1
    references = q[: None if own else -batch]
    rows = len(references)
    lent = slice(batch, (styles + 1) * batch)
    out = attend(
        torch.cat([references, *[asked] * styles]),
        torch.cat([k[:rows], k[lent]]),
        torch.cat([v[:rows], v[lent]]),
    )
    painted = out[rows:].unflatten(0, (styles, batch))
    if not own and styles == 1:
        return torch.cat([out[:rows], painted[0]])
    flat = [share.flatten(2).transpose(1, 2) * wanted.strength for share in shares]
    made = torch.stack([share * each for share, each in zip(flat, painted, strict=True)]).sum(0)
    if own:
        made = made + (1 - torch.stack(torch.broadcast_tensors(*flat)).sum(0)) * out[rows - batch : rows]
    return torch.cat([out[: (styles + 1) * batch], made.to(out.dtype)])


def initial(content: Tensor, styles: Sequence[Tensor], wanted: Injection) -> Tensor:
    """Where the picture begins: the content's end of its way [B, C, H, W] with the styles' means and deviations (eq. 7)."""
    shares = wanted.shares(*content.shape[-2:], like=content)
    made = torch.zeros_like(content)
    for number, (style, share) in enumerate(zip(styles, shares, strict=True)):
        region = None
        if wanted.masks:
            region = at_size(wanted.masks[number].to(content), *content.shape[-2:]).expand(len(content), -1, -1, -1)
        mapped = adain_map(measure(content, region), measure(style).select(rows(style, len(content))), eps=0.0)(content)
        made = made + share * wanted.strength * mapped
    kept = 1 - torch.stack(torch.broadcast_tensors(*shares)).sum(0) * wanted.strength
    return made if not wanted.masks and wanted.strength == 1 else made + kept * content


def rows(x: Tensor, batch: int) -> Tensor:
    """Indices that repeat a batch."""
    return torch.arange(batch, device=x.device) % len(x)


def levels(timesteps: Sequence[int], sigmas: Tensor) -> tuple[list[int], Tensor]:
    """(timesteps on the way down, their noise levels and that of timestep 0). sigmas: of all of the model's timesteps.

    The first step of the way down is left out, as by the authors' default: the picture begins a step below the trajectories' end.
    """
    down = list(timesteps)[::-1][1:]
    return down, torch.cat([sigmas[down], sigmas[:1]])


def paint(
    denoise: Denoise,
    content: Trajectory,
    styles: Sequence[Trajectory],
    wanted: Injection,
    down: Sequence[int],
    sigmas: Tensor,
    step: Step = lambda i, x: None,
) -> Tensor:
    """The picture's latents [B, C, H, W]. denoise: takes the whole batch, with `attention` in the chosen layers.

    down, sigmas: of `levels`. Where masks are, what no mask covers is the content's own latent.
    """
    batch = content.batch
    device = sigmas.device
    start = initial(content.end.to(device), [style.end.to(device) for style in styles], wanted)
    x = variance_exploding(start, sigmas[0])
    kept = None
    if wanted.masks:
        kept = 1 - torch.stack(torch.broadcast_tensors(*wanted.shares(*x.shape[-2:], like=x))).sum(0)
    for i, timestep in enumerate(down):
        beside = [each.at(timestep, batch).to(device) for each in (content, *styles)]
        whole = torch.cat([*beside, x])
        x = euler(denoise, whole, sigmas[i], sigmas[i + 1], i, step)[-batch:]
        if kept is not None:
            x = torch.lerp(x, variance_exploding(content.latents.to(x), sigmas[i + 1]), kept)
    return variance_preserving(x, sigmas[-1])
