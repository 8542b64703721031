"""Counts a network's layers as they are carried out, so that people see progress and can stop within a layer or a tile."""

from __future__ import annotations

from torch import Tensor

from ..progress import Progress, silent


class Beat:
    """Called once for each layer: `done` of `total` reach `progress`, which may raise to stop the work."""

    def __init__(self, total: int = 1, progress: Progress = silent) -> None:
        self.done = 0
        self.total = max(total, 1)
        self.progress = progress

    def __call__(self, preview: Tensor | None = None) -> None:
        """One more layer."""
        self.done = min(self.done + 1, self.total - 1)
        self.progress(self.done, self.total, preview)

    def look(self) -> None:
        """Between two tiles of a layer: nothing more is done, but the work may be stopped."""
        self.progress(self.done, self.total)

    def finish(self, done: int, preview: Tensor | None = None) -> None:
        """A picture is done: so many layers in all."""
        self.done = min(done, self.total)
        self.progress(self.done, self.total, preview)
