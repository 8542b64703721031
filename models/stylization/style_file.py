"""Styles in safetensors: the family's values under their own names; the header says of which kind they are."""

from __future__ import annotations

from pathlib import Path

from ..weights.kept import kept, write_kept
from ..weights.words import shown
from .style import Style

HEADER = "style_atelier.style"
VERSION = 1


def write_style(style: Style, path: Path) -> Path:
    """Save beside `path`, a name without suffix, with the next free number; nothing is overwritten. Returns the file."""
    tensors = {name: value.float().cpu().contiguous().clone() for name, value in style.values.items()}
    return write_kept(path, tensors, HEADER, {"version": VERSION, "kind": style.kind, "summary": style.summary})


def read_style(path: Path) -> Style:
    """What `write_style` saved. Raises WeightsError, in a sentence, for any other file."""
    with kept(path, HEADER, "style as Save Style writes it") as (facts, values):
        return Style(shown(facts["kind"]), {name: value.float() for name, value in values.items()}, shown(facts["summary"]))
