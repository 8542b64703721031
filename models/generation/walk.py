"""Ways through points of W, for animations."""

from __future__ import annotations

from math import pi
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from .latents import Latents

Path = Literal["straight", "arc", "spline"]
Easing = Literal["even", "gentle", "in", "out"]


def walk(points: Latents, frames: int, path: Path, loop: bool, easing: Easing) -> Latents:
    """`frames` points on a way through all of `points` [N, ...], in order; with `loop` back to the first, which is not repeated.

    straight: lines. arc: on great circles about the average, the distances from it going over evenly. spline: a cubic through
    all points without a corner, periodic in a loop, as the authors' videos have it. easing: how time goes between two points:
    "gentle" stops softly at each, "in" starts slowly, "out" ends slowly.
    """
    values = points.values
    if len(values) < 2:
        raise ValueError(f"w has {len(values)} point and a walk needs at least two: connect more, or sample more seeds")
    stops = torch.cat([values, values[:1]]) if loop else values
    spans = len(stops) - 1
    count = frames if loop else max(frames - 1, 1)
    place = torch.arange(frames, dtype=torch.float64) * spans / count
    span = place.long().clamp(max=spans - 1)
    part = eased(place - span, easing)
    if path == "spline":
        made = _spline(stops, (span + part), loop)
    else:
        t = part.to(values)[:, None, None]
        a, b = stops[span], stops[span + 1]
        made = torch.lerp(a, b, t) if path == "straight" else _arc(a, b, t, points.average)
    return points.then(made, f"{frames} frames, {path}{' loop' if loop else ''}")


def eased(t: Tensor, easing: Easing) -> Tensor:
    """Time 0..1 between two points as it is felt."""
    if easing == "gentle":
        return (1 - torch.cos(t * pi)) / 2
    if easing == "in":
        return t**2
    return 1 - (1 - t) ** 2 if easing == "out" else t


def _spline(stops: Tensor, time: Tensor, loop: bool) -> Tensor:
    from scipy.interpolate import CubicSpline  # takes longer to import than the whole pack

    flat = stops.flatten(1).double().numpy()
    curve = CubicSpline(np.arange(len(flat)), flat, bc_type="periodic" if loop else "natural")
    return torch.from_numpy(curve(time.numpy())).to(stops).view(-1, *stops.shape[1:])


def _arc(a: Tensor, b: Tensor, t: Tensor, average: Tensor) -> Tensor:
    """Spherical interpolation (Shoemake 1985) of directions from the average, row by row; lengths go over evenly."""
    a, b = a - average, b - average
    long_a, long_b = a.norm(dim=-1, keepdim=True), b.norm(dim=-1, keepdim=True)
    unit_a, unit_b = a / long_a.clamp_min(1e-12), b / long_b.clamp_min(1e-12)
    angle = torch.acos((unit_a * unit_b).sum(-1, keepdim=True).clamp(-1, 1))
    sine = torch.sin(angle)
    near = sine < 1e-4
    safe = torch.where(near, torch.ones_like(sine), sine)
    turned = (torch.sin((1 - t) * angle) * unit_a + torch.sin(t * angle) * unit_b) / safe
    direction = torch.where(near, torch.lerp(unit_a, unit_b, t.expand_as(angle)), turned)
    return average + direction * torch.lerp(long_a, long_b, t.expand_as(long_a))
