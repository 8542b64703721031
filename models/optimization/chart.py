"""The curve of the loss as a picture: how it fell, and what it is made of."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor, log10

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from .engine import Record

WIDTH, HEIGHT = 768, 432
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 16, 30
PAPER, INK, FAINT = (252, 251, 248), (40, 40, 44), (222, 220, 214)
COLORS = ((40, 40, 44), (31, 119, 180), (214, 96, 38), (44, 140, 80), (178, 60, 120), (130, 100, 60), (90, 90, 190))
FLOOR = 1e-12
PREVIEW_SHARE = 5  # the curve's height under a preview is one part of so many


def curve_picture(curve: Sequence[Record], titles: Sequence[str], weights: Sequence[float]) -> Tensor:
    """[1, 3, 432, 768] in 0..1: the loss and each objective's part of it over steps, on a logarithmic scale.

    A line across marks where the picture grew.
    """
    image = Image.new("RGB", (WIDTH, HEIGHT), PAPER)
    draw = ImageDraw.Draw(image)
    if not curve:
        draw.text((WIDTH / 2, HEIGHT / 2), "no step was taken", INK, _font(14), anchor="mm")
        return _tensor(image)
    lines = [[max(r.loss, FLOOR) for r in curve]]
    lines += [[max(w * r.values[i], FLOOR) for r in curve] for i, w in enumerate(weights)]
    low, high = _decades([v for line in lines for v in line if v > FLOOR] or [1.0])
    frame = (LEFT, TOP, WIDTH - RIGHT, HEIGHT - BOTTOM)
    for power in range(low, high + 1):
        y = _y(10.0**power, low, high, frame)
        draw.line((frame[0], y, frame[2], y), FAINT)
        draw.text((frame[0] - 8, y), f"1e{power}" if abs(power) > 3 else f"{10.0**power:g}", INK, _font(11), anchor="rm")
    for i in range(1, len(curve)):
        if curve[i].scale != curve[i - 1].scale:
            x = _x(i - 0.5, len(curve), frame)
            draw.line((x, frame[1], x, frame[3]), FAINT)
    for line, color in reversed(list(zip(lines, _colors(len(lines)), strict=True))):
        points = [(_x(i, len(line), frame), _y(v, low, high, frame)) for i, v in enumerate(line)]
        draw.line(points * 2 if len(points) == 1 else points, color, width=2)
    draw.rectangle(frame, outline=FAINT)
    draw.text((frame[2], frame[3] + 8), f"{len(curve)} steps", INK, _font(11), anchor="ra")
    _legend(draw, ["loss", *titles], _colors(len(lines)))
    return _tensor(image)


def under(preview: Tensor, curve: Sequence[Record]) -> Tensor:
    """A preview [1, 3, h, w] with the loss so far in a strip below it."""
    height, width = preview.shape[-2:]
    strip = max(24, height // PREVIEW_SHARE)
    image = Image.new("RGB", (width, strip), PAPER)
    draw = ImageDraw.Draw(image)
    values = [max(r.loss, FLOOR) for r in curve]
    if len(values) > 1:
        low, high = log10(min(values)), log10(max(values))
        span = max(high - low, 1e-6)
        points = [
            (2 + (width - 5) * i / (len(values) - 1), 3 + (strip - 7) * (high - log10(v)) / span) for i, v in enumerate(values)
        ]
        draw.line(points, COLORS[1], width=2)
    return torch.cat([preview.float().cpu(), _tensor(image)], dim=2)


def _decades(values: Sequence[float]) -> tuple[int, int]:
    """Powers of ten around the values; at most six below the highest."""
    high = floor(log10(max(values))) + 1
    return max(floor(log10(min(values))), high - 6), high


def _x(index: float, count: int, frame: tuple[int, int, int, int]) -> float:
    return frame[0] + (frame[2] - frame[0]) * (index / max(count - 1, 1))


def _y(value: float, low: int, high: int, frame: tuple[int, int, int, int]) -> float:
    share = (log10(value) - low) / max(high - low, 1)
    return frame[3] - (frame[3] - frame[1]) * min(max(share, 0.0), 1.0)


def _colors(count: int) -> list[tuple[int, int, int]]:
    return [COLORS[0], *(COLORS[1 + i % (len(COLORS) - 1)] for i in range(count - 1))]


def _legend(draw: ImageDraw.ImageDraw, titles: Sequence[str], colors: Sequence[tuple[int, int, int]]) -> None:
    """In the upper right corner, where a falling curve is not."""
    font = _font(12)
    width = max(draw.textlength(title, font) for title in titles)
    x, y = WIDTH - RIGHT - width - 44, TOP + 10
    for title, color in zip(titles, colors, strict=True):
        draw.line((x, y + 7, x + 20, y + 7), color, width=3)
        draw.text((x + 28, y), title, INK, font)
        y += 18


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _tensor(image: Image.Image) -> Tensor:
    return torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1)[None].float() / 255
