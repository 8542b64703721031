"""Whether a published file of which nobody has published the hash is at least a network that this pack knows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..weights.catalogue import Entry, FileSpec, load_catalogue
from ..weights.readers import read_checkpoint

KINDS = ("encoder", "decoder", "stylizer", "translator", "generator")


def published_check(entry: Entry | None, spec: FileSpec) -> Callable[[Path], None] | None:
    """A look into a file that was downloaded, for `download.fetch`; None where hashes tell or nothing is known of its inside."""
    if spec.has_hash or entry is None or entry.kind not in KINDS:
        return None
    hint = entry.architecture if entry.kind == "encoder" else None

    def check(path: Path) -> None:
        # imports every family: not before something is really downloaded
        from .registry import recognized

        recognized(path.with_name(Path(spec.path).name), read_checkpoint(path), hint)

    return check


def entry_with(spec: FileSpec) -> Entry | None:
    """The catalogue's entry that a file belongs to."""
    return next((entry for entry in load_catalogue().entries if spec in entry.files), None)
