"""The one place of the pack that reaches the network: fetches published files, and only those of the catalogue.

A file gets its name only after its size and hash are right; until then it is `NAME.part`, from which the next try goes on.
"""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from os import fsync
from os.path import expandvars
from pathlib import Path
from urllib.parse import urlsplit

from .addresses import candidates, chosen_hosts
from .catalogue import FileSpec
from .errors import CheckpointError, DownloadError, OfflineError
from .exchange import SECONDS_BETWEEN_REPORTS, Exchange
from .files import inside
from .ledger import confirm
from .locks import held
from .parts import Part
from .settings import Settings
from .structure import check_structure
from .transfer import LARGEST_FILE, LARGEST_UNKNOWN, Plan, StartAgain, TryAgain, Unreached, looks_like_html, plan, web_page

LONGEST_WAIT = 30.0
TRIES_TO_CONNECT = 3
SPARE_DISK_BYTES = 64 << 20
GOOD_PROGRESS_BYTES = 1 << 20
BYTES_BETWEEN_LOOKS = 16 << 20  # at the free disk space
USER_AGENT = "style-atelier"

Progress = Callable[[int, "int | None"], None]
Check = Callable[[Path], None]


def settings_from_environment() -> Settings:
    """Settings from STYLE_ATELIER_OFFLINE or HF_HUB_OFFLINE, HF_ENDPOINT, and STYLE_ATELIER_MIRRORS (`start=replacement;...`)."""
    on = ("1", "true", "yes", "on")
    offline = any(variable(name).lower() in on for name in ("STYLE_ATELIER_OFFLINE", "HF_HUB_OFFLINE"))
    pairs = (pair.partition("=") for pair in variable("STYLE_ATELIER_MIRRORS").split(";"))
    mirrors = {start.strip(): base.strip() for start, _, base in pairs if start.strip() and base.strip()}
    verify = variable("STYLE_ATELIER_VERIFY").lower() == "always"
    return Settings(offline, variable("HF_ENDPOINT") or None, mirrors, verify=verify)


def variable(name: str) -> str:
    """A variable of the environment without the spaces around it, "" for one that is not set."""
    written = f"${{{name}}}"
    value = expandvars(written)
    return "" if value == written else value.strip()


def fetch(
    spec: FileSpec, folder: Path, hosts: Iterable[str], settings: Settings, progress: Progress, check: Check | None = None
) -> Path:
    """The file `spec` in `folder`, fetched when it is not there; its size and hash are checked either way.

    A file of which no whole hash is published is looked into before it gets its name: an error page, an empty or a cut file is
    no checkpoint. check: raises CheckpointError when such a file is not of the kind that it should be.

    `progress(bytes here, bytes in all or None)` is called about ten times a second while there is something to wait for;
    whatever it raises ends the work at once, and the next call goes on from there. Another process that fetches the same
    file is waited for.
    CheckpointError when a file is there but is not the published one, OfflineError, DownloadError.
    """
    path = _contained(folder, spec.path)
    if path.is_file():
        return _confirmed(path, spec, progress)
    if not spec.urls:
        raise DownloadError(f"{spec.path} is not in {folder} and no plain address gives it. {spec.manual}")
    if settings.offline:
        raise OfflineError(
            f"{spec.path} is not in {folder} and downloads are off (STYLE_ATELIER_OFFLINE or HF_HUB_OFFLINE); put the file from "
            f"{spec.urls[0]} there as {spec.path}, or switch downloads on."
        )
    part = Part(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with held(path.with_name(path.name + ".lock"), lambda: progress(part.size(), spec.size)):
            if path.is_file():
                return _confirmed(path, spec, progress)
            allowed_hosts = (*hosts, *chosen_hosts(settings.mirrors, settings.hf_endpoint))
            _download(_Task(spec, part, allowed_hosts, settings, progress, check))
    except OSError as error:
        raise DownloadError(f"{spec.path} cannot be written into {folder}: {error.strerror or error}.") from error
    return path


@dataclass(frozen=True)
class _Task:
    """What is fetched, and how."""

    spec: FileSpec
    part: Part
    hosts: tuple[str, ...]
    settings: Settings
    progress: Progress
    check: Check | None

    def report(self) -> None:
        """Tell how much is here; raises when the person wants to stop."""
        self.progress(self.part.size(), self.spec.size)


def _contained(folder: Path, relative: str) -> Path:
    try:
        return inside(folder, relative)
    except ValueError as error:
        raise DownloadError(f"The path {relative!r} leaves the model folder {folder}, so nothing is fetched to it.") from error


def _confirmed(path: Path, spec: FileSpec, progress: Progress) -> Path:
    try:
        confirm(path, spec, path, lambda done, total: progress(total, total))
    except CheckpointError as error:
        then = "it is fetched again" if spec.urls else "put the authors' file there"
        raise CheckpointError(f"{str(error).rstrip('.')}; move it away and {then}.") from error
    return path


def _download(task: _Task) -> None:
    problems = []
    for url in candidates(task.spec.urls, task.settings.mirrors, task.settings.hf_endpoint):
        try:
            return _download_from(url, task)
        except DownloadError as error:
            problems.append(str(error).rstrip("."))
    raise DownloadError(f"{task.spec.path} could not be fetched: {'; '.join(problems)}.")


def _download_from(url: str, task: _Task) -> None:
    failures = mismatches = 0
    reached = False
    part, settings = task.part, task.settings
    while True:
        before = part.size()
        try:
            # Each try to connect waits twice as long as the one before.
            _stream(url, task, settings.timeout if reached else settings.connect * 2**failures)
            if not task.spec.has_hash:
                check_structure(part.path, task.spec.path)
                if task.check is not None:
                    task.check(part.path)
            confirm(part.path, task.spec, part.final, lambda done, total: task.progress(total, total))
            return part.finish()
        except CheckpointError as error:
            part.discard()
            mismatches += 1
            # Bytes of two versions may have been joined: a file fetched in one piece condemns its address.
            if before == 0 or mismatches > 2:
                raise DownloadError(f"{urlsplit(url).hostname} gives another file: {error}") from error
        except TryAgain as error:
            if isinstance(error, StartAgain):
                part.discard()
            failures = 0 if part.size() - before >= GOOD_PROGRESS_BYTES else failures + 1
            reached = reached or not isinstance(error, Unreached)
            if failures > settings.retries or (not reached and failures >= TRIES_TO_CONNECT):
                raise DownloadError(f"{error} (tried {failures} times)") from error
            # A line that broke may need a while; one that never was is said soon.
            wait = min(settings.backoff * (2 ** (failures - 1) if reached else 0.5), LONGEST_WAIT) * random.uniform(0.5, 1.0)
            _pause(max(wait, error.after), task.report)


def _pause(seconds: float, report: Callable[[], None]) -> None:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        report()
        time.sleep(min(left, SECONDS_BETWEEN_REPORTS))


def _stream(url: str, task: _Task, to_connect: float) -> None:
    spec, part = task.spec, task.part
    start, version = part.size(), part.version(url)
    # Without a version the server cannot be asked to go on only where nothing has changed: then the hash must tell.
    if (spec.size is not None and start > spec.size) or (start and not version and not spec.has_hash):
        part.discard()
        start = 0
    if start and start == spec.size:
        return
    headers = {"User-Agent": USER_AGENT, "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
        if version:
            headers["If-Range"] = version
    exchange = Exchange(url, headers, task.hosts, (task.settings.timeout, to_connect), task.report)
    try:
        reply = exchange.reply()
        todo = plan(reply, start, version if start else None, spec, part.total(url) if start else None)
        if todo.start == 0:
            part.begin(url, reply.version, todo.total)
        if todo.total is None or todo.start < todo.total:
            _save(exchange.body(), todo, task, reply.host)
    finally:
        exchange.stop()


def _save(body: Iterator[bytes], todo: Plan, task: _Task, host: str) -> None:
    part, settings = task.part, task.settings
    _check_disk(part.path.parent, (todo.total or todo.start) - todo.start)
    done, limit = todo.start, LARGEST_UNKNOWN if todo.total is None else min(todo.total, LARGEST_FILE)
    task.progress(done, todo.total)
    pace, looked = _Pace(settings, host, done), done
    with part.open() as file:
        for chunk in body:
            if done == 0 and looks_like_html(chunk):
                raise web_page(host)
            if done + len(chunk) > limit:
                part.discard()
                raise DownloadError(f"{host} sends more than the {limit:,} bytes of the file")
            file.write(chunk)
            done += len(chunk)
            if done - looked >= BYTES_BETWEEN_LOOKS:
                looked = done
                _check_disk(part.path.parent, 0 if todo.total is None else todo.total - done)
            pace.check(done)
            task.progress(done, todo.total)
        fsync(file.fileno())
    if done == 0:
        raise TryAgain(f"{host} sends an empty file")
    if todo.total is not None and done < todo.total:
        raise TryAgain(f"{host} ends after {done:,} of {todo.total:,} bytes")


class _Pace:
    """Whether bytes come fast enough: a server that sends one now and then would hold the line for days."""

    def __init__(self, settings: Settings, host: str, done: int) -> None:
        self._settings, self._host = settings, host
        self._since, self._had = time.monotonic(), done

    def check(self, done: int) -> None:
        """Raise TryAgain when the last window brought too little."""
        now = time.monotonic()
        if now - self._since < self._settings.window:
            return
        if (done - self._had) / (now - self._since) < self._settings.slowest:
            raise TryAgain(f"{self._host} sends less than {self._settings.slowest:,} bytes a second")
        self._since, self._had = now, done


def _check_disk(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed + SPARE_DISK_BYTES:
        raise DownloadError(
            f"{needed / 2**20:,.0f} MiB are needed in {folder} and {free / 2**20:,.0f} MiB are free; make room there"
        )
