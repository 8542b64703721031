"""The networks that measures look through, by name: opened safely, known by the sha256 of their weights."""

from __future__ import annotations

from pathlib import Path

from ..metrics.judge import Judge
from ..weights.catalogue import FileSpec, load_catalogue
from ..weights.errors import WeightsError
from ..weights.ledger import read_record, sha256_of
from .choices import Locate, entry_of
from .registry import open_checkpoint


def load_judge(choice: str, locate: Locate) -> Judge:
    """The network behind a name. Raises WeightsError when its file is missing, damaged or something else."""
    entry = entry_of(choice)
    path = locate.file(choice) if entry is None else locate.fetch(entry.files[0])
    found = open_checkpoint(path, None if entry is None else entry.architecture)
    if entry is None and found.kind != "metric":
        raise WeightsError(f"{path.name} is a {found.kind}, not a network that measures: choose another file")
    return Judge(found.architecture, choice, found.build(), known_sha256(path), entry is not None)


def spec_of(name: str) -> FileSpec:
    """The file of a catalogued network."""
    return load_catalogue().entry(name).files[0]


def absent(name: str, locate: Locate) -> str:
    """Why a measure cannot be taken without a download: names the file; "" where it is there."""
    spec = spec_of(name)
    if locate.find(spec) is not None:
        return ""
    return f"its weights are not here: models/style_atelier/{spec.path} is missing"


def known_sha256(path: Path) -> str:
    """The file's sha256 in hex, from its record where it has not changed since."""
    record, stat = read_record(path), path.stat()
    if record is not None and (record.size, record.modified_ns) == (stat.st_size, stat.st_mtime_ns):
        return record.sha256
    return sha256_of(path)
