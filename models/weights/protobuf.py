"""The bytes of protocol buffers, field by field, for readers that know what they look for.

Format: protobuf.dev/programming-guides/encoding. Nothing is made but numbers and slices of the bytes.
"""

from __future__ import annotations

from collections.abc import Iterator

from .budget import Budget


def varint(data: bytes | memoryview, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, and the place behind it."""
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
        if shift > 63:
            raise ValueError("a number has too many bytes")


def fields(data: memoryview, budget: Budget) -> Iterator[tuple[int, int | memoryview]]:
    """(field number, value): integers, or the bytes of what is nested."""
    at = 0
    while at < len(data):
        budget.take_items()
        tag, at = varint(data, at)
        kind = tag & 7
        if kind == 0:
            value, at = varint(data, at)
            yield tag >> 3, value
            continue
        length, at = varint(data, at) if kind == 2 else ({1: 8, 5: 4}.get(kind, -1), at)
        if length < 0 or at + length > len(data):
            raise ValueError("an entry is no protocol buffer")
        yield tag >> 3, data[at : at + length]
        at += length
