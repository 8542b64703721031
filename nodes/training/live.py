"""What the page shows of trainings: the one under way as it is in memory, those before as their checkpoints have them."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from ..host.drawing import to_pillow

if TYPE_CHECKING:
    from ...models.training.trainer import Run

MOST_POINTS = 600  # of a curve on the page


@dataclass
class Live:
    """A training as the page sees it."""

    run: Run
    state: str = "running"
    memory: float = 0.0


_running: dict[str, Live] = {}  # by name


def begin(name: str, run: Run) -> Live:
    """From now on the page sees this run."""
    _running[name] = Live(run)
    return _running[name]


def end(name: str, state: str) -> None:
    """It is over: "done", "stopped" or "failed". What it did is still seen."""
    if name in _running:
        _running[name].state = state


def status(name: str, folder: Path) -> dict[str, Any] | None:
    """Numbers, curves, and the steps of the samples of a run; None where there is none of this name."""
    live = _running.get(name) or _kept(folder)
    if live is None:
        return None
    run = live.run
    return {
        "state": live.state,
        "step": run.step,
        "planned": run.planned,
        "seconds": run.seconds,
        "left": run.seconds_left if live.state == "running" else 0,
        "rate": run.rate,
        "memory": live.memory,
        "micro_batch": run.micro_batch,
        "curves": curves(run.losses),
        "samples": [step for step, _ in run.samples],
        "best": run.best,
        "notes": list(run.notes),
    }


def sample(name: str, folder: Path, step: int) -> bytes | None:
    """The picture after a step as JPEG; None where there is none."""
    live = _running.get(name) or _kept(folder)
    picture = None if live is None else dict(live.run.samples).get(step)
    return None if picture is None else jpeg(picture)


def jpeg(picture: Tensor) -> bytes:
    """[1, 3, h, w] in 0..1."""
    out = io.BytesIO()
    to_pillow(picture[0].float()).save(out, "JPEG", quality=90)
    return out.getvalue()


def curves(losses: list[dict[str, float]]) -> dict[str, list[tuple[int, float]]]:
    """Every loss as (step, value), thinned out evenly; steps without one are left out."""
    stride = max(1, math.ceil(len(losses) / MOST_POINTS))
    found: dict[str, list[tuple[int, float]]] = {}
    for start in range(0, len(losses), stride):
        part = losses[start : start + stride]
        for name in dict.fromkeys(name for step in part for name in step):
            values = [step[name] for step in part if name in step and math.isfinite(step[name])]
            if values:
                found.setdefault(name, []).append((start + len(part), sum(values) / len(values)))
    return found


def _kept(folder: Path) -> Live | None:
    from ...models.training import state
    from ...models.training.trainer import Run

    try:
        there = state.load(folder)
    except ValueError:
        return None
    if there is None:
        return None
    run = Run.of(there[0])
    return Live(run, "done" if run.done else "stopped")
