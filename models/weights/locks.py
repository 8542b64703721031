"""A lock on a file name that holds between threads and between processes, and ends with the process that holds it."""

from __future__ import annotations

import errno
import os
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

SECONDS_BETWEEN_TRIES = 0.1
# Neither through a link, to a file that is somebody else's, nor waiting for the other end of a pipe.
_OPEN = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)

if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _try_lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextmanager
def held(path: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold the lock `path` (a file made for it); `waiting` is called while another holds it and may raise to give up.

    The system releases the lock of a process that dies, so no lock is ever stale. OSError where the file cannot be made.
    """
    descriptor = _acquire(path, waiting)
    try:
        yield
    finally:
        # Windows cannot remove an open file: there the empty file stays, which does no harm.
        with suppress(OSError):
            path.unlink()
        os.close(descriptor)


def _acquire(path: Path, waiting: Callable[[], None]) -> int:
    while True:
        descriptor = os.open(path, _OPEN, 0o644)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise OSError(errno.EINVAL, "the name of its lock is taken by something else")
            _try_lock(descriptor)
            # The last holder removes the file: a lock on a removed one would exclude nobody.
            if _is_file_at(descriptor, path):
                return descriptor
        except (BlockingIOError, PermissionError):
            pass
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
        waiting()
        time.sleep(SECONDS_BETWEEN_TRIES)


def _is_file_at(descriptor: int, path: Path) -> bool:
    try:
        there = os.stat(path)
    except FileNotFoundError:
        return False
    here = os.fstat(descriptor)
    return (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)
