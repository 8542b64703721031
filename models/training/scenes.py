"""Content to train on where a person has none: scenes with skies, ridges and solid things, painted by chance."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from .picture_set import Cuts, PictureSet

SIDE = 384


def rough(rng: np.random.Generator, height: int, width: int, power: float) -> np.ndarray:
    """Noise [height, width] in 0..1 whose amplitude falls as frequency^-power, as in photographs of nature."""
    down, right = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None]
    frequency = np.maximum(np.hypot(down, right), 1 / max(height, width))
    spectrum = (rng.normal(size=frequency.shape) + 1j * rng.normal(size=frequency.shape)) * frequency**-power
    noise = np.fft.irfft2(spectrum, s=(height, width))
    low, high = np.percentile(noise, (2, 98))
    return np.clip((noise - low) / max(high - low, 1e-9), 0, 1)


def color(rng: np.random.Generator, light: float) -> np.ndarray:
    """An RGB color in 0..1 of about this lightness."""
    return np.clip(light + rng.normal(0, 0.16, size=3), 0.02, 0.98)


def between(a: np.ndarray, b: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Colors [h, w, 3] from a (0) to b (1)."""
    return a + (b - a) * share[..., None]


def landscape(rng: np.random.Generator, side: int) -> np.ndarray:
    """A sky, ridges one behind the other, and trees or houses on the nearest."""
    height = np.linspace(0, 1, side)[:, None].repeat(side, axis=1)
    clouds = rough(rng, side, side, 1.7)
    scene = between(color(rng, 0.7), color(rng, 0.55), np.clip(height * 1.6, 0, 1))
    scene = between(scene, np.ones(3) * rng.uniform(0.75, 1.0), np.clip(clouds * 1.8 - 0.8, 0, 1))
    for depth in range(int(rng.integers(2, 6))):
        line = 0.3 + 0.15 * depth + 0.22 * (rough(rng, 2, side, rng.uniform(1.0, 1.6))[0] - 0.5)
        ground = color(rng, 0.55 - 0.09 * depth)
        texture = rough(rng, side, side, rng.uniform(0.5, 1.3))
        shaded = ground * (0.6 + 0.8 * texture[..., None])
        below = np.clip((height - line[None]) * side / 2, 0, 1)
        scene = between(scene, shaded, below)
    return scene


def things(rng: np.random.Generator, scene: np.ndarray, count: int) -> np.ndarray:
    """Solid things with light on one side, and their shadows."""
    side = len(scene)
    light = rng.uniform(0, 2 * np.pi)
    for _ in range(count):
        width, height = (int(side * rng.uniform(0.06, 0.45)) for _ in range(2))
        left, top = int(rng.uniform(-0.1, 0.95) * side), int(rng.uniform(0.1, 0.95) * side)
        outline = Image.new("L", (side, side))
        draw = ImageDraw.Draw(outline)
        box = (left, top, left + width, top + height)
        kind = rng.integers(0, 4)
        if kind == 0:
            draw.ellipse(box, fill=255)
        elif kind == 1:
            draw.rectangle(box, fill=255)
        elif kind == 2:
            draw.polygon([(left, top + height), (left + width // 2, top), (left + width, top + height)], fill=255)
        else:
            angles = np.sort(rng.uniform(0, 2 * np.pi, size=int(rng.integers(5, 11))))
            reach = rng.uniform(0.5, 1.0, size=len(angles))
            points = zip(left + width * reach * np.cos(angles) / 2, top + height * reach * np.sin(angles) / 2, strict=True)
            draw.polygon([(float(x), float(y)) for x, y in points], fill=255)
        moved = Image.new("L", (side, side))
        moved.paste(outline, (side // 50, side // 40))
        shadow = np.asarray(moved.filter(ImageFilter.GaussianBlur(side / 40)), dtype=np.float64) / 255
        scene = scene * (1 - 0.5 * shadow[..., None])
        mask = np.asarray(outline.filter(ImageFilter.GaussianBlur(0.8)), dtype=np.float64) / 255
        down, right = np.mgrid[0:side, 0:side]
        shade = ((right - left) * np.cos(light) + (down - top) * np.sin(light)) / max(width, height, 1)
        body = color(rng, rng.uniform(0.25, 0.8)) * (0.75 + 0.45 * np.tanh(shade))[..., None]
        body = body * (0.85 + 0.3 * rough(rng, side, side, rng.uniform(0.4, 1.6))[..., None])
        scene = between(scene, body, mask)
    return scene


def scene(seed: int, side: int = SIDE) -> np.ndarray:
    """One picture uint8 [side, side, 3]; a seed always gives the same."""
    rng = np.random.default_rng(seed)
    if rng.random() < 0.6:
        made = things(rng, landscape(rng, side), int(rng.integers(0, 6)))
    else:
        made = between(color(rng, 0.6), color(rng, 0.35), rough(rng, side, side, 1.8))
        made = things(rng, made, int(rng.integers(3, 10)))
    grain = 0.02 * rng.normal(size=made.shape)
    return (np.clip(made + grain, 0, 1) * 255).round().astype(np.uint8)


def scenes(count: int, seed: int = 0, side: int = SIDE, cuts: Cuts = Cuts()) -> PictureSet:
    """So many of them."""
    return PictureSet(tuple(scene(seed + i, side) for i in range(count)), tuple(f"scene {i + 1}" for i in range(count)), cuts)
