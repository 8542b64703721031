"""TensorFlow 1's Adam in PyTorch's, as magenta's networks were trained: another epsilon, and constants in single precision."""

from __future__ import annotations

import math

import numpy as np
import torch

EPS_HAT = 1e-8  # beside the root of the second moment as it is, before its bias is corrected


def single(value: float) -> float:
    """Rounded to float32."""
    return float(np.float32(value))


def power(base: float, exponent: int) -> float:
    """As TensorFlow keeps it: multiplied up in float32, one step after another."""
    return float(np.multiply.accumulate(np.full(exponent, base, dtype=np.float32))[-1])


def as_tensorflow(optimizer: torch.optim.Adam, rate: float, betas: tuple[float, float], step: int) -> None:
    """Set the optimizer for a step, counted from 0, so that it makes TensorFlow's: rate * sqrt(1 - b2^t) / (1 - b1^t) * m /
    (sqrt(v) + 1e-8), t = step + 1.
    """
    first, second = (single(beta) for beta in betas)
    exact = 1 - first ** (step + 1), 1 - second ** (step + 1)  # PyTorch divides by these
    theirs = 1 - power(first, step + 1), 1 - power(second, step + 1)
    for group in optimizer.param_groups:
        group["betas"] = first, second
        group["eps"] = EPS_HAT / math.sqrt(exact[1])
        group["lr"] = single(rate) * math.sqrt(theirs[1] / exact[1]) * exact[0] / theirs[0]
