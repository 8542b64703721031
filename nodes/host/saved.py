"""Folders of the output folder in which nodes keep files for other workflows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import folder_paths

from ...models.weights.files import inside
from ...models.weights.words import shown
from ...models.weights.writing import contained

NONE = "none saved yet"


@dataclass(frozen=True)
class Saved:
    """A folder by its name. saver: display name of the node that writes there."""

    name: str
    suffix: str
    saver: str

    def folder(self) -> Path:
        """Where it is."""
        return Path(folder_paths.get_output_directory(), self.name)

    def choices(self) -> list[str]:
        """Names of the files there, with forward slashes, or what to say where there are none."""
        root = self.folder()
        found = sorted(path.relative_to(root).as_posix() for path in root.rglob(f"*{self.suffix}")) if root.is_dir() else []
        return found or [NONE]

    def stamp(self, name: str) -> int:
        """When the file was last changed (ns); 0 for none."""
        try:
            path = inside(self.folder(), name)
            return path.stat().st_mtime_ns if path.is_file() else 0
        except (OSError, ValueError):  # no name, or one that leads out: the node itself says so
            return 0

    def place(self, name: str) -> Path:
        """Where to save under a name, without number and suffix. Raises ValueError for names that lead out of the folder."""
        return contained(self.folder(), name, self.suffix)

    def told(self, path: Path) -> str:
        """What to say of a file that was saved."""
        return f"saved as {path.relative_to(self.folder().resolve()).as_posix()}"

    def path(self, name: str) -> Path:
        """The file of a choice. Raises ValueError for one that is not there or leads out of the folder."""
        start = self.place(name)
        path = start.with_name(f"{start.name}{self.suffix}")
        if not path.is_file():
            raise ValueError(
                f"There is no file {shown(name, 80)!r} in {self.folder()}: save one with {self.saver}, or choose another of the "
                "list"
            )
        return path
