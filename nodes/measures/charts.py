"""Tables, plots and figures of measures as pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont

from ..host.drawing import FAINT, INK, PAPER, fitted

if TYPE_CHECKING:
    from ...models.metrics.report import Report

TEXT, SMALL = 20, 15
GAP = 24
WIDEST_COLUMN = 150
NOTE_WIDTH = 110  # characters of a line
PARTS = 5  # of an axis, about
QUIET = (120, 120, 124)
COLORS = (
    *((200, 72, 40), (38, 104, 168), (60, 140, 70), (140, 80, 160), (200, 140, 30), (40, 150, 150)),
    *((120, 90, 60), (190, 70, 130), (90, 90, 200), (110, 130, 40), (160, 160, 160), (30, 30, 34)),
)
BOLD = 1  # pixels that a stroke of a letter is wider


def wrapped(text: str, width: int, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> list[str]:
    """Lines of whole words that are no wider than `width` pixels, but for words that are."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and font.getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines or [""]


def table_picture(report: Report) -> Image.Image:
    """Rows and columns with the best number of each column in bold, and what it was made of below."""
    font, small = ImageFont.load_default(TEXT), ImageFont.load_default(SMALL)
    grid, columns = report.grid(), report.columns()
    heads = [[""], *(wrapped(f"{c.title} ({c.first.better})", WIDEST_COLUMN, small) for c in columns)]
    widths = [
        int(max([small.getlength(line) for line in head] + [font.getlength(row[i]) + 2 for row in grid[1:]])) + GAP
        for i, head in enumerate(heads)
    ]
    step, head_step = TEXT * 8 // 5, SMALL * 4 // 3
    notes = [line for text in report.notes() for line in folded(text, NOTE_WIDTH)]
    top = GAP + max(map(len, heads)) * head_step
    width = max(sum(widths), int(max((small.getlength(line) for line in notes), default=0))) + GAP
    height = top + len(report.rows) * step + GAP + len(notes) * head_step + GAP
    sheet = Image.new("RGB", (width, height), PAPER)
    draw = ImageDraw.Draw(sheet)
    left = GAP
    for i, head in enumerate(heads):
        for place, line in enumerate(head):
            at = (left, top - (len(head) - place) * head_step - 4)
            draw.text(at, line, fill=QUIET, font=small)
        for place, row in enumerate(grid[1:]):
            best = i > 0 and columns[i - 1].best == place
            draw.text((left, top + place * step + 6), row[i], fill=INK, font=font, stroke_width=BOLD if best else 0)
        left += widths[i]
    for place in range(len(report.rows) + 1):
        y = top + place * step
        draw.line((GAP, y, width - GAP, y), fill=FAINT if place else QUIET)
    for place, line in enumerate(notes):
        draw.text((GAP, top + len(report.rows) * step + GAP + place * head_step), line, fill=QUIET, font=small)
    return sheet


def folded(text: str, width: int) -> list[str]:
    """Lines of about `width` characters."""
    lines = [""]
    for word in text.split():
        if len(lines[-1]) + len(word) >= width:
            lines.append("   ")
        lines[-1] = f"{lines[-1]} {word}" if lines[-1].strip() or not lines[-1] else f"{lines[-1]}{word}"
    return [line.rstrip() for line in lines if line.strip()]


@dataclass(frozen=True)
class Cloud:
    """One method in a plot: its mean, and what each result gave."""

    label: str
    mean: tuple[float, float]
    points: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True)
class Axis:
    """higher: whether a larger number is better; the better end is at the left and at the bottom all the same."""

    title: str
    higher: bool

    def cost(self, value: float) -> float:
        """Lower is better."""
        return -value if self.higher else value


def plot(clouds: Sequence[Cloud], across: Axis, up: Axis, width: int = 1080, height: int = 760) -> Image.Image:
    """Methods between two measures. The lower left is best; a ring is around those that no other beats in both."""
    from ...models.metrics.ranking import front

    sheet = Image.new("RGB", (width, height), PAPER)
    draw = ImageDraw.Draw(sheet)
    font, small = ImageFont.load_default(TEXT), ImageFont.load_default(SMALL)
    left, right, top, bottom = 100, width - 290, 60, height - 90
    every = [point for cloud in clouds for point in (cloud.mean, *cloud.points)]
    scales = [ticks([axis.cost(p[i]) for p in every]) for i, axis in enumerate((across, up))]

    def place(point: tuple[float, float]) -> tuple[float, float]:
        parts = [(axis.cost(v) - s[0]) / (s[-1] - s[0]) for axis, v, s in zip((across, up), point, scales, strict=True)]
        return left + parts[0] * (right - left), bottom - parts[1] * (bottom - top)

    for cost in scales[0]:
        x = place((across.cost(cost), up.cost(scales[1][0])))[0]
        draw.line((x, top, x, bottom), fill=FAINT)
        draw.text((x, bottom + 10), f"{across.cost(cost):.4g}", fill=QUIET, font=small, anchor="ma")
    for cost in scales[1]:
        y = place((across.cost(scales[0][0]), up.cost(cost)))[1]
        draw.line((left, y, right, y), fill=FAINT)
        draw.text((left - 10, y), f"{up.cost(cost):.4g}", fill=QUIET, font=small, anchor="rm")
    draw.text((left, height - 44), f"{across.title}: better to the left", fill=INK, font=font)
    draw.text((left, 20), f"{up.title}: better below", fill=INK, font=font)
    for number, cloud in enumerate(clouds):
        faint = tuple((c + 2 * 250) // 3 for c in COLORS[number % len(COLORS)])
        for point in cloud.points:
            dot(draw, place(point), 3, faint)
    best = front([(across.cost(c.mean[0]), up.cost(c.mean[1])) for c in clouds])
    for number, cloud in enumerate(clouds):
        color, (x, y) = COLORS[number % len(COLORS)], place(cloud.mean)
        if number in best:
            draw.ellipse((x - 13, y - 13, x + 13, y + 13), outline=INK, width=2)
        dot(draw, (x, y), 8, color)
        draw.text((x, y), str(number + 1), fill=PAPER, font=ImageFont.load_default(12), anchor="mm")
        line = top + 10 + number * TEXT * 3 // 2
        dot(draw, (right + 30, line), 9, color)
        draw.text((right + 30, line), str(number + 1), fill=PAPER, font=ImageFont.load_default(12), anchor="mm")
        draw.text((right + 48, line), fitted(cloud.label, width - right - 60, small), fill=INK, font=small, anchor="lm")
    line = top + 10 + len(clouds) * TEXT * 3 // 2
    draw.ellipse((right + 17, line - 13, right + 43, line + 13), outline=INK, width=2)
    draw.text((right + 54, line), "beaten by no other in both", fill=QUIET, font=small, anchor="lm")
    return sheet


def ticks(values: Sequence[float]) -> list[float]:
    """Round numbers at equal distances from the least value or below it to the greatest or above it."""
    low, high = min(values), max(values)
    if low == high:
        low, high = low - (abs(low) * 0.1 or 1.0), high + (abs(high) * 0.1 or 1.0)
    power = 10.0 ** floor(log10((high - low) / PARTS))
    step = next(power * part for part in (1, 2, 2.5, 5, 10) if power * part * PARTS >= high - low)
    first, last = floor(low / step + 1e-9), ceil(high / step - 1e-9)
    return [number * step for number in range(first, last + 1)]


def dot(draw: ImageDraw.ImageDraw, at: tuple[float, float], radius: int, color: tuple[int, ...]) -> None:
    """A filled circle."""
    draw.ellipse((at[0] - radius, at[1] - radius, at[0] + radius, at[1] + radius), fill=color)


def figure(rows: Sequence[Sequence[Image.Image]], titles: Sequence[str], side: int = 256) -> Image.Image:
    """Pictures in rows and columns under titles, each fitted into a square of `side` pixels."""
    font = ImageFont.load_default(SMALL)
    margin, head = 6, SMALL * 2
    size = (len(titles) * (side + margin) + margin, head + len(rows) * (side + margin) + margin)
    sheet = Image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(sheet)
    for column, title in enumerate(titles):
        draw.text((margin + column * (side + margin), margin), fitted(title, side, font), fill=INK, font=font)
    for line, pictures in enumerate(rows):
        for column, picture in enumerate(pictures):
            shown = picture.copy()
            shown.thumbnail((side, side), Image.Resampling.LANCZOS)
            left, above = margin + column * (side + margin), head + line * (side + margin)
            sheet.paste(shown, (left + (side - shown.width) // 2, above + (side - shown.height) // 2))
    return sheet
