"""Progress, previews and the person's interrupt, as nodes see them through `comfy.utils` and `comfy.model_management`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

Hook = Callable[[str, float, float, Any], None]


class InterruptProcessingException(BaseException):
    """The person stopped the run. A BaseException, as in the host: `except Exception` lets it pass."""


class State:
    """Who runs now, who listens, and whether to stop."""

    node_id = ""
    hook: Hook | None = None
    stop = threading.Event()


def set_hook(hook: Hook | None) -> None:
    """hook(node id, value, max, preview as a PIL picture or None) is called on every report."""
    State.hook = hook


@contextmanager
def executing(node_id: str) -> Iterator[None]:
    """Reports inside belong to this node."""
    before, State.node_id = State.node_id, node_id
    try:
        yield
    finally:
        State.node_id = before


def interrupt() -> None:
    """Ask the running node to stop."""
    State.stop.set()


def throw_exception_if_processing_interrupted() -> None:
    """Raise InterruptProcessingException once after `interrupt`."""
    if State.stop.is_set():
        State.stop.clear()
        raise InterruptProcessingException


class ProgressBar:
    """The host's progress bar: `preview` is (format, PIL picture, largest side) or None."""

    def __init__(self, total: float, node_id: str | None = None) -> None:
        self.total = total
        self.current = 0.0
        self.node_id = node_id

    def update_absolute(self, value: float, total: float | None = None, preview: Any = None) -> None:
        """Set the position, and the total when it changed."""
        self.total = self.total if total is None else total
        self.current = min(value, self.total)
        throw_exception_if_processing_interrupted()
        if State.hook is not None:
            picture = preview[1] if preview else None
            State.hook(self.node_id or State.node_id, self.current, self.total, picture)

    def update(self, value: float) -> None:
        """Move on by `value`."""
        self.update_absolute(self.current + value)
