"""What is known of each file on disk: a record beside it with its sha256, made on first use and checked ever after."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path

from .catalogue import FileSpec
from .errors import CheckpointError
from .files import open_plain, read_plain
from .json_text import read_json
from .writing import write_text

CHUNK = 1 << 20
LONGEST_RECORD = 1 << 16

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Record:
    """A file as it was when it was last hashed; `published` when the catalogue's sha256 confirmed it."""

    sha256: str
    size: int
    modified_ns: int
    published: bool
    first_used: str


def record_path(path: Path) -> Path:
    """Where the record of `path` lies."""
    return path.with_name(path.name + ".record.json")


def read_record(path: Path) -> Record | None:
    """The record of `path`, None when there is none that can be read."""
    try:
        return Record(**read_json(read_plain(record_path(path), LONGEST_RECORD)))
    except (CheckpointError, ValueError, TypeError):
        return None


def write_json(path: Path, value: object) -> None:
    """Write `value` under the name `path` in one step: a reader sees the old file or the new one, never a part."""
    write_text(path, json.dumps(value, indent=2) + "\n")


def confirm(file: Path, spec: FileSpec, path: Path, progress: Progress) -> None:
    """Check that `file` is what `spec` describes and record it for the final name `path`.

    CheckpointError says what differs: the size, a published hash, or the hash recorded when the file was first used.
    A file that has not changed since its record is not hashed again. `progress` is told of bytes hashed and may raise.
    """
    stat = file.stat()
    known = read_record(path)
    if spec.size is not None and stat.st_size != spec.size:
        raise CheckpointError(f"{path} has {stat.st_size:,} bytes where the published file has {spec.size:,}.")
    if known and (known.size, known.modified_ns) == (stat.st_size, stat.st_mtime_ns) and _agrees(known.sha256, spec):
        return
    sha256, blob = _hashes(file, stat.st_size, progress)
    if not _agrees(sha256, spec) or spec.git_blob not in (None, blob):
        raise CheckpointError(f"{path} is not the published file: its sha256 is {sha256}{_wanted(spec)}.")
    # A record that the catalogue's full hash confirms needs no trust in an earlier one.
    if known and spec.sha256 is None and known.sha256 != sha256:
        raise CheckpointError(
            f"{path} has the sha256 {sha256}, but {known.sha256} was recorded when it was first used ({known.first_used}); "
            f"nobody has published the whole hash, so remove {record_path(path).name} beside it only if you trust the new file."
        )
    first_used = known.first_used if known else datetime.now(timezone.utc).isoformat(timespec="seconds")
    record = Record(sha256, stat.st_size, stat.st_mtime_ns, spec.sha256 is not None, first_used)
    # A shared folder may be read-only: its files are then hashed each time.
    with suppress(OSError):
        write_json(record_path(path), asdict(record))


def sha256_of(path: Path) -> str:
    """The sha256 of the file at `path` in hex."""
    return _hashes(path, path.stat().st_size, lambda done, total: None)[0]


def _hashes(path: Path, size: int, progress: Progress) -> tuple[str, str]:
    sha256 = hashlib.sha256()
    blob = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    done = 0
    with open_plain(path) as file:
        while chunk := file.read(CHUNK):
            sha256.update(chunk)
            blob.update(chunk)
            done += len(chunk)
            progress(done, size)
    return sha256.hexdigest(), blob.hexdigest()


def _agrees(sha256: str, spec: FileSpec) -> bool:
    return spec.sha256 in (None, sha256) and sha256.startswith(spec.sha256_prefix or "")


def _wanted(spec: FileSpec) -> str:
    if spec.sha256:
        return f", the published one {spec.sha256}"
    if spec.sha256_prefix:
        return f", the published one begins with {spec.sha256_prefix}"
    return f", and git's name for it is not {spec.git_blob}"
