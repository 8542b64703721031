"""What the page shows about the catalogue's files, and the downloads that it starts."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ...models.library.known_files import read_known
from ...models.library.published import published_check
from ...models.weights.catalogue import SIDECAR_SUFFIXES, Catalogue, Entry, FileSpec
from ...models.weights.download import fetch, settings_from_environment
from ...models.weights.errors import WeightsError
from ...models.weights.ledger import read_record, record_path

Announce = Callable[[dict[str, Any]], None]
SECONDS_BETWEEN_MESSAGES = 0.2


class Canceled(BaseException):
    """The person stopped a download. Not an Exception, so that no retry mistakes it for a fault of the network."""


@dataclass(frozen=True)
class Choice:
    """What a loader's list calls by one name: an entry with all its files, or one decoder of a stylizer."""

    name: str
    title: str
    entry: Entry
    files: tuple[FileSpec, ...]

    @property
    def size(self) -> int | None:
        """Bytes of all files, None when one of them is not known."""
        sizes = [spec.size for spec in self.files]
        return None if None in sizes else sum(size or 0 for size in sizes)


@dataclass(frozen=True)
class Job:
    """One running or ended download of a choice; sizes in bytes, `total` None when the catalogue does not state it.

    `revision` grows with every change of any job, over restarts too, so that a page which hears of a job by two ways (an
    answer and the websocket) knows which it heard last.
    """

    name: str
    state: str
    done: int
    total: int | None
    revision: int
    error: str = ""


def choices(catalogue: Catalogue) -> dict[str, Choice]:
    """Every published thing that a loader lists, by the name it is listed under."""
    listed = {}
    for entry in catalogue.entries:
        listed[entry.name] = Choice(entry.name, entry.title, entry, entry.files)
        for spec in entry.files if entry.kind == "stylizer" else ():
            if spec.role.startswith("decoder"):
                name = f"{entry.name}/{spec.role}"
                listed[name] = Choice(name, f"{entry.title}, {spec.role}", entry, (spec,))
    return listed


def find_file(spec: FileSpec, folders: Sequence[Path]) -> Path | None:
    """The first folder's copy of `spec` that is complete, or None."""
    for folder in folders:
        path = folder / spec.path
        if path.is_file() and (spec.size is None or path.stat().st_size == spec.size):
            return path
    return None


def part_bytes(spec: FileSpec, folders: Sequence[Path]) -> int:
    """Bytes of `spec` that an interrupted download has left, from which the next one goes on."""
    parts = [folder / f"{spec.path}.part" for folder in folders]
    return max((part.stat().st_size for part in parts if part.is_file()), default=0)


def changed_files(choice: Choice, folders: Sequence[Path]) -> list[Path]:
    """Files without a published hash that are not those that were first used: others lie there, or others are to be fetched."""
    found = []
    for spec in choice.files:
        for path in () if spec.has_hash else [folder / spec.path for folder in folders]:
            record = read_record(path)
            stat = path.stat() if path.is_file() else None
            if record and (stat is None or (record.size, record.modified_ns) != (stat.st_size, stat.st_mtime_ns)):
                found.append(path)
    return found


def trust(choice: Choice, folders: Sequence[Path]) -> None:
    """Forget what was recorded of such files: the person has said that the new ones are right. They are recorded when used."""
    for path in changed_files(choice, folders):
        record_path(path).unlink(missing_ok=True)


def choice_status(choice: Choice, folders: Sequence[Path], job: Job | None) -> dict[str, Any]:
    """One choice as the page shows it: state `present`, `partial` or `missing`, its files, license and download."""
    files = []
    for spec in choice.files:
        path = find_file(spec, folders)
        left = 0 if path else part_bytes(spec, folders)
        size = path.stat().st_size if path else spec.size
        found = {"path": spec.path, "role": spec.role, "size": size, "present": path is not None, "part_bytes": left}
        files.append({**found, "url": next(iter(spec.urls), "")})
    complete = all(file["present"] for file in files)
    begun = any(file["present"] or file["part_bytes"] for file in files)
    entry = choice.entry
    begun_anew = complete or (job is not None and job.state == "failed")
    return {
        "changed": begun_anew and bool(changed_files(choice, folders)),
        "name": choice.name,
        "title": choice.title,
        "kind": entry.kind,
        "state": "present" if complete else "partial" if begun else "missing",
        "bytes": sum(file["size"] for file in files) if complete else choice.size,
        "files": files,
        "license": asdict(entry.license),
        "source": entry.source,
        "recommended": entry.recommended,
        "note": entry.note,
        "manual": entry.manual,
        "job": asdict(job) if job else None,
    }


def own_files(folders: Sequence[Path], catalogue: Catalogue) -> dict[str, int]:
    """Sizes of the files in `folders` that are not the catalogue's, by their path inside the folder."""
    published = {spec.path for entry in catalogue.entries for spec in entry.files}
    sizes: dict[str, int] = {}
    for folder in folders:
        for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
            name = path.relative_to(folder).as_posix()
            if path.is_file() and name not in published and not name.endswith(SIDECAR_SUFFIXES):
                sizes.setdefault(name, path.stat().st_size)
    return sizes


def known_words(folders: Sequence[Path]) -> dict[str, str]:
    """What the person's own files are, by their path inside the folder, as far as they were looked into."""
    return {name: known.words for name, known in read_known(folders[0]).items()} if folders else {}


class Downloads:
    """Downloads of choices, one thread each; `announce` is told of every change."""

    def __init__(self, announce: Announce) -> None:
        self._announce = announce
        self._lock = threading.Lock()
        self._jobs: dict[str, Job] = {}
        self._stops: dict[str, threading.Event] = {}
        self._revisions = itertools.count(int(time.time() * 1000))

    def job(self, name: str) -> Job | None:
        """The running or last download of the choice `name`."""
        return self._jobs.get(name)

    def start(self, choice: Choice, folders: Sequence[Path], hosts: Sequence[str]) -> Job:
        """Begin to fetch what is missing of `choice` into the first of `folders`; a running download is returned as it is."""
        with self._lock:
            running = self._jobs.get(choice.name)
            if running and running.state == "downloading":
                return running
            job = Job(choice.name, "downloading", 0, choice.size, next(self._revisions))
            stop = threading.Event()
            self._jobs[choice.name], self._stops[choice.name] = job, stop
        work = threading.Thread(target=self._run, args=(stop, choice, tuple(folders), tuple(hosts)), daemon=True)
        work.start()
        return job

    def cancel(self, name: str) -> bool:
        """Ask the download of `name` to stop; False when none is running. What it has fetched stays for the next one."""
        job = self._jobs.get(name)
        if job is None or job.state != "downloading":
            return False
        self._stops[name].set()
        return True

    def _change(self, name: str, **values: Any) -> None:
        with self._lock:
            self._jobs[name] = job = replace(self._jobs[name], revision=next(self._revisions), **values)
        self._announce(asdict(job))

    def _run(self, stop: threading.Event, choice: Choice, folders: tuple[Path, ...], hosts: tuple[str, ...]) -> None:
        done = 0
        end: dict[str, Any] = {"state": "done"}
        try:
            for spec in choice.files:
                path = find_file(spec, folders)
                if path is None:
                    report = self._progress(choice.name, done, stop)
                    path = fetch(
                        spec, folders[0], hosts, settings_from_environment(), report, published_check(choice.entry, spec)
                    )
                done += path.stat().st_size
            end["done"] = done
        except Canceled:
            end = {"state": "canceled"}
        except (WeightsError, OSError) as error:
            end = {"state": "failed", "error": str(error)}
        except Exception as error:
            end = {"state": "failed", "error": f"{type(error).__name__}: {error}"}
            raise
        finally:
            self._change(choice.name, **end)

    def _progress(self, name: str, before: int, stop: threading.Event) -> Callable[[int, int | None], None]:
        last = 0.0

        def report(done: int, total: int | None) -> None:
            nonlocal last
            if stop.is_set():
                raise Canceled
            now = time.monotonic()
            if now - last >= SECONDS_BETWEEN_MESSAGES:
                last = now
                self._change(name, done=before + done)

        return report
