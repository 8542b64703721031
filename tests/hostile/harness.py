"""Reads a file as the loaders do and tells what went wrong in refusing it."""

from __future__ import annotations

import os
import time
from pathlib import Path

from style_atelier.models.library.registry import open_checkpoint
from style_atelier.models.weights.errors import CheckpointError
from style_atelier.models.weights.readers import read_checkpoint

SECONDS = 2.0  # of processor time
MEGABYTES = 500  # beyond the file's own size


def resident() -> float:
    """Megabytes of this process, 0 where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    except OSError:
        return 0.0


def fault(path: Path, canary: Path | None = None, may_load: bool = False, deep: bool = False) -> str:
    """What went wrong with a hostile file, "" for nothing. deep: also recognize and build what can be read."""
    before, start = resident(), time.process_time()
    text = ""
    try:
        if deep:
            open_checkpoint(path).build()
        else:
            read_checkpoint(path)
        if not may_load:
            return "accepted"
    except CheckpointError as error:
        text = str(error)
    except Exception as error:
        return repr(error)[:300]
    taken, grown = time.process_time() - start, resident() - before
    if canary is not None and canary.exists():
        return "it ran"
    if taken > SECONDS or grown > MEGABYTES + path.stat().st_size / 1e6:
        return f"{taken:.2f} s, {grown:.0f} MB"
    if text and ("\n" in text or not 20 < len(text) < 600 or not text.isprintable()):
        return text[:300]
    return ""
