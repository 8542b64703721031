"""Square thumbnails of the example workflows: of what they make, or a drawn card where no weights are at hand to make it.

    python docs/workflows/thumbnails.py NAME [PICTURE ...]

NAME is a short name of `titles.json`. With pictures (that the workflow saved) the thumbnail shows up to four of them; without,
it is a card in the colors of the workflow's kind.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "example_workflows"
SIDE = 512
FAR_FROM_SQUARE = 1.7
Color = tuple[int, int, int]
KINDS: dict[str, tuple[Color, Color, str]] = {  # ground, paint and what it is, by what the workflow loads
    "LoadGenerator|LoadW|LoadDirections": ((46, 40, 84), (236, 170, 122), "pictures from a latent space"),
    "Lora|ControlNeXt|CheckpointLoader": ((24, 66, 72), (236, 196, 92), "with Stable Diffusion"),
    "LoadTranslator": ((96, 44, 44), (240, 206, 150), "one kind of picture to another"),
    "Train": ((52, 60, 40), (226, 214, 120), "a style of your own"),
    "": ((34, 52, 92), (232, 158, 92), "style transfer"),
}


def fitted(picture: Image.Image, side: int) -> Image.Image:
    """The middle of a picture as a square."""
    short = min(picture.size)
    left, top = (picture.width - short) // 2, (picture.height - short) // 2
    return picture.crop((left, top, left + short, top + short)).resize((side, side), Image.Resampling.LANCZOS)


def square(pictures: list[Image.Image]) -> Image.Image:
    """Up to four pictures in a square. A strip of several is cut into them."""
    if len(pictures) == 1:
        across = pictures[0].width / pictures[0].height
        if across > FAR_FROM_SQUARE:
            count = round(across / 1.25)
            step = pictures[0].width / count
            pictures = [pictures[0].crop((round(i * step), 0, round((i + 1) * step), pictures[0].height)) for i in range(count)]
    if len(pictures) == 1:
        return fitted(pictures[0], SIDE)
    if len(pictures) < 4:
        half = SIDE // 2
        made = fitted(pictures[0], SIDE)
        made.paste(fitted(pictures[-1], SIDE).crop((half, 0, SIDE, SIDE)), (half, 0))
        return made
    chosen = [pictures[round(i * (len(pictures) - 1) / 3)] for i in range(4)]
    made = Image.new("RGB", (SIDE, SIDE))
    for i, picture in enumerate(chosen):
        made.paste(fitted(picture, SIDE // 2), (i % 2 * SIDE // 2, i // 2 * SIDE // 2))
    return made


def card(name: str, title: str, types: str) -> Image.Image:
    """A card with the title over strokes that the name decides on."""
    ground, paint, what = next(look for pattern, look in KINDS.items() if re.search(pattern, types))
    rng = np.random.default_rng(sum(name.encode()) * 7919)
    picture = Image.new("RGB", (SIDE * 2, SIDE * 2), ground)
    draw = ImageDraw.Draw(picture)
    turn, bend, grain = rng.uniform(0, np.pi), rng.uniform(0.6, 2.4), rng.uniform(26, 60)
    for _ in range(420):
        x, y = rng.uniform(-60, SIDE * 2 + 60, 2)
        angle = turn + bend * np.sin(x / 260 + turn * 3) + bend * np.cos(y / 310)
        mix = rng.beta(1.2, 2.2) * (1 - 0.75 * np.exp(-(((y - SIDE) / 300) ** 2)))
        color = tuple(round(a + (b - a) * mix + rng.normal(0, 8)) for a, b in zip(ground, paint, strict=True))
        dx, dy = np.cos(angle) * grain * 1.6, np.sin(angle) * grain * 1.6
        draw.line((x - dx, y - dy, x + dx, y + dy), fill=color, width=round(grain * rng.uniform(0.3, 0.7)), joint="curve")
    words = re.sub(r"^\d+ ", "", title)
    for text, top, size, shade in ((words, 0.40, 84, (255, 250, 240)), (what, 0.66, 44, (235, 225, 210))):
        font = ImageFont.load_default(size)
        for i, line in enumerate(lines(text, font, SIDE * 2 - 140, draw)):
            at = (70, SIDE * 2 * top + (i - (text == words)) * size * 1.15)
            draw.text((at[0] + 3, at[1] + 3), line, font=font, fill=(0, 0, 0))
            draw.text(at, line, font=font, fill=shade)
    return picture.resize((SIDE, SIDE), Image.Resampling.LANCZOS)


def lines(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int, draw: ImageDraw.ImageDraw) -> list[str]:
    """Words in as many lines as they need."""
    found = [""]
    for word in text.split():
        longer = f"{found[-1]} {word}".strip()
        if draw.textlength(longer, font=font) <= width or not found[-1]:
            found[-1] = longer
        else:
            found.append(word)
    return found


def main(name: str, files: list[str]) -> None:
    titles = json.loads(Path(__file__).with_name("titles.json").read_text(encoding="utf-8"))
    title = titles.get(name, name)
    workflow = json.loads((FOLDER / f"{title}.json").read_text(encoding="utf-8"))
    types = " ".join(node["type"] for node in workflow["nodes"])
    made = square([Image.open(file).convert("RGB") for file in files]) if files else card(name, title, types)
    made.save(FOLDER / f"{title}.jpg", quality=86)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
