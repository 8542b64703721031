"""Paints the three style pictures of samples/ from nothing but random numbers: strokes laid along fields of directions.

    python docs/samples/make_paintings.py [OUTPUT_DIR]

A seed gives the same pictures on every machine (NumPy's PCG64, Pillow's drawing).
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

SIDE = 640
SCALE = 2  # strokes are drawn at twice the size and shrunk, so that their edges are soft
Rng = np.random.Generator
Color = tuple[float, float, float]


def smooth_noise(rng: Rng, cells: int) -> np.ndarray:
    """[SIDE, SIDE] in about -1..1, smooth at SIDE / cells pixels."""
    small = Image.fromarray(rng.standard_normal((cells + 3, cells + 3)).astype(np.float32))
    return np.asarray(small.resize((SIDE, SIDE), Image.Resampling.BICUBIC))


def swirl_field(rng: Rng, centers: list[tuple[float, float, float]]) -> np.ndarray:
    """Directions [SIDE, SIDE] in radians: around the centers (x, y, reach), else along smooth noise."""
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)
    noise = smooth_noise(rng, 5)
    flow_y, flow_x = np.gradient(noise)
    u, v = flow_y * 60 + 0.6, -flow_x * 60
    for cx, cy, reach in centers:
        dx, dy = x - cx, y - cy
        weight = np.exp(-(dx**2 + dy**2) / (2 * reach**2)) * 4
        distance = np.sqrt(dx**2 + dy**2) + 1
        u += weight * -dy / distance
        v += weight * dx / distance
    return np.arctan2(v, u)


class Canvas:
    """A picture that is painted stroke by stroke."""

    def __init__(self, ground: Color) -> None:
        self.image = Image.new("RGB", (SIDE * SCALE, SIDE * SCALE), to_bytes(ground))
        self.draw = ImageDraw.Draw(self.image)

    def stroke(self, points: np.ndarray, width: float, color: Color) -> None:
        """A bent stroke with round ends through points [N, 2]."""
        flat = [tuple(p) for p in (points * SCALE)]
        self.draw.line(flat, fill=to_bytes(color), width=max(1, round(width * SCALE)), joint="curve")
        radius = width * SCALE / 2
        for px, py in (flat[0], flat[-1]):
            self.draw.ellipse((px - radius, py - radius, px + radius, py + radius), fill=to_bytes(color))

    def finish(self) -> Image.Image:
        """The picture at its final size."""
        return self.image.resize((SIDE, SIDE), Image.Resampling.LANCZOS).filter(ImageFilter.UnsharpMask(1.5, 80, 2))


def to_bytes(color: Color) -> tuple[int, int, int]:
    """0..1 -> 0..255."""
    r, g, b = (round(255 * min(max(c, 0), 1)) for c in color)
    return r, g, b


def along(field: np.ndarray, x: float, y: float, length: float, steps: int = 6) -> np.ndarray:
    """Points of a stroke that follows the field from x, y."""
    points = [(x, y)]
    for _ in range(steps):
        column, row = int(np.clip(x, 0, SIDE - 1)), int(np.clip(y, 0, SIDE - 1))
        angle = field[row, column]
        x, y = x + np.cos(angle) * length / steps, y + np.sin(angle) * length / steps
        points.append((x, y))
    return np.array(points)


def impasto(canvas: Canvas, rng: Rng, points: np.ndarray, width: float, color: np.ndarray) -> None:
    """A stroke of thick paint: a body, a dark lower edge, and streaks of the brush's hairs."""
    normal = np.array([-(points[-1] - points[0])[1], (points[-1] - points[0])[0]])
    normal = normal / (np.linalg.norm(normal) + 1e-6)
    canvas.stroke(points + normal * width * 0.25, width, tuple(color * 0.62))
    canvas.stroke(points, width * 0.9, tuple(color))
    for _ in range(3):
        offset = rng.uniform(-0.36, 0.36)
        canvas.stroke(points + normal * width * offset, max(0.7, width * 0.14), tuple(color + rng.uniform(-0.14, 0.22)))


def night(rng: Rng) -> Image.Image:
    """A swirling night sky over dark hills."""
    stars = [(110, 110, 55), (270, 210, 95), (430, 90, 48), (540, 230, 70), (180, 330, 50), (390, 340, 60)]
    field = swirl_field(rng, [(x, y, r) for x, y, r in stars])
    canvas = Canvas((0.04, 0.08, 0.25))
    palette = np.array([[0.05, 0.12, 0.42], [0.1, 0.26, 0.62], [0.2, 0.45, 0.78], [0.45, 0.68, 0.86], [0.08, 0.3, 0.45]])
    gold = np.array([[0.98, 0.82, 0.25], [1.0, 0.93, 0.6], [0.9, 0.62, 0.12]])
    tone = smooth_noise(rng, 9)
    for width, count in ((15, 1500), (10, 3600), (7, 4200)):
        for _ in range(count):
            x, y = rng.uniform(0, SIDE, 2)
            near = max(np.exp(-((x - sx) ** 2 + (y - sy) ** 2) / (2 * (r * 0.42) ** 2)) for sx, sy, r in stars)
            ring = max(np.exp(-((np.hypot(x - sx, y - sy) - r * 0.85) ** 2) / (2 * (r * 0.13) ** 2)) for sx, sy, r in stars)
            level = tone[int(y), int(x)] * 0.9 + rng.normal(0, 0.45)
            color = palette[int(np.clip(np.floor(level + 2), 0, 4))]
            if rng.random() < near * 1.15 or rng.random() < ring * 0.4:
                color = gold[rng.integers(3)]
            hill = 470 + 45 * np.sin(x / 95) + 25 * np.sin(x / 37 + 1)
            if y > hill:
                color = np.array([[0.03, 0.1, 0.14], [0.06, 0.2, 0.2], [0.12, 0.3, 0.22], [0.02, 0.06, 0.16]])[rng.integers(4)]
                if rng.random() < 0.025:
                    color = gold[0]
            color = np.clip(color + rng.normal(0, 0.035, 3), 0, 1)
            impasto(canvas, rng, along(field, x, y, width * rng.uniform(2.4, 4.2)), width * rng.uniform(0.55, 1), color)
    return canvas.finish()


def pond(rng: Rng) -> Image.Image:
    """Dabs of light on water with floating leaves and blossoms."""
    canvas = Canvas((0.25, 0.38, 0.4))
    ripple = smooth_noise(rng, 6) * 0.35
    water = np.array(
        [[0.3, 0.46, 0.5], [0.42, 0.55, 0.66], [0.56, 0.56, 0.74], [0.22, 0.4, 0.36], [0.68, 0.68, 0.8], [0.34, 0.3, 0.5]]
    )
    leaves = np.array([[0.3, 0.52, 0.26], [0.5, 0.66, 0.34], [0.18, 0.4, 0.28], [0.66, 0.74, 0.42]])
    blossom = np.array([[0.95, 0.72, 0.78], [0.98, 0.9, 0.88], [0.86, 0.45, 0.58]])
    islands = [(rng.uniform(0, SIDE), rng.uniform(30, SIDE), rng.uniform(36, 80)) for _ in range(15)]
    tone = smooth_noise(rng, 5)
    for width, count in ((17, 1500), (11, 3600), (7, 4200), (5, 2600)):
        for _ in range(count):
            x, y = rng.uniform(0, SIDE, 2)
            inside = [np.hypot((x - ix) / 1.6, (y - iy) * 1.5) < r for ix, iy, r in islands]
            level = tone[int(y), int(x)] * 1.3 + rng.normal(0, 0.8)
            color, length = water[int(np.clip(np.floor(level + 3), 0, 5))], rng.uniform(1.4, 3.2)
            if any(inside):
                color, length = leaves[rng.integers(4)], rng.uniform(0.8, 1.9)
                if rng.random() < 0.08 and width < 12:
                    color, length = blossom[rng.integers(3)], 0.6
            color = np.clip(color + rng.normal(0, 0.05, 3), 0, 1)
            angle = ripple[int(y), int(x)] + rng.normal(0, 0.18)
            direction = np.array([np.cos(angle), np.sin(angle)])
            points = np.array([[x, y]]) + direction * np.linspace(0, width * length, 4)[:, None]
            impasto(canvas, rng, points, width * rng.uniform(0.6, 1), color)
    return canvas.finish()


def ink(rng: Rng) -> Image.Image:
    """Hatching in dark ink on warm paper, denser where the scene is darker."""
    canvas = Canvas((0.93, 0.87, 0.74))
    y = np.mgrid[0:SIDE, 0:SIDE][0].astype(np.float32) / SIDE
    tone = 0.5 + 0.3 * smooth_noise(rng, 4) + 0.12 * smooth_noise(rng, 12) + 0.35 * (y - 0.5)
    contour = np.arctan2(*np.gradient(smooth_noise(rng, 4))) + np.pi / 2
    for threshold, turn, width in ((0.25, 0.0, 1.7), (0.5, 0.9, 1.5), (0.72, -0.7, 1.9)):
        for _ in range(5200):
            px, py = rng.uniform(0, SIDE, 2)
            if tone[int(py), int(px)] < threshold + rng.normal(0, 0.06):
                continue
            shade = np.array([0.12, 0.08, 0.07]) + rng.uniform(0, 0.1)
            if rng.random() < 0.06:
                shade = np.array([0.62, 0.16, 0.1])
            points = along(contour + turn, px, py, rng.uniform(14, 34))
            canvas.stroke(points, width * rng.uniform(0.6, 1.25), tuple(shade))
    return canvas.finish()


def main() -> None:
    """Write painting.jpg, painting_pond.jpg and painting_ink.jpg."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parents[2] / "samples"
    for name, paint, seed in (("painting", night, 1), ("painting_pond", pond, 2), ("painting_ink", ink, 3)):
        paint(np.random.Generator(np.random.PCG64(seed))).save(folder / f"{name}.jpg", quality=92)


if __name__ == "__main__":
    main()
