"""Styles in safetensors: the family's values under their own names; the header says of which kind they are."""

from __future__ import annotations

from pathlib import Path

from ..weights.errors import WeightsError
from ..weights.own_file import read_own, write_own
from ..weights.words import reason, shown
from .style import Style

HEADER = "style_atelier.style"
VERSION = 1


def write_style(style: Style, path: Path) -> Path:
    """Save beside `path`, a name without suffix, with the next free number; nothing is overwritten. Returns the file."""
    tensors = {name: value.float().cpu().contiguous().clone() for name, value in style.values.items()}
    facts = {"version": VERSION, "kind": style.kind, "summary": style.summary}
    return write_own(tensors, facts, HEADER, path)


def read_style(path: Path) -> Style:
    """What `write_style` saved. Raises WeightsError, in a sentence, for any other file."""
    try:
        tensors, facts = read_own(path, HEADER)
        if not tensors:
            raise ValueError("it is empty")
        return Style(shown(facts["kind"]), {name: value.float() for name, value in tensors.items()}, shown(facts["summary"]))
    except (KeyError, ValueError, TypeError) as error:
        why = reason(error)
        raise WeightsError(f"{path.name} holds no style as Save Style writes it ({why}): choose another file") from error
