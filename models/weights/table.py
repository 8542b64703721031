"""LevelDB tables, in which TensorFlow keeps its checkpoints: keys and values, in order, with checksums.

Format: LevelDB's table_format; tensorflow/core/lib/io/table.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from .protobuf import varint

FOOTER = 48
MAGIC = 0xDB4775248B80FB57
MOST_TENSORS = 100_000
LONGEST_NAME = 2048


def rows(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    if len(content) < FOOTER or struct.unpack("<Q", content[-8:])[0] != MAGIC:
        raise ValueError("it has no table's end")
    footer = content[-FOOTER:-8]
    at = varint(footer, varint(footer, 0)[1])[1]  # the first handle is of a block without tensors
    end = count = 0
    for _, handle in _block(content, footer[at:]):
        # Tables are written in order; a block named over and over would take forever.
        offset, after = varint(handle, 0)
        if offset < end:
            raise ValueError("its blocks overlap")
        end = offset + varint(handle, after)[0]
        for row in _block(content, handle):
            count += 1
            if count > MOST_TENSORS:
                raise ValueError(f"it lists more than {MOST_TENSORS:,} tensors")
            yield row


def _block(content: bytes, handle: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of a block: each key is what it shares with the one before, and what it adds."""
    offset, at = varint(handle, 0)
    size, _ = varint(handle, at)
    if offset + size + 5 > len(content):
        raise ValueError("a block lies beyond its end")
    block, kind, stated = content[offset : offset + size], content[offset + size], content[offset + size + 1 : offset + size + 5]
    if kind:
        raise ValueError("its blocks are compressed, which TensorFlow does not do")
    if masked_crc(content[offset : offset + size + 1]) != struct.unpack("<I", stated)[0]:
        raise ValueError("the checksum of a block does not fit")
    restarts = struct.unpack("<I", block[-4:])[0]
    end, at, key = size - 4 * (restarts + 1), 0, b""
    if end < 0:
        raise ValueError("a block's list of restarts is longer than the block")
    while at < end:
        shared, at = varint(block, at)
        added, at = varint(block, at)
        length, at = varint(block, at)
        if shared > len(key) or at + added + length > end:
            raise ValueError("an entry reaches beyond its block")
        if shared + added > LONGEST_NAME:  # a long name shared by all would fill the memory
            raise ValueError("a name is too long")
        key = key[:shared] + block[at : at + added]
        at += added + length
        yield key, block[at - length : at]


def _crc_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return tuple(table)


CRC32C = _crc_table()


def masked_crc(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc = CRC32C[(crc ^ byte) & 255] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
