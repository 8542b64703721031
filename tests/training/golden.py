"""The authors' training steps, and how ours are held to them."""

from __future__ import annotations

import os
import runpy
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor, nn

from style_atelier.models.training.draws import Draws
from style_atelier.models.training.plan import Plan
from style_atelier.models.training.recipe import Batch, Recipe
from style_atelier.models.training.update import Update

SHARED = Path(os.environ.get("STYLE_ATELIER_SHARED") or Path(__file__).parents[3] / "shared")
FOLDER = SHARED / "golden" / "training"
LOSSES, WEIGHTS = 1e-9, 1e-7


def opened(name: str) -> Any:
    """A golden run, by the shared reader. Skips where the shared folder is not."""
    if not (FOLDER / "reader.py").is_file():
        pytest.skip(f"no golden training steps at {FOLDER}: set STYLE_ATELIER_SHARED")
    sys.path[:0] = [str(FOLDER), str(FOLDER.parent)]
    try:
        return runpy.run_path(str(FOLDER / "reader.py"))["Golden"](FOLDER / f"{name}.train.pt")
    finally:
        del sys.path[:2]


def double(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """In double precision."""
    return {key: value.double() for key, value in state.items()}


def picture(golden: Any, name: str) -> Tensor:
    """In 0..1, in double precision."""
    return golden.picture(name).double() / 255


def batch_of(golden: Any, step: int, style: bool = True) -> Batch:
    """What the authors gave to a step, counted from 1."""
    which = golden.tensors.get(f"extra.labels_step{step}")
    return Batch(
        picture(golden, f"content/step{step}"),
        picture(golden, f"style/step{step}") if style else None,
        None if which is None else which.long(),
    )


class Recorded(Draws):
    """The numbers that the authors' code drew, by what they are for."""

    def __init__(self, step: int, values: Mapping[str, Tensor]) -> None:
        super().__init__(0, step)
        self.values = values

    def normal(self, name: str, shape: Any) -> Tensor:
        return self.values[name].reshape(tuple(shape))

    def integers(self, name: str, low: int, high: int, shape: Any = ()) -> Tensor:
        return self.values[name].reshape(tuple(shape))

    def uniform(self, name: str, shape: Any = (), low: float = 0.0, high: float = 1.0) -> Tensor:
        return self.values[name].reshape(tuple(shape)) * (high - low) + low


def run(
    golden: Any,
    recipe: Recipe,
    plan: Plan,
    names: Mapping[str, str],
    style: bool = True,
    draws: Mapping[int, Draws] | None = None,
    factors: Mapping[str, float] | None = None,
    losses: float = LOSSES,
) -> None:
    """Make the steps and hold every loss to the authors'. names: ours -> theirs. factors: what ours are divided by."""
    update, wanted = Update(recipe, plan), golden.losses()
    for step in range(golden.config.get("steps", 3)):
        found = update(batch_of(golden, step + 1, style), draws[step] if draws else Draws(0, step), step)
        for ours, theirs in names.items():
            value = found[ours] / (factors or {}).get(ours, 1.0)
            reference = float(wanted[theirs][step])
            assert value == pytest.approx(reference, rel=losses, abs=1e-15), (ours, step)


def check(golden: Any, name: str, state: Mapping[str, Tensor], weights: float = WEIGHTS) -> None:
    """Hold live weights to the authors', relative to their size."""
    differences = golden.check(name, state)
    assert differences
    sums = golden.tensors[f"weight_sum_norm.{name}"][-1]
    for key, difference in differences.items():
        norm = float(sums[golden.keys(name).index(key)][1]) / state[key].numel() ** 0.5
        assert difference <= weights * max(norm, 1.0), (key, difference, norm)


def network(known: Any, tensors: Mapping[str, Tensor]) -> nn.Module:
    """A network of an architecture with these weights, in double precision."""
    config = known.configure(tensors)
    built = known.build(config).double()
    built.load_state_dict(known.rename(dict(tensors), config))
    return built
