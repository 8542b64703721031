"""The pack's own kinds of files: safetensors whose header says, under a key of the kind, what they are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

from .containers import is_finite
from .errors import CheckpointError
from .json_text import read_json
from .safetensors_file import read_safetensors
from .screening import Form, screen
from .writing import write_numbered

SUFFIX = ".safetensors"


def write_own(tensors: Mapping[str, Tensor], facts: Mapping[str, Any], key: str, start: Path) -> Path:
    """Save under the name `start`, which has no suffix, with the next free number; nothing is overwritten. Returns the file."""
    return write_numbered(start, SUFFIX, lambda name: save_file(dict(tensors), name, {key: json.dumps(facts)}))


def read_own(path: Path, key: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """(tensors, facts) of such a file, all numbers finite. ValueError, in a few words, for every other file."""
    try:
        if screen(path) is not Form.SAFETENSORS:
            raise ValueError("it is of another form")
        tensors, metadata = read_safetensors(path)
    except CheckpointError as error:
        raise ValueError(f"it {str(error).removeprefix(f'{path} ')}") from error
    facts = read_json(metadata.get(key, "null"))
    if not isinstance(facts, dict):
        raise ValueError("its header says nothing of it")
    for name, tensor in tensors.items():
        if not tensor.is_floating_point() or not is_finite(tensor):
            raise ValueError(f"its numbers in {name[:80]!r} are not finite")
    return tensors, facts
