"""A file that is still being fetched: its bytes, and a note of which version of it they belong to."""

from __future__ import annotations

import json
import os
from pathlib import Path

from .ledger import write_json


class Part:
    """The unfinished file beside the final name `path`: `path.part`, and `path.part.json` with its address and version."""

    def __init__(self, path: Path) -> None:
        self.final = path
        self.path = path.with_name(path.name + ".part")
        self._note = path.with_name(path.name + ".part.json")

    def size(self) -> int:
        """Bytes on disk."""
        return self.path.stat().st_size if self.path.is_file() else 0

    def version(self, url: str) -> str | None:
        """The ETag or date under which `url` gave these bytes, None when it is not known."""
        try:
            note = json.loads(self._note.read_text(encoding="utf-8"))
            version = note["version"] if note["url"] == url else None
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return version if isinstance(version, str) else None

    def begin(self, url: str, version: str | None) -> None:
        """Start with no bytes, for the version of `url`."""
        # Emptied first: a note must never describe another version's bytes.
        self.path.write_bytes(b"")
        write_json(self._note, {"url": url, "version": version})

    def discard(self) -> None:
        """Forget all bytes."""
        self.path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)

    def finish(self) -> None:
        """Give the file its final name."""
        os.replace(self.path, self.final)
        self._note.unlink(missing_ok=True)
