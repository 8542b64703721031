"""The losses of a training as a picture."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from .recipe import TOTAL

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 768, 432, 64, 16, 16, 30
PAPER, INK, FAINT = (252, 251, 248), (40, 40, 44), (222, 220, 214)
COLORS = ((40, 40, 44), (31, 119, 180), (214, 96, 38), (44, 140, 80), (178, 60, 120), (130, 100, 60), (90, 90, 190))
SMOOTHED = 0.9  # of the running mean that is drawn
LEAST = 1e-12


def smoothed(values: Sequence[float], share: float = SMOOTHED) -> list[float]:
    """A running mean whose beginning counts as much as the rest; what is no number is passed over."""
    found, mean, weight = [], 0.0, 0.0
    for value in values:
        if math.isfinite(value):
            mean, weight = share * mean + (1 - share) * value, share * weight + (1 - share)
        found.append(mean / weight if weight else float("nan"))
    return found


def names_of(losses: Sequence[Mapping[str, float]]) -> list[str]:
    """All losses that there were, the total first."""
    found = dict.fromkeys(name for step in losses for name in step)
    return [TOTAL, *(name for name in found if name != TOTAL)] if TOTAL in found else list(found)


def chart(losses: Sequence[Mapping[str, float]], breaks: Sequence[int] = ()) -> Tensor:
    """[1, 3, 432, 768] in 0..1: every loss over the steps on a logarithmic scale, smoothed. breaks: steps with a line across."""
    image = Image.new("RGB", (WIDTH, HEIGHT), PAPER)
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(12)
    names = names_of(losses)
    lines = {name: smoothed([step.get(name, float("nan")) for step in losses]) for name in names}
    shown = [value for line in lines.values() for value in line if math.isfinite(value) and value > LEAST]
    if not shown:
        draw.text((WIDTH / 2, HEIGHT / 2), "no step was taken", INK, font, anchor="mm")
        return torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float() / 255
    low, high = math.floor(math.log10(min(shown))), math.ceil(math.log10(max(shown)) + 1e-9)
    high = max(high, low + 1)
    frame = (LEFT, TOP, WIDTH - RIGHT, HEIGHT - BOTTOM)

    def place(step: float, value: float) -> tuple[float, float]:
        share = (math.log10(max(value, 10.0**low)) - low) / (high - low)
        return frame[0] + step / max(len(losses) - 1, 1) * (frame[2] - frame[0]), frame[3] - share * (frame[3] - frame[1])

    for decade in range(low, high + 1):
        y = place(0, 10.0**decade)[1]
        draw.line((frame[0], y, frame[2], y), FAINT)
        draw.text((frame[0] - 8, y), f"1e{decade}" if abs(decade) > 3 else f"{10.0**decade:g}", INK, font, anchor="rm")
    for step in breaks:
        x = place(step, 10.0**low)[0]
        draw.line((x, frame[1], x, frame[3]), FAINT)
    for index, (name, line) in reversed(list(enumerate(lines.items()))):
        points = [place(step, value) for step, value in enumerate(line) if math.isfinite(value)]
        if points:
            draw.line(points * 2 if len(points) == 1 else points, COLORS[index % len(COLORS)], width=2)
        draw.text((frame[2] - 8, frame[1] + 6 + 16 * index), name, COLORS[index % len(COLORS)], font, anchor="ra")
    draw.rectangle(frame, outline=FAINT)
    draw.text((frame[2], frame[3] + 8), f"{len(losses)} steps", INK, font, anchor="ra")
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float() / 255
