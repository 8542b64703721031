"""Attention Distillation (Zhou et al., CVPR 2025, arXiv:2502.20235): a latent whose self-attention would give the same with a
style's keys and values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..progress import Progress, silent
from .schedule import TRAINED

GRADIENT_SCALE = 2.0**14  # an exact factor that keeps half precision's gradients above its smallest number


@dataclass(frozen=True)
class Attention:
    """What one self-attention read and gave. query, key, value, out: [B, heads, N, width]."""

    query: Tensor
    key: Tensor
    value: Tensor
    out: Tensor


Look = Callable[[Tensor, int], list[Attention]]  # (latent [1, C, H, W] without noise, timestep) -> its layers' attention


@dataclass(frozen=True, eq=False, repr=False)
class AttentionObjective:
    """ATELIER_LATENT_OBJECTIVE's terms. styles: latents [1, C, h, w] of any sizes, in the model's scale. content: likewise, or
    None for texture alone.
    """

    styles: tuple[Tensor, ...]
    content: Tensor | None = None
    style_weight: float = 1.0
    content_weight: float = 0.25

    def __repr__(self) -> str:
        kept = f", content x{self.content_weight:g}" if self.content is not None else ""
        return f"{len(self.styles)} styles x{self.style_weight:g}{kept}"


@dataclass(frozen=True)
class DistillSettings:
    """steps: each looks once, at timesteps that fall from 999. rate: of Adam, in units of the latent. tileable: the picture
    goes on over its edges; it is shifted by chance before each look.
    """

    steps: int = 200
    rate: float = 0.05
    tileable: bool = False
    seed: int = 0


def style_loss(query: Tensor, out: Tensor, keys: Tensor, values: Tensor, scale: float = 1.0) -> Tensor:
    """Mean distance of what attention gave from what it would give with the style's keys and values (eq. 4).

    query, out: [1, heads, N, width]. keys, values: [S, heads, M, width], the positions of all of the style's pictures in a row.
    """
    joined = [each.transpose(0, 1).flatten(1, 2)[None] for each in (keys, values)]
    wanted = F.scaled_dot_product_attention(query, *joined, scale=scale / query.shape[-1] ** 0.5)
    return (out - wanted.detach()).abs().mean()


def content_loss(query: Tensor, content: Tensor) -> Tensor:
    """Mean distance of queries from the content's (eq. 6)."""
    return (query - content.detach()).abs().mean()


def distill(
    look: Look, start: Tensor, wanted: AttentionObjective, settings: DistillSettings, progress: Progress = silent
) -> tuple[Tensor, list[float]]:
    """(the latent [1, C, H, W] after all steps, the loss before each of them). start: in the model's scale.

    look is called with gradients for the latent and without for styles and content. What progress raises leaves through here.
    """
    latent = start.detach().clone().requires_grad_()
    adam = torch.optim.Adam([latent], lr=settings.rate)
    chance = torch.Generator().manual_seed(settings.seed)
    losses: list[float] = []
    for done, timestep in enumerate(timesteps(settings.steps)):
        with torch.no_grad():
            styles = [look(style, timestep) for style in wanted.styles]
            content = None if wanted.content is None or not wanted.content_weight else look(wanted.content, timestep)
        with torch.enable_grad():
            seen = look(shifted(latent, chance) if settings.tileable else latent, timestep)
            loss = total(seen, styles, content, wanted)
            (gradient,) = torch.autograd.grad(loss * GRADIENT_SCALE, latent)
        latent.grad = gradient / GRADIENT_SCALE
        adam.step()
        losses.append(float(loss.detach()))
        progress(done + 1, settings.steps)
    return latent.detach(), losses


def total(
    seen: Sequence[Attention],
    styles: Sequence[Sequence[Attention]],
    content: Sequence[Attention] | None,
    wanted: AttentionObjective,
) -> Tensor:
    """The loss over all layers, in float32."""
    loss = seen[0].out.new_zeros((), dtype=torch.float32)
    for number, layer in enumerate(seen):
        keys = torch.cat([style[number].key for style in styles], dim=2).float()
        values = torch.cat([style[number].value for style in styles], dim=2).float()
        query = layer.query.float()
        loss = loss + wanted.style_weight * style_loss(query, layer.out.float(), keys, values)
        if content is not None:
            loss = loss + wanted.content_weight * content_loss(query, content[number].query.float())
    return loss


def timesteps(steps: int) -> list[int]:
    """Falling from 999, evenly."""
    return [TRAINED - 1 - i * TRAINED // steps for i in range(steps)]


def shifted(latent: Tensor, chance: torch.Generator) -> Tensor:
    """Rolled over its edges by a random amount."""
    down, right = (int(torch.randint(side, (), generator=chance)) for side in latent.shape[-2:])
    return latent.roll((down, right), (-2, -1))
