"""What a person keeps for other workflows: tensors in safetensors, with facts in the header under a key of their own."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from .errors import WeightsError
from .numbered import write_numbered

SUFFIX = ".safetensors"


def write_kept(path: Path, tensors: Mapping[str, Tensor], header: str, facts: Mapping[str, Any]) -> Path:
    """Save beside `path`, a name without suffix, with the next free number; nothing is overwritten. Returns the file."""
    own = {name: tensor.contiguous() for name, tensor in tensors.items()}
    return write_numbered(path, SUFFIX, lambda name: save_file(own, name, {header: json.dumps(facts)}))


@contextmanager
def kept(path: Path, header: str, what: str) -> Iterator[tuple[dict[str, Any], dict[str, Tensor]]]:
    """(facts, tensors) of such a file. Whatever is wrong with it, then and while it is read, is a WeightsError.

    what: "points of W as Save W writes them".
    """
    try:
        with safe_open(str(path), framework="pt", device="cpu") as file:
            facts = json.loads((file.metadata() or {})[header])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
        yield facts, tensors
    except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
        raise WeightsError(f"{path.name} holds no {what} ({error}): choose another file") from error
