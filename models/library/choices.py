"""What the lists of all loaders have in common: the catalogue's names, the person's own files, and what is behind them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from ..weights.catalogue import SIDECAR_SUFFIXES, Entry, FileSpec, load_catalogue
from ..weights.errors import WeightsError
from .registry import Checkpoint, architecture


class Locate(Protocol):
    """Where files are: the host's folders and the downloader stand behind it."""

    def file(self, name: str) -> Path:
        """A person's own file by the name the loader listed it under."""
        ...

    def fetch(self, spec: FileSpec) -> Path:
        """A catalogued file, downloaded and checked when missing."""
        ...

    def find(self, spec: FileSpec) -> Path | None:
        """A catalogued file that is there already, or None."""
        ...


def catalogue_names(kind: str) -> list[str]:
    """Names of the catalogue's entries of a kind, the recommended ones first."""
    entries = [e for e in load_catalogue().entries if e.kind == kind]
    return [e.name for e in sorted(entries, key=lambda e: not e.recommended)]


def own(files: Iterable[str]) -> list[str]:
    """Files that are neither the catalogue's nor the downloader's and converter's own."""
    catalogued = {spec.path for entry in load_catalogue().entries for spec in entry.files}
    return sorted(f for f in files if f.replace("\\", "/") not in catalogued and not f.endswith(SIDECAR_SUFFIXES))


def entry_of(choice: str) -> Entry | None:
    """The catalogue's entry of this name."""
    return next((e for e in load_catalogue().entries if e.name == choice), None)


def several(checkpoint: Checkpoint, wanted: str) -> WeightsError:
    """The error for a file with more networks of a kind than a loader can give out."""
    names = [one.name or "the whole" for one in (checkpoint, *checkpoint.others) if one.kind == checkpoint.kind]
    return WeightsError(
        f"{checkpoint.path.name} holds {len(names)} networks ({', '.join(names)}) where one {wanted} is expected: save the one "
        "that you want as a file of its own"
    )


def wrong_kind(checkpoint: Checkpoint, wanted: str) -> WeightsError:
    """The error for a good file in the wrong loader."""
    what, title = checkpoint.kind, architecture(checkpoint.architecture).title
    advice = {
        "discriminator": "it only serves training: choose the generator's file",
        "part": "the loader takes it with its other files, by their name in the list",
        "metric": "the nodes that measure take it by its name in their lists",
        "landmarks": "it is used by StarGAN v2 by itself: choose the translator's file",
    }.get(what, f"load it with the node for a {what}")
    return WeightsError(f"{checkpoint.path.name} is a {what} ({title}), not a {wanted}: {advice}")
