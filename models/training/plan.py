"""How long, how fast and on what a network is trained."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

Schedule = Literal["constant", "inverse", "cosine", "linear"]
WARM_UP = 50  # steps, of the cosine schedule
FLOOR = 0.02  # of the rate, at its end
GOES_ON = ("steps", "minutes", "rate", "schedule", "save_minutes", "samples", "micro_batch")  # may change between runs


@dataclass(frozen=True)
class Plan:
    """steps: of the optimizer. minutes: end after so many, 0 for no limit. batch: pictures in a step; micro_batch: at once, 0 for
    all. size: side of the crops in pixels. seed: of all chance. rate: Adam's, with betas, weight_decay and amsgrad.
    schedule: how the rate falls; decay: of the inverse one, rate / (1 + decay * (step + offset)). clip: largest length of the
    gradient, 0 for none. average: of the running mean of the weights, 0 for none. precision: of the forward pass.
    save_minutes: between checkpoints. samples: how many pictures are made on the way.
    """

    steps: int = 1000
    minutes: float = 0.0
    batch: int = 4
    micro_batch: int = 0
    size: int = 256
    seed: int = 0
    rate: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.0
    amsgrad: bool = False
    schedule: Schedule = "constant"
    decay: float = 0.0
    offset: int = 0
    clip: float = 0.0
    average: float = 0.0
    precision: Literal["float32", "bfloat16"] = "float32"
    save_minutes: float = 2.0
    samples: int = 12

    def __post_init__(self) -> None:
        for name, least in (("steps", 1), ("batch", 1), ("size", 8), ("minutes", 0), ("micro_batch", 0), ("samples", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} is {getattr(self, name)}: give a number from {least} up.")
        if not 0 < self.rate < math.inf:
            raise ValueError(f"rate is {self.rate}: give a number above 0.")

    def rate_at(self, step: int) -> float:
        """The rate of a step, counted from 0."""
        if self.schedule == "inverse":
            return self.rate / (1 + self.decay * (step + self.offset))
        if self.schedule == "constant":
            return self.rate
        done = min(step / self.steps, 1.0)
        if self.schedule == "linear":
            return self.rate * min(1.0, max(FLOOR, 2 * (1 - done)))
        warm = min(1.0, (step + 1) / WARM_UP)
        return self.rate * warm * (FLOOR + (1 - FLOOR) * 0.5 * (1 + math.cos(math.pi * done)))

    def as_numbers(self) -> dict[str, Any]:
        """For a file."""
        return asdict(self)

    @classmethod
    def of(cls, values: dict[str, Any]) -> Plan:
        """From a file; names that are not known are left out."""
        known = {field.name for field in fields(cls)}
        kept = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items() if name in known}
        return cls(**kept)

    def differs(self, other: Plan) -> list[str]:
        """Names of what another plan has otherwise and a run cannot go on with."""
        names = [field.name for field in fields(self) if field.name not in GOES_ON]
        return [name for name in names if getattr(self, name) != getattr(other, name)]

    def sample_steps(self) -> list[int]:
        """Steps after which a picture is made: at doubling distances, then even ones; 0 and the last among them."""
        if not self.samples:
            return []
        even = max(1, self.steps // self.samples)
        early, step = [0], max(1, even // 8)
        while step < even:
            early.append(step)
            step *= 2
        return sorted({*early, *range(even, self.steps, even), self.steps})
