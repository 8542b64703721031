"""Frames kept aside in 8 bits: in memory, or in a file for clips that do not fit there."""

from __future__ import annotations

import math
from pathlib import Path
from types import TracebackType

import torch
from torch import Tensor


class FrameStore:
    """Frames [1, C, H, W] in 0..1, added one after another and read in any order. path: None for memory."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self._file = None if path is None else path.open("w+b")
        self._kept: list[bytes] = []
        self._shape: tuple[int, ...] = ()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __enter__(self) -> FrameStore:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Remove the file."""
        self._kept.clear()
        if self._file is not None and self.path is not None:
            self._file.close()
            self.path.unlink(missing_ok=True)

    def clear(self) -> None:
        """Forget all frames."""
        self._kept.clear()
        self._count = 0

    def add(self, frame: Tensor) -> None:
        """Keep a frame. All have one size."""
        self._shape = tuple(frame.shape)
        data = frame.mul(255).round_().clamp_(0, 255).byte().cpu().contiguous().numpy().tobytes()
        if self._file is None:
            self._kept.append(data)
        else:
            self._file.seek(self._count * len(data))
            self._file.write(data)
        self._count += 1

    def __getitem__(self, number: int) -> Tensor:
        """The frame with this number, rounded to 8 bits."""
        if not 0 <= number < self._count:
            raise IndexError(f"there are {self._count} frames, and no frame {number}")
        length = math.prod(self._shape)
        if self._file is None:
            data = self._kept[number]
        else:
            self._file.seek(number * length)
            data = self._file.read(length)
        return torch.frombuffer(bytearray(data), dtype=torch.uint8).view(self._shape).float().div_(255)
