"""What the person's own files are, looked into once and kept by their size and date: loaders list what they can load, and the
page says what a file is.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

from ..weights.catalogue import SIDECAR_SUFFIXES, load_catalogue
from ..weights.endings import ENDINGS
from ..weights.errors import WeightsError
from ..weights.files import inside
from ..weights.writing import write_text

KEPT = ".known_files"  # beside the files, in the first model folder
VERSION = 1  # of what is recognized: a higher one looks again
LONGEST_FILE = 8 << 30
MOST_FILES = 10_000
LONGEST_WORDS = 400
BUILT_FROM_PARTS = {"pocket": ("encoder", "decoder", "stylizer")}  # one file for three loaders
log = logging.getLogger("style_atelier")
_looking = threading.Lock()


@dataclass(frozen=True)
class Known:
    """One file as it was when it was looked into. kinds: what loaders can make of it, () for nothing. words: what it is."""

    size: int
    modified: int
    kinds: tuple[str, ...]
    words: str


def read_known(folder: Path) -> dict[str, Known]:
    """What is known of the files below `folder`, by their names there; {} where nothing was looked into yet."""
    try:
        found = json.loads((folder / KEPT).read_text(encoding="utf-8"))
        if found["version"] != VERSION:
            return {}
        return {
            str(name): Known(int(row["size"]), int(row["modified"]), tuple(map(str, row["kinds"])), str(row["words"]))
            for name, row in found["files"].items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def loadable(known: Mapping[str, Known], name: str, path: Path, kind: str) -> bool:
    """Whether a loader for `kind` is to list the file: it can make something of it, or nobody has looked yet."""
    found = known.get(name)
    if found is None or not _is_as_it_was(found, path):
        return True
    return kind in found.kinds


def look(folders: list[Path]) -> dict[str, Known]:
    """Look into every file that is new or has changed, and keep what was found in the first folder. One call at a time; a second
    gives what is known.
    """
    known = read_known(folders[0]) if folders else {}
    if not folders or not _looking.acquire(blocking=False):
        return known
    try:
        found = {}
        for name, path in own_paths(folders):
            stat = path.stat()
            before = known.get(name)
            same = before is not None and (before.size, before.modified) == (stat.st_size, stat.st_mtime_ns)
            found[name] = before if same and before else Known(stat.st_size, stat.st_mtime_ns, *what_it_is(path))
        if found != known:
            _keep(folders[0], found)
        return found
    except OSError as error:
        log.info("The model folder cannot be looked into: %s", error)
        return known
    finally:
        _looking.release()


def own_paths(folders: list[Path]) -> Iterator[tuple[str, Path]]:
    """The person's files that loaders list, by their names; links that lead out of a folder are none of them."""
    seen = {spec.path for entry in load_catalogue().entries for spec in entry.files}
    for folder in folders:
        for path in sorted(folder.rglob("*"))[:MOST_FILES] if folder.is_dir() else ():
            name = path.relative_to(folder).as_posix()
            usual = path.suffix.lower() in ENDINGS and not name.endswith(SIDECAR_SUFFIXES)
            if usual and name not in seen and is_inside(folder, name):
                seen.add(name)
                yield name, path


def is_inside(folder: Path, name: str) -> bool:
    """Whether a name leads to a file below the folder, links and all."""
    try:
        return inside(folder.resolve(), name).is_file()
    except (ValueError, OSError):
        return False


def what_it_is(path: Path) -> tuple[tuple[str, ...], str]:
    """(what loaders can make of a file, what it is in words)."""
    from ..weights.readers import read_checkpoint
    from .registry import architecture, recognized

    if path.stat().st_size > LONGEST_FILE:
        return (), f"larger than {LONGEST_FILE >> 30} GiB, so it was not looked into"
    try:
        checkpoint = recognized(path, read_checkpoint(path))
    except WeightsError as error:
        return (), str(error).replace(str(path), path.name)[:LONGEST_WORDS]
    except Exception as error:
        return (), f"{path.name} cannot be read ({type(error).__name__})"
    parts = (checkpoint, *checkpoint.others)
    kinds = dict.fromkeys(kind for part in parts for kind in BUILT_FROM_PARTS.get(part.architecture, (part.kind,)))
    known = architecture(checkpoint.architecture)
    numbers = sum(tensor.numel() for tensor in checkpoint.tensors.values())
    said = [f"{known.title} ({checkpoint.kind})", facts(checkpoint.config), f"{numbers:,} numbers", f"weights: {known.license}"]
    said += [f"found under {checkpoint.name}"] if checkpoint.name else []
    said += [f"with {len(checkpoint.others)} more networks"] if checkpoint.others else []
    return tuple(kinds), ", ".join(filter(None, [*said, *checkpoint.notes]))[:LONGEST_WORDS]


def facts(config: Any) -> str:
    """Sizes in a configuration: "width 64, blocks 9"."""
    if not is_dataclass(config):
        return ""
    found = []
    for one in fields(config):
        value = getattr(config, one.name)
        if isinstance(value, int) and not isinstance(value, bool):
            found.append(f"{one.name} {value}")
        elif isinstance(value, tuple) and value and all(isinstance(v, int) for v in value):
            found.append(f"{one.name} {' '.join(map(str, value))}")
        elif is_dataclass(value):
            found.append(facts(value))
    return ", ".join(filter(None, found))


def _is_as_it_was(known: Known, path: Path) -> bool:
    try:
        stat = path.stat()
    except OSError:
        return False
    return (known.size, known.modified) == (stat.st_size, stat.st_mtime_ns)


def _keep(folder: Path, found: Mapping[str, Known]) -> None:
    content = {"version": VERSION, "files": {name: asdict(known) for name, known in found.items()}}
    write_text(folder / KEPT, json.dumps(content, indent=1))
