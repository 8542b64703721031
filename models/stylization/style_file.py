"""Styles in safetensors: the family's values under their own names; the header says of which kind they are."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from ..weights.errors import WeightsError
from ..weights.numbered import write_numbered
from .style import Style

SUFFIX = ".safetensors"
HEADER = "style_atelier.style"
VERSION = 1


def write_style(style: Style, path: Path) -> Path:
    """Save beside `path`, a name without suffix, with the next free number; nothing is overwritten. Returns the file."""
    tensors = {name: value.float().cpu().contiguous().clone() for name, value in style.values.items()}
    facts = {"version": VERSION, "kind": style.kind, "summary": style.summary}
    return write_numbered(path, SUFFIX, lambda name: save_file(tensors, name, {HEADER: json.dumps(facts)}))


def read_style(path: Path) -> Style:
    """What `write_style` saved. Raises WeightsError, in a sentence, for any other file."""
    try:
        with safe_open(str(path), framework="pt", device="cpu") as file:
            facts = json.loads((file.metadata() or {})[HEADER])
            values = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
        if not all(value.is_floating_point() and bool(torch.isfinite(value).all()) for value in values.values()):
            raise ValueError("its numbers are not finite")
        return Style(str(facts["kind"]), {name: value.float() for name, value in values.items()}, str(facts["summary"]))
    except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
        raise WeightsError(f"{path.name} holds no style as Save Style writes it ({error}): choose another file") from error
