"""The one place of the pack that reaches the network: fetches published files, and only those of the catalogue.

A file gets its name only after its size and hash are right; until then it is `NAME.part`, from which the next try goes on.
"""

from __future__ import annotations

import queue
import random
import shutil
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from http.client import HTTPException
from os import fsync
from os.path import expandvars
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from .addresses import allowed, candidates, chosen_hosts, is_loopback
from .catalogue import FileSpec
from .errors import CheckpointError, DownloadError, OfflineError
from .files import inside
from .ledger import confirm
from .locks import held
from .parts import Part
from .settings import Settings
from .structure import check_structure
from .transfer import LARGEST_FILE, LARGEST_UNKNOWN, Plan, Reply, StartAgain, TryAgain, looks_like_html, plan, web_page
from .words import shown

CHUNK = 1 << 18
SECONDS_BETWEEN_REPORTS = 0.1
LONGEST_WAIT = 30.0
SPARE_DISK_BYTES = 64 << 20
GOOD_PROGRESS_BYTES = 1 << 20
BYTES_BETWEEN_LOOKS = 16 << 20  # at the free disk space
LONGEST_HOST, LONGEST_HEADER = 100, 500
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
    part, settings = task.part, task.settings
    while True:
        before = part.size()
        try:
            _stream(url, task)
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
            if failures > settings.retries:
                raise DownloadError(f"{error} (tried {failures} times)") from error
            wait = min(settings.backoff * 2 ** (failures - 1), LONGEST_WAIT) * random.uniform(0.5, 1.0)
            _pause(max(wait, error.after), task.report)


def _pause(seconds: float, report: Callable[[], None]) -> None:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        report()
        time.sleep(min(left, SECONDS_BETWEEN_REPORTS))


def _stream(url: str, task: _Task) -> None:
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
    exchange = _Exchange(url, headers, task.hosts, task.settings.timeout, task.report)
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


class _Exchange:
    """One request in a thread of its own, so that a silent server never keeps the caller from reporting and being interrupted."""

    def __init__(
        self, url: str, headers: dict[str, str], hosts: tuple[str, ...], timeout: float, idle: Callable[[], None]
    ) -> None:
        self._url, self._headers, self._hosts, self._timeout, self._idle = url, headers, hosts, timeout, idle
        self._events: queue.Queue[Any] = queue.Queue(maxsize=8)
        self._stopped = threading.Event()
        threading.Thread(target=self._run, daemon=True, name="style-atelier-download").start()

    def reply(self) -> Reply:
        """The head of the answer; TryAgain when none comes, DownloadError when the address is not allowed."""
        return self._next()

    def body(self) -> Iterator[bytes]:
        """The bytes of the answer, as they come; TryAgain when the line breaks."""
        while (chunk := self._next()) is not None:
            yield chunk

    def stop(self) -> None:
        """Let the thread end."""
        self._stopped.set()

    def _next(self) -> Any:
        # The socket's own time-out comes first; this one is for name servers and proxies that hang.
        end = time.monotonic() + 3 * self._timeout
        while True:
            try:
                event = self._events.get(timeout=SECONDS_BETWEEN_REPORTS)
            except queue.Empty:
                self._idle()
                if time.monotonic() > end:
                    raise TryAgain(f"{urlsplit(self._url).hostname} does not answer") from None
                continue
            if isinstance(event, Exception):
                raise event
            return event

    def _put(self, event: Any) -> bool:
        while not self._stopped.is_set():
            try:
                self._events.put(event, timeout=SECONDS_BETWEEN_REPORTS)
                return True
            except queue.Full:
                continue
        return False

    def _run(self) -> None:
        host = urlsplit(self._url).hostname or self._url
        try:
            with _open(self._url, self._headers, self._hosts, self._timeout) as answer:
                answered_by = urlsplit(answer.geturl()).hostname or host
                going = self._put(Reply(answer.status, _lower(answer.headers), shown(answered_by, LONGEST_HOST)))
                while going and (chunk := answer.read1(CHUNK)):
                    going = self._put(chunk)
                self._put(None)
        except urllib.error.HTTPError as error:
            target = error.headers.get("Location", "")
            if 300 <= error.code < 400 and target and not urljoin(self._url, target).startswith("http"):
                self._put(DownloadError(f"{host} redirects to {_place(target)}, which is not allowed"))
            self._put(Reply(error.code, _lower(error.headers), host))
            error.close()
        except DownloadError as error:
            self._put(error)
        except TimeoutError:
            self._put(TryAgain(f"{host} sends nothing for {self._timeout:g} seconds"))
        except OSError as error:
            why = shown(getattr(error, "reason", None) or error or type(error).__name__)
            self._put(TryAgain(f"{host} cannot be reached ({why})"))
        except (HTTPException, ValueError) as error:  # whose words are the server's
            self._put(TryAgain(f"{host} does not answer as a web server does ({type(error).__name__})"))


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows a redirect only to an allowed address, with the same headers."""

    max_redirections = 8

    def __init__(self, hosts: tuple[str, ...]) -> None:
        self._hosts = hosts

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> urllib.request.Request:
        target = urljoin(req.full_url, newurl)
        source = urlsplit(req.full_url).hostname or ""
        _require_allowed(target, self._hosts, f"{source} redirects to")
        if is_loopback(urlsplit(target).hostname or "") and not is_loopback(source):
            raise DownloadError(f"{source} redirects to this machine itself, where no published file is")
        return urllib.request.Request(target, headers=dict(req.header_items()))

    # Python 3.10 does not know the permanent redirect that keeps the method.
    http_error_308 = urllib.request.HTTPRedirectHandler.http_error_302


def _require_allowed(url: str, hosts: tuple[str, ...], verb: str) -> None:
    if not allowed(url, hosts):
        raise DownloadError(f"{verb} {_place(url)}, which is not among the hosts that files may come from")


def _place(url: str) -> str:
    try:
        parts = urlsplit(url)
        return shown(f"{parts.scheme}://{parts.hostname}", LONGEST_HOST)
    except ValueError:
        return "an address that is none"


def _open(url: str, headers: dict[str, str], hosts: tuple[str, ...], timeout: float) -> Any:
    _require_allowed(url, hosts, "The address is on")
    opener = urllib.request.OpenerDirector()
    # Only these: the usual set would also open ftp:, file: and data: addresses. ProxyHandler reads the system's proxies.
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        _Redirects(hosts),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener.open(urllib.request.Request(url, headers=headers), timeout=timeout)


def _lower(headers: Any) -> dict[str, str]:
    return {name.lower(): value[:LONGEST_HEADER] for name, value in headers.items()}
