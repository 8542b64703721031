"""LevelDB tables, in which TensorFlow keeps its checkpoints: keys and values, in order, with checksums.

Format: LevelDB's table_format; tensorflow/core/lib/io/table.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from .budget import Budget
from .crc32c import crc32c, masked
from .protobuf import varint

FOOTER = 48
MAGIC = 0xDB4775248B80FB57
MOST_TENSORS = 100_000
LONGEST_NAME = 2048
SMALLEST_BLOCK = 8  # of one that holds a row


def rows(content: memoryview, budget: Budget) -> Iterator[tuple[bytes, memoryview]]:
    """Keys and values. ValueError, IndexError or struct.error for what is no table."""
    if len(content) < FOOTER or struct.unpack("<Q", content[-8:])[0] != MAGIC:
        raise ValueError("it has no table's end")
    footer = content[-FOOTER:-8]
    at = varint(footer, varint(footer, 0)[1])[1]  # the first handle is of a block without tensors
    end = count = 0
    for _, handle in _block(content, footer[at:], budget):
        # Tables are written in order; a block named over and over would take forever.
        offset, after = varint(handle, 0)
        length = varint(handle, after)[0]
        if offset < end:
            raise ValueError("its blocks overlap")
        if length < SMALLEST_BLOCK:
            raise ValueError("it has blocks without tensors")
        end = offset + length
        for row in _block(content, handle, budget):
            count += 1
            if count > MOST_TENSORS:
                raise ValueError(f"it lists more than {MOST_TENSORS:,} tensors")
            yield row


def _block(content: memoryview, handle: memoryview, budget: Budget) -> Iterator[tuple[bytes, memoryview]]:
    """Keys and values of a block: each key is what it shares with the one before, and what it adds."""
    offset, at = varint(handle, 0)
    size, _ = varint(handle, at)
    budget.take_items(8)
    if offset + size + 5 > len(content):
        raise ValueError("a block lies beyond its end")
    block, kind, stated = content[offset : offset + size], content[offset + size], content[offset + size + 1 : offset + size + 5]
    if kind:
        raise ValueError("its blocks are compressed, which TensorFlow does not do")
    if masked_crc(content[offset : offset + size + 1]) != struct.unpack("<I", stated)[0]:
        raise ValueError("the checksum of a block does not fit")
    budget.take_time()
    restarts = struct.unpack("<I", block[-4:])[0]
    end, at, key = size - 4 * (restarts + 1), 0, b""
    if end < 0:
        raise ValueError("a block's list of restarts is longer than the block")
    while at < end:
        budget.take_items()
        shared, at = varint(block, at)
        added, at = varint(block, at)
        length, at = varint(block, at)
        if shared > len(key) or at + added + length > end:
            raise ValueError("an entry reaches beyond its block")
        if shared + added > LONGEST_NAME:  # a long name shared by all would fill the memory
            raise ValueError("a name is too long")
        key = key[:shared] + bytes(block[at : at + added])
        at += added + length
        yield key, block[at - length : at]


def masked_crc(data: bytes | memoryview) -> int:
    """The checksum of a block and its kind, as it is stored."""
    return masked(crc32c(data))
