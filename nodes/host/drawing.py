"""Pictures with words: labeled grids and curves, drawn with Pillow."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

PAPER, INK, FAINT, LINE = (250, 250, 248), (30, 30, 34), (205, 205, 200), (200, 72, 40)
SMALLEST_TEXT = 11


def to_pillow(rgb: Tensor) -> Image.Image:
    """[3, H, W] in 0..1 as a picture of Pillow's."""
    return Image.fromarray((rgb.movedim(0, -1).clamp(0, 1) * 255).round().byte().cpu().numpy())


def from_pillow(picture: Image.Image) -> Tensor:
    """As [1, 3, H, W] in 0..1."""
    return torch.from_numpy(np.asarray(picture.convert("RGB"), dtype=np.float32) / 255).movedim(-1, 0)[None]


def fitted(text: str, width: int, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    """The text, or as much of it as is `width` pixels wide."""
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(f"{text}...") > width:
        text = text[:-1]
    return f"{text}..."


def labeled_grid(pictures: Sequence[Image.Image], labels: Sequence[Sequence[str]]) -> Image.Image:
    """Pictures side by side in cells of the first one's size, as square a grid as there is, with lines of text below each."""
    width, height = pictures[0].size
    text = max(SMALLEST_TEXT, min(width, height) // 22)
    font, margin = ImageFont.load_default(text), max(4, text // 2)
    strip = max(len(lines) for lines in labels) * (text + text // 3) + margin
    columns = min(range(1, len(pictures) + 1), key=lambda n: (abs(n * width - -(-len(pictures) // n) * (height + strip)), n))
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (columns * (width + margin) + margin, rows * (height + strip + margin) + margin), PAPER)
    draw = ImageDraw.Draw(sheet)
    for index, (picture, lines) in enumerate(zip(pictures, labels, strict=True)):
        left = margin + index % columns * (width + margin)
        top = margin + index // columns * (height + strip + margin)
        shown = picture.copy()
        shown.thumbnail((width, height), Image.Resampling.LANCZOS)
        sheet.paste(shown, (left + (width - shown.width) // 2, top + (height - shown.height) // 2))
        for number, line in enumerate(lines):
            at = (left, top + height + margin // 2 + number * (text + text // 3))
            draw.text(at, fitted(line, width, font), fill=INK if number == 0 else (110, 110, 110), font=font)
    return sheet


def curve(values: Sequence[float], breaks: Sequence[int], title: str, width: int = 960, height: int = 320) -> Image.Image:
    """Values over their numbers as a line, from 0 to the greatest; breaks: numbers at which a dashed line stands."""
    sheet = Image.new("RGB", (width, height), PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    left, right, top, bottom = 76, width - 20, 40, height - 36
    greatest = max(values, default=0.0) or 1.0
    draw.text((left, 12), title, fill=INK, font=font)
    for part in range(5):
        y = bottom - part * (bottom - top) // 4
        draw.line((left, y, right, y), fill=FAINT)
        draw.text((left - 8, y), f"{greatest * part / 4:.2g}", fill=INK, font=font, anchor="rm")
    last = max(len(values) - 1, 1)
    points = [(left + i * (right - left) / last, bottom - v / greatest * (bottom - top)) for i, v in enumerate(values)]
    for number in breaks:
        x = left + number * (right - left) / last
        for y in range(top, bottom, 10):
            draw.line((x, y, x, y + 5), fill=INK)
    if len(points) > 1:
        draw.line(points, fill=LINE, width=2, joint="curve")
    for x, y in points if len(points) <= 100 else []:
        draw.ellipse((x - 3, y - 3, x + 3, y + 3), fill=LINE)
    draw.text((left, bottom + 10), "0", fill=INK, font=font, anchor="ma")
    draw.text((right, bottom + 10), str(max(len(values) - 1, 0)), fill=INK, font=font, anchor="ma")
    return sheet
