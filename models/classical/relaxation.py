"""Painting by trial: strokes are kept where they bring the canvas nearer to the picture (Haeberli 1990's relaxation)."""

from __future__ import annotations

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from ..progress import Progress, glance, silent
from .orientation import Orientation
from .raster import FULL, covered, pieces_of, render
from .smoothing import gaussian
from .stipple import scattered
from .straight import pick, straight
from .strokes import Strokes, joined

ROUNDS = 24
TRIES = 3  # strokes that are tried for one that is wanted


def relaxed(
    rgb: Tensor,
    field: Orientation,
    count: int,
    radius: tuple[float, float],
    length: float,
    seed: int = 0,
    progress: Progress = silent,
) -> Strokes:
    """At most `count` strokes on a picture [1, 3, H, W] in 0..1, broad ones first (radius: largest and smallest in pixels, in either
    order; length in radii). In each round strokes are tried where the canvas is wrong; those that would make it better by themselves are
    painted, the best on top; where all of them together make it worse, only the better half. So the error never rises.
    """
    height, width = rgb.shape[-2:]
    chance = torch.Generator().manual_seed(seed)
    ground = rgb.mean((0, 2, 3))
    canvas = ground.view(1, 3, 1, 1).expand_as(rgb).contiguous()
    kept, found = [nothing(rgb, ground)], 0
    for number in range(ROUNDS):
        size = max(radius) * (min(radius) / max(radius)) ** (number / (ROUNDS - 1))
        target = gaussian(rgb, size / 2)
        error = (canvas - target).square().sum(1)[0]
        # As many in each round as make up the sum, more of them the smaller they are.
        wanted = max(1, round(count * 2 * (number + 1) / (ROUNDS * (ROUNDS + 1))))
        trial = tried(rgb, field, target, error, wanted * TRIES, size, length, chance)
        gains = gains_of(trial, canvas, rgb)
        best = gains.argsort(descending=True, stable=True)[: min(wanted, int((gains > 0).sum()), count - found)]
        while len(best):
            chosen = trial.chosen(best.flip(0))  # the best one last, on top
            after = render(chosen, canvas)
            if float((after - rgb).square().sum()) <= float((canvas - rgb).square().sum()):
                kept.append(chosen)
                canvas, found = after, found + len(best)
                break
            best = best[: len(best) // 2]
        progress(number + 1, ROUNDS, glance(canvas))
    whole = joined(kept)
    return replace(whole, layer=whole.layer * 0, opacity=(1.0,))


def nothing(rgb: Tensor, ground: Tensor) -> Strokes:
    """No strokes on a picture of this size."""
    none = rgb.new_zeros(0)
    return straight(*rgb.shape[-2:], none.view(0, 2, 2), none, none.view(0, 3), ground)


def tried(
    rgb: Tensor,
    field: Orientation,
    target: Tensor,
    error: Tensor,
    count: int,
    size: float,
    length: float,
    chance: torch.Generator,
) -> Strokes:
    """Straight strokes at places that are drawn by how wrong they are."""
    wrong = error.cpu() + 1e-6
    centers = scattered(wrong, count, chance).flip(1).to(rgb)
    way = pick(field.tangent, centers) * (size * length / 2)
    ends = torch.stack([centers - way, centers + way], 1)
    sizes = torch.full((count,), float(size), device=rgb.device, dtype=rgb.dtype)
    return straight(*rgb.shape[-2:], ends, sizes, pick(target, centers), None)


def gains_of(strokes: Strokes, canvas: Tensor, rgb: Tensor) -> Tensor:
    """By how much each stroke, alone on the canvas, would lower the sum of squared differences from the picture [n]."""
    height, width = rgb.shape[-2:]
    pieces = pieces_of(strokes.points, strokes.radius, torch.arange(len(strokes), device=rgb.device))
    rows = [((canvas - rgb).square().sum(1, keepdim=True)), rgb]
    maps = F.pad(torch.cat(rows, 1), (1, 1, 1, 1)).flatten(2)[0].T.contiguous()
    inside = F.pad(torch.ones_like(rgb[0, 0]), (1, 1, 1, 1)).flatten()
    gains = torch.zeros(len(strokes), device=rgb.device, dtype=rgb.dtype)
    everything = torch.arange(len(pieces.rank), device=rgb.device)
    for part, side in pieces.boxes(everything):
        where, cover = covered(pieces, part, side, (0, 0), (height, width), None)
        flat = where.flatten(1)
        found = maps[flat]
        share = cover.flatten(1).to(rgb) / FULL * inside[flat]
        color = strokes.color[pieces.rank[part] - 1][:, None]
        gains[pieces.rank[part] - 1] = (share * (found[..., 0] - (color - found[..., 1:]).square().sum(2))).sum(1)
    return gains
