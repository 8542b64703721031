"""Ways through points of W, for animations."""

from __future__ import annotations

from math import pi
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from ..ops.blending import great_circle, stops_on_the_way
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
    span, along = stops_on_the_way(spans, frames, loop)
    part = eased(along, easing)
    if path == "spline":
        made = _spline(stops, (span + part), loop)
    else:
        t = part.to(values)[:, None, None]
        a, b = stops[span], stops[span + 1]
        made = (
            torch.lerp(a, b, t)
            if path == "straight"
            else points.average + great_circle(a - points.average, b - points.average, t)
        )
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
