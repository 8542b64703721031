"""A file that is still being fetched: its bytes, and a note of which version of it they belong to."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

from .errors import CheckpointError
from .files import read_plain
from .json_text import read_json
from .ledger import write_json

LONGEST_NOTE = 1 << 16
# Never through a link, to a file that is somebody else's, nor into a pipe.
_WRITE = os.O_WRONLY | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


class Part:
    """The unfinished file beside the final name `path`: `path.part`, and `path.part.json` with its address and version."""

    def __init__(self, path: Path) -> None:
        self.final = path
        self.path = path.with_name(path.name + ".part")
        self._note = path.with_name(path.name + ".part.json")

    def size(self) -> int:
        """Bytes on disk; what is no plain file counts as none, and is removed when bytes come."""
        try:
            found = self.path.lstat()
        except OSError:
            return 0
        return found.st_size if stat.S_ISREG(found.st_mode) else 0

    def version(self, url: str) -> str | None:
        """The ETag or date under which `url` gave these bytes, None when it is not known."""
        version = self._noted(url).get("version")
        return version if isinstance(version, str) else None

    def total(self, url: str) -> int | None:
        """How many bytes `url` said that the whole file has, None when it did not say."""
        total = self._noted(url).get("total")
        return total if isinstance(total, int) else None

    def begin(self, url: str, version: str | None, total: int | None) -> None:
        """Start with no bytes, for the version of `url`, of `total` bytes in all where that is known."""
        # Removed first: a note must never describe another version's bytes.
        self.path.unlink(missing_ok=True)
        write_json(self._note, {"url": url, "version": version, "total": total})

    def open(self) -> BinaryIO:
        """To write on behind the bytes that are here. Unbuffered: what has come is on disk when the process is killed."""
        if self.size() == 0:
            self.path.unlink(missing_ok=True)
        descriptor = os.open(self.path, _WRITE | os.O_APPEND, 0o666)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError("the place of the unfinished file is taken by something else")
        return os.fdopen(descriptor, "ab", buffering=0)  # type: ignore[return-value]

    def discard(self) -> None:
        """Forget all bytes."""
        self.path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)

    def finish(self) -> None:
        """Give the file its final name."""
        os.replace(self.path, self.final)
        self._note.unlink(missing_ok=True)

    def _noted(self, url: str) -> dict[str, object]:
        try:
            note = read_json(read_plain(self._note, LONGEST_NOTE))
            return note if isinstance(note, dict) and note.get("url") == url else {}
        except (CheckpointError, ValueError):
            return {}
