"""Files under the next free number, whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import count
from pathlib import Path


def write_numbered(start: Path, suffix: str, write: Callable[[str], None]) -> Path:
    """`start`_00001`suffix`, or the next number that is free; nothing is overwritten. Returns the file.

    write: saves to the temporary name that it is given, which then takes its place. Whatever it raises leaves no file.
    """
    start.parent.mkdir(parents=True, exist_ok=True)
    for number in count(1):
        target = start.with_name(f"{start.name}_{number:05d}{suffix}")
        try:
            os.close(os.open(target, os.O_CREAT | os.O_EXCL))  # the name is ours before the file is there
        except FileExistsError:
            continue
        temporary = target.with_name(f"{target.name}.tmp")
        try:
            write(str(temporary))
            os.replace(temporary, target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            target.unlink(missing_ok=True)
            raise
        return target
    raise AssertionError("there is always a next number")


def contained(root: Path, name: str, suffix: str) -> Path:
    """The place of `name`, folders and all, under `root`, without its suffix. Raises ValueError for names that lead out."""
    root = root.resolve()
    start = (root / name.strip().removesuffix(suffix)).resolve()
    if not start.is_relative_to(root) or start == root:
        raise ValueError(f"name {name!r} leads out of {root}: write a plain name, such as portrait")
    return start
