"""A training's state on disk: whole or not at all, in two generations, so that a run can be killed at any moment."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from ..weights.errors import CheckpointError
from ..weights.safetensors_file import read_safetensors
from ..weights.writing import write_over

FORMAT = "1"
NUMBERS = "style_atelier.training"
NOW, BEFORE = "state.training", "state.previous.training"  # no ending of a weights file: no loader lists them


@dataclass
class State:
    """tensors: networks, averages and optimizers by name. numbers: the rest, as JSON has it."""

    tensors: dict[str, Tensor] = field(default_factory=dict)
    numbers: dict[str, Any] = field(default_factory=dict)

    def put(self, name: str, network: nn.Module) -> None:
        """Add a network's tensors."""
        self.tensors |= {f"{name}/{key}": value for key, value in network.state_dict().items()}

    def put_optimizer(self, name: str, optimizer: torch.optim.Optimizer) -> None:
        """Add what an optimizer remembers."""
        for index, values in optimizer.state_dict()["state"].items():
            for key, value in values.items():
                self.tensors[f"{name}/{index}/{key}"] = torch.as_tensor(value)

    def under(self, name: str) -> dict[str, Tensor]:
        """The tensors that were put under a name."""
        return {key[len(name) + 1 :]: value for key, value in self.tensors.items() if key.startswith(f"{name}/")}

    def take_optimizer(self, name: str, optimizer: torch.optim.Optimizer) -> None:
        """Give an optimizer back what it remembered; its rate and the like stay the plan's."""
        found: dict[int, dict[str, Tensor]] = {}
        for key, value in self.under(name).items():
            index, _, what = key.partition("/")
            found.setdefault(int(index), {})[what] = value.clone()
        optimizer.load_state_dict({"state": found, "param_groups": optimizer.state_dict()["param_groups"]})


def save_whole(tensors: Mapping[str, Tensor], path: Path, metadata: Mapping[str, str]) -> None:
    """Write a safetensors file, whole or not at all."""
    plain = {key: value.detach().to("cpu", copy=True).contiguous() for key, value in tensors.items()}
    write_over(path, lambda name: save_file(plain, name, dict(metadata)))


def save(state: State, folder: Path) -> None:
    """Write the state into a folder. The one before stays as a second generation, until the next time."""
    now, before, fresh = folder / NOW, folder / BEFORE, folder / f"{NOW}.new"
    text = json.dumps({**state.numbers, "format": FORMAT})
    save_whole(state.tensors, fresh, {NUMBERS: text})
    if now.is_file():
        now.replace(before)
    fresh.replace(now)


def load(folder: Path) -> tuple[State, str] | None:
    """The newest whole state of a folder, with what there is to say about it; None where there is none.

    Raises ValueError where files are there and none of them can be read.
    """
    fresh = folder / f"{NOW}.new"  # whole already, killed between its two moves
    places = [place for place in (fresh, folder / NOW, folder / BEFORE) if place.is_file()]
    if not places:
        return None
    for place in sorted(places, key=lambda place: -_step(place)):
        with contextlib.suppress(OSError, CheckpointError, ValueError, KeyError):
            found = _read(place)
            return found, "the newest checkpoint was damaged: the one before was taken" if _step(folder / NOW) == -1 else ""
    raise ValueError(f"The checkpoints in {folder} are damaged: delete that folder to begin anew.")


def _read(path: Path) -> State:
    tensors, metadata = read_safetensors(path)
    numbers = json.loads(metadata[NUMBERS])
    if numbers.get("format") != FORMAT:
        raise ValueError(f"{path.name} is of another version")
    return State({key: value.clone() for key, value in tensors.items()}, numbers)  # so that the file can be moved away


def _step(path: Path) -> int:
    """Of the state in a file; -1 for a damaged one, -2 for none."""
    if not path.is_file():
        return -2
    try:
        return int(json.loads(read_safetensors(path)[1][NUMBERS])["step"])
    except (OSError, CheckpointError, ValueError, KeyError):
        return -1


def digest(*parts: str) -> str:
    """A short mark of what makes a run what it is."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
