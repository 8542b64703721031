"""Paints three more style pictures of samples/: dots of pure color, planes of glass, and a woodcut of a sea.

python docs/samples/make_more_paintings.py [OUTPUT_DIR]
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from make_paintings import SIDE, Canvas, Rng, smooth_noise
from PIL import Image


def dots(rng: Rng) -> Image.Image:
    """A field of flowers at sunset in small dots of pure color, after the manner of the pointillists."""
    canvas = Canvas((0.95, 0.9, 0.78))
    sky = np.array([[0.98, 0.72, 0.3], [0.96, 0.5, 0.36], [0.86, 0.42, 0.6], [0.55, 0.45, 0.78], [0.99, 0.86, 0.5]])
    field = np.array([[0.35, 0.6, 0.2], [0.16, 0.42, 0.3], [0.65, 0.75, 0.25], [0.85, 0.2, 0.2], [0.95, 0.5, 0.65]])
    tone = smooth_noise(rng, 6)
    for radius, count in ((7.0, 5000), (5.0, 15000), (3.5, 14000)):
        for _ in range(count):
            x, y = rng.uniform(0, SIDE, 2)
            horizon = 300 + 30 * np.sin(x / 120)
            colors, height = (field, (y - horizon) / SIDE) if y > horizon else (sky, 1 - y / horizon)
            level = height * 4 + tone[int(y), int(x)] * 0.8 + rng.normal(0, 0.7)
            color = colors[int(np.clip(level, 0, len(colors) - 1))]
            if np.hypot(x - 420, y - 235) < 62 and rng.random() < 0.85:
                color = np.array([1.0, 0.93, 0.62])
            if rng.random() < 0.12:
                color = 1 - color  # its opposite beside it, which makes both shine
            shade = tuple(np.clip(color + rng.normal(0, 0.05, 3), 0, 1))
            canvas.stroke(np.array([[x, y], [x + 0.5, y]]), radius * rng.uniform(0.8, 1.2), shade)
    return canvas.finish()


def glass(rng: Rng) -> Image.Image:
    """Planes of clear color between dark lines, as a window of glass."""
    colors = np.array([[0.85, 0.16, 0.14], [0.95, 0.72, 0.12], [0.1, 0.35, 0.7], [0.12, 0.55, 0.42], [0.96, 0.93, 0.84]])
    centers = rng.uniform(0, SIDE, (90, 2))
    shades = colors[rng.integers(0, len(colors), 90)]
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)
    bent = 14 * smooth_noise(rng, 5), 14 * smooth_noise(rng, 5)
    distance = np.stack([np.hypot(x + bent[0] - cx, y + bent[1] - cy) for cx, cy in centers])
    nearest = distance.argmin(0)
    two = np.partition(distance, 1, axis=0)[:2]
    light = 0.82 + 0.16 * smooth_noise(rng, 8)[..., None] + rng.normal(0, 0.02, (SIDE, SIDE, 1))
    picture = np.clip(shades[nearest] * light, 0, 1)
    picture[(two[1] - two[0]) < 7] = (0.06, 0.05, 0.07)
    return Image.fromarray((picture * 255).astype(np.uint8))


def woodcut(rng: Rng) -> Image.Image:
    """Waves in flat blues with dark outlines and foam, on the warm paper of a color woodcut."""
    canvas = Canvas((0.93, 0.88, 0.76))
    blues = np.array([[0.62, 0.74, 0.76], [0.36, 0.54, 0.66], [0.2, 0.38, 0.58], [0.1, 0.22, 0.42]])
    xs = np.linspace(-20, SIDE + 20, 160)
    for row in range(17):
        base = 150 + row * 32
        wave = 26 * np.sin(xs / (54 + 5 * row % 30) + row * 1.7) + 14 * np.sin(xs / 23 + row)
        crest = np.stack([xs, base + wave], 1)
        for depth in range(34):
            color = blues[(row + depth // 12) % 4]
            canvas.stroke(crest + np.array([0, depth]), 2.2, tuple(color))
        for depth in (7, 14, 22):
            canvas.stroke(crest + np.array([0, depth]), 1.1, (0.09, 0.16, 0.3))
        canvas.stroke(crest, 2.6, (0.06, 0.1, 0.2))
        foam = [(px, py) for px, py in crest if rng.random() < 0.55]
        for px, py in foam:
            at = np.array([[px, py - rng.uniform(1, 9)], [px + 2, py - rng.uniform(1, 9)]])
            canvas.stroke(at, rng.uniform(2.5, 6.5), (0.97, 0.95, 0.88))
    sun = np.array([[470.0, 78.0], [471.0, 78.0]])
    canvas.stroke(sun, 84, (0.8, 0.24, 0.16))
    return canvas.finish()


def main() -> None:
    """Write painting_dots.jpg, painting_glass.jpg and painting_woodcut.jpg."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parents[2] / "samples"
    for name, paint, seed in (("painting_dots", dots, 4), ("painting_glass", glass, 5), ("painting_woodcut", woodcut, 6)):
        paint(np.random.Generator(np.random.PCG64(seed))).save(folder / f"{name}.jpg", quality=84)


if __name__ == "__main__":
    main()
