"""The list of published files, read from `catalogue.json` without torch."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .addresses import allowed
from .errors import WeightsError

CATALOGUE = Path(__file__).with_name("catalogue.json")
KINDS = ("encoder", "decoder", "stylizer", "translator", "generator", "control", "adapter", "metric")
# What the downloader and the converter leave beside a file; a list of a person's own files leaves these out.
SIDECAR_SUFFIXES = (".part", ".part.json", ".lock", ".record.json", ".tmp", ".converted.safetensors", ".known_files")

_SAFE_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*"
_HASHES = {"sha256": r"[0-9a-f]{64}", "sha256_prefix": r"[0-9a-f]{8,63}", "git_blob": r"[0-9a-f]{40}"}


@dataclass(frozen=True)
class License:
    """The license of published weights: its SPDX id, whether it allows commercial use, and where it is stated."""

    id: str
    commercial: bool
    url: str


@dataclass(frozen=True)
class FileSpec:
    """One published file: where it goes (relative to the pack's model folder), where it is fetched, and how it is known.

    `size` is in bytes. Of the hashes any may be None: `sha256` is the whole file's, `sha256_prefix` its first hex digits,
    `git_blob` the SHA-1 that git gives the file. `manual`, where no plain address gives the file: what to download from where,
    where to put it and how it is checked.
    """

    path: str
    role: str
    urls: tuple[str, ...]
    size: int | None = None
    sha256: str | None = None
    sha256_prefix: str | None = None
    git_blob: str | None = None
    manual: str = ""

    @property
    def has_hash(self) -> bool:
        """Whether a whole hash is published, so that no other bytes can take the file's place."""
        return self.sha256 is not None or self.git_blob is not None


@dataclass(frozen=True)
class Entry:
    """One published network: what it is, who made it, under which license, and its files.

    `domains`: names of the kinds of pictures it knows, in the network's order.
    """

    name: str
    title: str
    kind: str
    architecture: str
    source: str
    license: License
    citation: str
    files: tuple[FileSpec, ...]
    recommended: bool
    note: str
    domains: tuple[str, ...] = ()

    @property
    def manual(self) -> str:
        """What a person must do to get its files, "" where they are downloaded."""
        return next((spec.manual for spec in self.files if spec.manual), "")


@dataclass(frozen=True)
class Catalogue:
    """All entries, and the hosts that files may come from: see `addresses.allowed`."""

    version: int
    hosts: tuple[str, ...]
    entries: tuple[Entry, ...]

    def entry(self, name: str) -> Entry:
        """The entry called `name`; WeightsError names the ones that there are."""
        for entry in self.entries:
            if entry.name == name:
                return entry
        known = ", ".join(entry.name for entry in self.entries)
        raise WeightsError(f"The catalogue has no entry {name!r}; it has {known}.")


def load_catalogue(path: Path | None = None) -> Catalogue:
    """Read and check the catalogue at `path`, the pack's own when None; WeightsError says what is wrong with it."""
    path = path or CATALOGUE
    try:
        return _read(path, path.stat().st_mtime_ns)
    except OSError as error:
        raise _unreadable(path, error) from error


@cache
def _read(path: Path, changed: int) -> Catalogue:
    """Read once: every list of names asks for it when ComfyUI starts. changed: so that a file that was written anew is read."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        catalogue = Catalogue(data["version"], tuple(data["hosts"]), tuple(_entry(row) for row in data["entries"]))
    except (ValueError, KeyError, TypeError) as error:
        raise _unreadable(path, error) from error
    _check(catalogue)
    return catalogue


def _unreadable(path: Path, error: Exception) -> WeightsError:
    return WeightsError(f"The catalogue {path} cannot be read ({type(error).__name__}: {error}); install the pack again.")


def _entry(row: dict[str, Any]) -> Entry:
    files = tuple(FileSpec(**{**file, "urls": tuple(file["urls"])}) for file in row["files"])
    return Entry(**{**row, "license": License(**row["license"]), "files": files, "domains": tuple(row["domains"])})


def _check(catalogue: Catalogue) -> None:
    names = [entry.name for entry in catalogue.entries]
    files: dict[str, FileSpec] = {}
    for entry in catalogue.entries:
        if names.count(entry.name) > 1 or entry.kind not in KINDS or not entry.files:
            raise WeightsError(f"The catalogue's entry {entry.name!r} is listed twice, has no files or is of no known kind.")
        for spec in entry.files:
            _check_file(spec, catalogue.hosts)
            if files.setdefault(spec.path, spec) != spec:
                raise WeightsError(f"The catalogue describes {spec.path!r} in two ways; one path is one file.")


def _check_file(spec: FileSpec, hosts: tuple[str, ...]) -> None:
    if not all(re.fullmatch(_SAFE_NAME, part) for part in spec.path.split("/")):
        raise WeightsError(f"The catalogue's path {spec.path!r} may leave the model folder; use plain names and forward slashes.")
    for field, shape in _HASHES.items():
        value = getattr(spec, field)
        if value is not None and not re.fullmatch(shape, value):
            raise WeightsError(f"The catalogue's {field} of {spec.path!r} is {value!r}, which is no such hash in lower-case hex.")
    if spec.manual and not spec.urls:
        return
    if not spec.urls or not all(allowed(url, hosts) for url in spec.urls):
        stated = ", ".join(urlsplit(url).hostname or url for url in spec.urls) or "none"
        raise WeightsError(f"The catalogue fetches {spec.path!r} from hosts that it does not allow ({stated}).")
