"""How much memory a piece of work takes at most, and how long it takes."""

from __future__ import annotations

import mmap
import threading
import time
from pathlib import Path
from types import TracebackType

import torch

STATM = Path("/proc/self/statm")  # Linux: sizes of this process in pages, the second is what is resident
SECONDS_BETWEEN_LOOKS = 0.002


class Peak:
    """A `with` block around work on a device. seconds; memory: bytes that it took at most beyond those before, or None.

    On a graphics card what PyTorch allocated; on the processor, where the system is Linux, the growth of this process, looked at
    every two milliseconds; not measured elsewhere. What earlier work freed and the C library has kept is used again unseen: some
    tens of megabytes, as larger pieces go back at once.
    """

    seconds = 0.0
    memory: float | None = None

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._stop = threading.Event()
        self._watcher: threading.Thread | None = None

    def __enter__(self) -> Peak:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
            torch.cuda.reset_peak_memory_stats(self.device)
            self._before = torch.cuda.memory_allocated(self.device)
        elif self.device.type == "cpu" and STATM.is_file():
            self._before = self._most = resident()
            self._watcher = threading.Thread(target=self._watch, daemon=True)
            self._watcher.start()
        self._began = time.perf_counter()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        self.seconds = time.perf_counter() - self._began
        if self.device.type == "cuda":
            self.memory = torch.cuda.max_memory_allocated(self.device) - self._before
        elif self._watcher is not None:
            self._stop.set()
            self._watcher.join()
            self.memory = max(self._most, resident()) - self._before

    def _watch(self) -> None:
        while not self._stop.wait(SECONDS_BETWEEN_LOOKS):
            self._most = max(self._most, resident())


def resident() -> int:
    """Bytes of this process that are in memory (Linux)."""
    return int(STATM.read_text().split()[1]) * mmap.PAGESIZE
