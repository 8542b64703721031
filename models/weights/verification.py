"""Whether files are still what they were when they were first used: by size and date each time, by hash once a session.

Disks lose bits and copies break off without a date changing. What is used is hashed in the background, some time after it was
loaded; under a setting (STYLE_ATELIER_VERIFY=always) before it is.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path

from .errors import CheckpointError
from .ledger import Record, read_record, record_path, sha256_of, write_json
from .tf_bundle import index_of

SECONDS_AFTER_USE = 20.0  # whoever waits for a picture comes first
log = logging.getLogger("style_atelier")


class Verification:
    """The files of this session. `used` is called with each that is loaded."""

    def __init__(self, seconds: float = SECONDS_AFTER_USE) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._known: set[Path] = set()
        self._waiting: deque[Path] = deque()
        self._thread: threading.Thread | None = None
        self._damaged: dict[Path, int] = {}

    def used(self, path: Path, at_once: bool = False) -> str:
        """Note that `path` is used; "" or a sentence for the person when it is another file than it was.

        at_once: hash it now. CheckpointError when its numbers have changed and its date has not.
        """
        stat = path.stat()
        record = read_record(path)
        told = ""
        if record is not None and (record.size, record.modified_ns) != (stat.st_size, stat.st_mtime_ns):
            told = f"{path.name} has changed since it was first used ({record.first_used})"
        if at_once:
            self.check(path)
        with self._lock:
            damaged = self._damaged.get(path) == stat.st_mtime_ns
            if not damaged and path not in self._known and not at_once:
                self._known.add(path)
                self._waiting.append(path)
                if self._thread is None:
                    self._thread = threading.Thread(target=self._work, daemon=True, name="style-atelier-verification")
                    self._thread.start()
        if damaged:
            raise _changed(path)
        return told

    def check(self, path: Path) -> None:
        """Hash `path` and its copy against what is recorded; record it on its first use. CheckpointError when it has changed."""
        self._check_copy(path)
        stat, record, found = path.stat(), read_record(path), sha256_of(path)
        if record is not None and (record.size, record.modified_ns) == (stat.st_size, stat.st_mtime_ns):
            if record.sha256 == found:
                return
            with self._lock:
                self._damaged[path] = stat.st_mtime_ns
            raise _changed(path)
        if record is None or not record.published:  # of a published file the downloader decides
            now = datetime.now(timezone.utc).isoformat(timespec="seconds")
            with suppress(OSError):  # a shared folder may be read-only
                write_json(record_path(path), asdict(Record(found, stat.st_size, stat.st_mtime_ns, False, now)))

    def wait(self) -> None:
        """Until all that was used is looked at."""
        while self._thread is not None and self._thread.is_alive() and self._waiting:
            time.sleep(0.01)

    def _check_copy(self, path: Path) -> None:
        from .convert import copy_of, is_copy

        source = index_of(path) or path
        copy = copy_of(source)
        if copy.is_file() and not is_copy(copy, source, thoroughly=True):
            log.warning("%s has changed and is made anew when it is needed.", copy.name)
            copy.unlink(missing_ok=True)

    def _work(self) -> None:
        time.sleep(self._seconds)
        while True:
            with self._lock:
                if not self._waiting:
                    self._thread = None
                    return
                path = self._waiting.popleft()
            try:
                self.check(path)
            except CheckpointError as error:
                log.warning("%s", error)
            except OSError:
                continue  # it is gone by now


def _changed(path: Path) -> CheckpointError:
    return CheckpointError(
        f"{path.name} has other bytes than when it was first used, under the same date (a failing disk?): put the original back, "
        f"or remove {record_path(path).name} beside it if you trust it as it is."
    )


SESSION = Verification()
