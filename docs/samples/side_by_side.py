"""side_by_side.py OUT PICTURE...: the pictures in a row, at equal height."""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image

GAP = 8


def row(paths: list[Path]) -> Image.Image:
    """The pictures in a row, as high as the last one."""
    pictures = [Image.open(path).convert("RGB") for path in paths]
    height = pictures[-1].height
    scaled = [p.resize((round(p.width * height / p.height), height), Image.Resampling.LANCZOS) for p in pictures]
    out = Image.new("RGB", (sum(p.width for p in scaled) + GAP * (len(scaled) - 1), height), "white")
    x = 0
    for picture in scaled:
        out.paste(picture, (x, 0))
        x += picture.width + GAP
    return out


if __name__ == "__main__":
    row([Path(name) for name in sys.argv[2:]]).save(sys.argv[1])
