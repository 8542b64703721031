"""What reading one file may cost. Every reader draws from the same allowance, so that no form of file has a way around it."""

from __future__ import annotations

import time

MOST_ITEMS = 600_000  # values, instructions, rows: Python's own work
MOST_TENSORS = 50_000
MOST_DIMENSIONS = 8
DEEPEST = 60
LONGEST_NAME = 1024
SPARE_BYTES = 192 << 20  # for what is smaller than its Python objects
SECONDS = 1.5  # of this thread's own work, for any file
SECONDS_PER_BYTE = 1 / (100 << 20)  # and for each byte: checksums and conversions of large files
ITEMS_BETWEEN_LOOKS = 4096


class Budget:
    """The allowance for a file of `size` bytes. Each method raises ValueError, in a few words, when it is used up."""

    def __init__(self, size: int, items: int = MOST_ITEMS) -> None:
        self.size = size
        self._bytes = size + SPARE_BYTES
        self._items = items
        self._tensors = MOST_TENSORS
        self._end = time.thread_time() + SECONDS + size * SECONDS_PER_BYTE
        self._thread_looks = ITEMS_BETWEEN_LOOKS

    def take_bytes(self, count: int) -> None:
        """Before memory for `count` bytes is taken."""
        self._bytes -= count
        if count < 0 or self._bytes < 0:
            raise ValueError(f"it asks for far more memory than its {self.size:,} bytes")

    def take_items(self, count: int = 1) -> None:
        """Before `count` values are made or looked at."""
        self._items -= count
        self._thread_looks -= count
        if self._items < 0:
            raise ValueError("it holds too many values")
        if self._thread_looks < 0:
            self._thread_looks = ITEMS_BETWEEN_LOOKS
            self.take_time()

    def take_tensor(self, name: str, shape: tuple[int, ...] | list[int], itemsize: int, viewed: bool = False) -> None:
        """Before a tensor is made. viewed: of bytes that are counted already."""
        self._tensors -= 1
        if self._tensors < 0:
            raise ValueError(f"it lists more than {MOST_TENSORS:,} tensors")
        check_shape(name, shape)
        if not viewed:
            count = itemsize
            for length in shape:
                count *= length
            self.take_bytes(count)

    def take_depth(self, depth: int) -> None:
        """Before something that lies `depth` levels deep is looked at."""
        if depth > DEEPEST:
            raise ValueError("its values lie too deep in one another")

    def take_time(self) -> None:
        """Now and then within long work."""
        if time.thread_time() > self._end:
            raise ValueError("it takes far longer to read than a file of its size")


def check_shape(name: str, shape: tuple[int, ...] | list[int]) -> None:
    """ValueError for a shape that no tensor of a file has: too many dimensions, negative ones, or sizes beyond 2**40 in all.

    An empty tensor counts too: torch multiplies the other sizes to its strides, and widths are read out of shapes.
    """
    total = 1
    sound = len(shape) <= MOST_DIMENSIONS
    for length in shape if sound else ():
        sound = sound and isinstance(length, int) and not isinstance(length, bool) and 0 <= length < 1 << 40
        total *= max(length, 1) if sound else 1
    if not sound or total >= 1 << 40:
        raise ValueError(f"{name[:80]!r} has an impossible shape")
