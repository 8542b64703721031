"""The pack's own kinds of files: safetensors whose header says, under a key of the kind, what they are."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

from .containers import is_finite
from .errors import CheckpointError, WeightsError
from .json_text import read_json
from .safetensors_file import read_safetensors
from .screening import Form, screen
from .words import reason
from .writing import write_numbered

SUFFIX = ".safetensors"


def write_kept(path: Path, tensors: Mapping[str, Tensor], header: str, facts: Mapping[str, Any]) -> Path:
    """Save beside `path`, a name without suffix, with the next free number; nothing is overwritten. Returns the file."""
    tensors = {name: value.contiguous() for name, value in tensors.items()}
    return write_numbered(path, SUFFIX, lambda name: save_file(tensors, name, {header: json.dumps(facts)}))


@contextmanager
def kept(path: Path, header: str, what: str) -> Iterator[tuple[dict[str, Any], dict[str, Tensor]]]:
    """The facts and tensors of such a file; all numbers are finite. Within it, whatever does not fit them raises WeightsError, in
    a sentence.

    what: what the file ought to hold, and who writes it: "style as Save Style writes it".
    """
    try:
        yield _read(path, header)
    except (WeightsError, OSError, KeyError, ValueError, TypeError) as error:
        why = reason(error).removeprefix(f"{path} ")
        raise WeightsError(f"{path.name} holds no {what} ({why}): choose another file") from error


def _read(path: Path, header: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    if screen(path) is not Form.SAFETENSORS:
        raise CheckpointError("it is of another form")
    tensors, metadata = read_safetensors(path)
    facts = read_json(metadata[header])
    if not isinstance(facts, dict) or not tensors:
        raise ValueError("it is empty")
    for name, tensor in tensors.items():
        if not tensor.is_floating_point() or not is_finite(tensor):
            raise ValueError(f"its numbers in {name[:80]!r} are not finite")
    return facts, tensors
