"""How the pack finds and opens files that others have named or put on disk: plain files only, and none by way of a name or a link
that leads elsewhere.
"""

from __future__ import annotations

import mmap
import os
import stat
from pathlib import Path
from typing import BinaryIO

from .errors import CheckpointError
from .words import shown

LONGEST_NAME, LONGEST_PART = 1024, 255
RESERVED = frozenset(("con", "prn", "aux", "nul", *(f"{kind}{n}" for kind in ("com", "lpt") for n in range(1, 10))))
_OPEN = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)


def open_plain(path: Path) -> BinaryIO:
    """The file at `path` for reading. CheckpointError in one sentence when it is a folder, a pipe or a device, or is not there.

    Opened without waiting: a pipe without a writer would keep the caller forever.
    """
    try:
        descriptor = os.open(path, _OPEN)
    except (OSError, ValueError) as error:  # ValueError: a path with a zero byte
        raise _unreadable(path, error) from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise CheckpointError(f"{path} is no plain file but a folder, a pipe or a device; choose a file of weights.")
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_plain(path: Path, most: int) -> bytes:
    """The content of a plain file. CheckpointError as `open_plain`, and for a file of more than `most` bytes."""
    with open_plain(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > most:
            raise CheckpointError(f"{path} has {size:,} bytes where at most {most:,} make sense; choose another file.")
        try:
            return file.read(most + 1)
        except OSError as error:
            raise _unreadable(path, error) from error


def map_plain(path: Path) -> memoryview:
    """The content of a plain file, as memory that is read from disk where it is looked at. CheckpointError as `open_plain`.

    Writing into it changes this process's copy alone. It stays valid while the memoryview, or a tensor made of it, lives.
    """
    with open_plain(path) as file:
        if os.fstat(file.fileno()).st_size == 0:
            return memoryview(b"")
        try:
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))
        except (OSError, ValueError) as error:
            raise _unreadable(path, error) from error


def beside(path: Path, name: str) -> Path:
    """The file `name` in the folder of `path`. CheckpointError when `name` is no plain name, or a link that leads out of there.

    Links of both into one folder are well: so caches keep what belongs together.
    """
    if name in ("", ".", "..") or name != Path(name).name or "\\" in name or "\0" in name or ":" in name:
        raise CheckpointError(f"{path} names files that do not lie beside it and is refused; download it again.")
    found = path.with_name(name)
    if found.resolve().parent not in (path.resolve().parent, path.parent.resolve()):
        raise CheckpointError(f"{found} is a link that leads out of its folder and is not followed; put the file itself there.")
    return found


def inside(root: Path, name: object) -> Path:
    """The place of `name`, folders and all, under `root`: the one way from a name that somebody wrote to a path.

    ValueError in one sentence for a name that is none, or leads out of `root`: as such, by `..`, or through a link.
    """
    root = root.resolve()
    if name == "":
        raise ValueError(f"name '' leads out of {root}: write a plain name, such as portrait")
    if not isinstance(name, str) or not 0 < len(name) <= LONGEST_NAME or not name.isprintable() or name != name.strip():
        raise ValueError(f"name {shown(name, 80)!r} is no name of a file: write a plain name, such as portrait")
    parts = Path(name).parts
    if any(len(part.encode()) > LONGEST_PART for part in parts) or (os.name == "nt" and not all(map(_plain_on_windows, parts))):
        raise ValueError(f"name {shown(name, 80)!r} cannot be the name of a file: write a plain name, such as portrait")
    try:
        path = (root / name).resolve()
    except (OSError, RuntimeError, ValueError) as error:  # RuntimeError: links in a circle
        raise ValueError(f"name {shown(name, 80)!r} cannot be followed: write a plain name, such as portrait") from error
    if not path.is_relative_to(root) or path == root:
        raise ValueError(f"name {shown(name, 80)!r} leads out of {root}: write a plain name, such as portrait")
    return path


def _plain_on_windows(part: str) -> bool:
    return not set(part) & set('<>:"|?*') and part.partition(".")[0].rstrip().lower() not in RESERVED and part[-1:] not in " ."


def _unreadable(path: Path, error: Exception) -> CheckpointError:
    return CheckpointError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.")
