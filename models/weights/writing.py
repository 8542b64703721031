"""How the pack writes files: whole under their names, or not at all, whenever the process may end.

What is written goes to a temporary file in the same folder, is brought to the disk, and then takes its name in one step. A
process that is killed leaves at most a temporary file, which the next one removes.
"""

from __future__ import annotations

import os
import re
import socket
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import count
from pathlib import Path
from zlib import crc32

from .files import inside

Write = Callable[[str], object]

TEMPORARY = r"\.(?P<machine>[0-9a-f]{8})-(?P<process>\d+)-\d+\.tmp$"
DAY = 24 * 3600.0
LONGEST_STEM = 180
_MACHINE = f"{crc32(socket.gethostname().encode()):08x}"
_STARTED = time.time()
_swept: set[Path] = set()


def write_over(target: Path, write: Write) -> None:
    """The file `target`, in the place of one that is there. write: saves to the temporary name that it is given."""
    temporary = _written(target, write)
    try:
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(target: Path, text: str) -> None:
    """As `write_over`, of a text, in UTF-8."""
    write_over(target, lambda name: Path(name).write_text(text, encoding="utf-8"))


def write_new(names: Iterable[Path], write: Write) -> Path:
    """The first of `names`, all of one folder, that is free; nothing is overwritten. Returns the file.

    write: saves to the temporary name that it is given. Whatever it raises leaves no file.
    """
    temporary: Path | None = None
    try:
        for target in names:
            temporary = temporary or _written(target, write)
            if _takes(temporary, target):
                return target
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
    raise FileExistsError("no name is free")


def write_numbered(start: Path, suffix: str, write: Write) -> Path:
    """`start`_00001`suffix`, or the next number that is free. As `write_new`."""
    return write_new((start.with_name(f"{start.name}_{number:05d}{suffix}") for number in count(1)), write)


def contained(root: Path, name: str, suffix: str) -> Path:
    """The place of `name`, folders and all, under `root`, without its suffix. Raises ValueError for names that lead out."""
    return inside(root, name.strip().removesuffix(suffix))


def sweep(folder: Path) -> None:
    """Remove what writers that were killed have left in `folder`."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(".tmp") and _is_left_over(entry.name, entry.stat(follow_symlinks=False).st_mtime):
                os.unlink(entry.path)


def _written(target: Path, write: Write) -> Path:
    """A temporary file beside `target` with what `write` saves, on the disk and with the usual permissions."""
    folder = target.parent
    folder.mkdir(parents=True, exist_ok=True)
    if folder not in _swept:
        _swept.add(folder)
        sweep(folder)
    temporary = folder / f"{target.name[:LONGEST_STEM]}.{_MACHINE}-{os.getpid()}-{threading.get_ident()}.tmp"
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
    usual = os.fstat(descriptor).st_mode & 0o777  # safetensors makes files that only their owner can read
    os.close(descriptor)
    try:
        write(str(temporary))
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.chmod(usual)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def _takes(temporary: Path, target: Path) -> bool:
    """Give the file its name, unless that is taken: in one step, so that two processes never get the same."""
    try:
        if os.name == "nt":
            os.rename(temporary, target)  # which refuses a name that is taken
        else:
            os.link(temporary, target)
        return True
    except FileExistsError:
        return False
    except OSError:  # a disk without hard links
        if target.exists():
            return False
        os.rename(temporary, target)
        return True


def _is_left_over(name: str, changed: float) -> bool:
    found = re.search(TEMPORARY, name)
    if found is None:
        return False
    if found["machine"] != _MACHINE:  # another machine's, or that of a container that is gone
        return time.time() - changed > DAY
    process = int(found["process"])
    began = _STARTED if process == os.getpid() else _start_of(process)
    return changed < began if began is not None else not _is_alive(process)


def _start_of(process: int) -> float | None:
    """When a process, or a thread that has its number by now, began; None where the system does not say."""
    try:
        ticks = int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[19])
        booted = next(line for line in Path("/proc/stat").read_text().splitlines() if line.startswith("btime"))
        return int(booted.split()[1]) + ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError, StopIteration, AttributeError):
        return None


def _is_alive(process: int) -> bool:
    if os.name == "nt":  # there the question itself would end the process
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True
