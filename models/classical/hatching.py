"""Hatching: layers of thin lines, each where the picture is darker than a threshold, along its forms and across them."""

from __future__ import annotations

from math import ceil, pi, sqrt

import torch
from torch import Tensor

from .levels import Levels
from .orientation import Orientation
from .smoothing import gaussian, luma
from .straight import pick, turned
from .strokes import Strokes, joined

DARKEST_PAPER = 0.72  # brightness from which on there are no lines
TURNS = (0.0, pi / 2, pi / 4, -pi / 4)  # of each layer's lines


def hatching(
    rgb: Tensor,
    field: Orientation,
    spacing: float = 5.0,
    length: float = 60.0,
    width: float = 0.55,
    layers: int = 4,
    angle: float | None = None,
    color: bool = False,
    seed: int = 0,
) -> Strokes:
    """Lines on a picture [1, 3, H, W] in 0..1. spacing and length in pixels; width: radius in pixels of the lines in the lightest part,
    which become half as wide again in the darkest; layers: 1 to 4; angle: in degrees for straight lines, None to follow the field.
    """
    height, width_of = rgb.shape[-2:]
    chance = torch.Generator().manual_seed(seed)
    tone = gaussian(Levels.of(rgb).stretched(luma(rgb)), max(0.6, spacing / 4))
    made = []
    for number in range(layers):
        threshold = DARKEST_PAPER * (1 - number / layers)
        turn = TURNS[number] if angle is None else angle * pi / 180 + TURNS[number]
        seeds = spread(height, width_of, spacing, length, turn if angle is not None else None, chance).to(rgb)
        seeds = seeds[pick(tone, seeds)[:, 0] < threshold]
        points, counts = both_ways(seeds, field, tone, threshold, length, spacing, turn, angle is not None)
        at = points[torch.arange(len(points)), counts // 2]
        dark = ((threshold - pick(tone, at)[:, 0]) / threshold).clamp(0, 1)
        ink = pick(rgb, at) * 0.8 if color else torch.zeros(len(points), 3, device=rgb.device, dtype=rgb.dtype)
        enough = counts > 2
        made.append(
            Strokes(
                height,
                width_of,
                points[enough],
                counts[enough],
                (width * (0.75 + 0.75 * dark))[enough],
                ink[enough],
                counts[enough] * 0,
                (1.0,),
                torch.ones(3, device=rgb.device, dtype=rgb.dtype),
            )
        )
    return joined(made)


def spread(height: int, width: int, spacing: float, length: float, turn: float | None, chance: torch.Generator) -> Tensor:
    """Places [n, 2] where lines begin: in rows `spacing` apart where all lines are parallel, else one by chance in each square."""
    if turn is None:
        cell = sqrt(spacing * length)
        grid = [torch.arange(0, side, cell) for side in (width, height)]
        places = torch.stack(torch.meshgrid(*grid, indexing="xy"), -1).reshape(-1, 2)
        places = places + cell * torch.rand(len(places), 2, generator=chance)
    else:
        reach = ceil((height + width) / 2)
        across, along = torch.arange(-reach, reach, spacing), torch.arange(-reach, reach, length)
        v, u = torch.meshgrid(across, along, indexing="ij")
        u = u + length * torch.rand(len(across), 1, generator=chance)
        places = turned(torch.stack([u.flatten(), v.flatten()], 1), torch.full((u.numel(),), turn))
        places = places + torch.tensor([width / 2, height / 2])
    inside = (places >= 0).all(1) & (places[:, 0] < width) & (places[:, 1] < height)
    return places[inside]


def both_ways(
    seeds: Tensor, field: Orientation, tone: Tensor, threshold: float, length: float, step: float, turn: float, straight: bool
) -> tuple[Tensor, Tensor]:
    """Lines through their seeds as far as the tone is dark: points [n, k, 2] and counts [n]."""
    steps = max(1, round(length / 2 / step))
    halves = [grown(seeds, field, tone, threshold, sign, steps, step, turn, straight) for sign in (-1.0, 1.0)]
    (back, back_counts), (ahead, ahead_counts) = halves
    # The way back, last point first, then the seed, then the way ahead; what repeats is put at the end.
    whole = torch.cat([back.flip(1), seeds[:, None], ahead], 1)
    first = steps - back_counts
    at = (torch.arange(2 * steps + 1, device=seeds.device)[None] + first[:, None]).clamp_max(2 * steps)
    counts = back_counts + 1 + ahead_counts
    at = torch.minimum(at, (first + counts - 1)[:, None])
    return whole.gather(1, at[..., None].expand(-1, -1, 2)), counts


def grown(
    seeds: Tensor,
    field: Orientation,
    tone: Tensor,
    threshold: float,
    sign: float,
    steps: int,
    step: float,
    turn: float,
    straight: bool,
) -> tuple[Tensor, Tensor]:
    """Points [n, steps, 2] behind the seeds one way, and how many of them are reached."""
    height, width = tone.shape[-2:]
    at, alive = seeds, torch.ones(len(seeds), dtype=torch.bool, device=seeds.device)
    angle = torch.full((len(seeds),), turn, device=seeds.device, dtype=seeds.dtype)
    fixed = torch.stack([angle.cos(), angle.sin()], 1) * sign
    last = fixed if straight else sign * turned(pick(field.tangent, at), angle)
    points, counts = [], torch.zeros(len(seeds), dtype=torch.long, device=seeds.device)
    for _ in range(steps):
        way = last
        if not straight:
            found = turned(pick(field.tangent, at), angle)
            way = torch.where((found * last).sum(1, keepdim=True) < 0, -found, found)
        ahead = at + step * way
        inside = (ahead >= 0).all(1) & (ahead[:, 0] < width) & (ahead[:, 1] < height)
        alive = alive & inside & (pick(tone, ahead)[:, 0] < threshold) & (way.square().sum(1) > 0.5)
        at, last = torch.where(alive[:, None], ahead, at), torch.where(alive[:, None], way, last)
        counts = counts + alive
        points.append(at)
    return torch.stack(points, 1), counts
