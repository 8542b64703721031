"""Writes TensorFlow V2 checkpoints, for tests."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

MAGIC = 0xDB4775248B80FB57
NUMBERS = {"float32": 1, "float64": 2, "int32": 3, "int64": 9, "bool": 10, "float16": 19}
ROWS_A_BLOCK = 3


def varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def masked_crc(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def nested(field: int, data: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(data)) + data


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value) if value else b""


def entry(array: np.ndarray, shard: int, offset: int) -> bytes:
    dims = b"".join(nested(2, number(1, size)) for size in array.shape)
    place = number(3, shard) + number(4, offset) + number(5, array.nbytes)
    return number(1, NUMBERS[array.dtype.name]) + nested(2, dims) + place + varint(6 << 3 | 5) + struct.pack("<I", 0)


def block(rows: list[tuple[bytes, bytes]]) -> bytes:
    data, before = b"", b""
    for key, value in rows:
        shared = 0
        while shared < min(len(before), len(key)) and before[shared] == key[shared]:
            shared += 1
        data += varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
        before = key
    return data + struct.pack("<II", 0, 1)


def table(rows: list[tuple[bytes, bytes]], compression: int = 0) -> bytes:
    out, handles = b"", []

    def add(data: bytes) -> bytes:
        nonlocal out
        handle = varint(len(out)) + varint(len(data))
        kind = bytes([compression])
        out += data + kind + struct.pack("<I", masked_crc(data + kind))
        return handle

    for start in range(0, len(rows), ROWS_A_BLOCK):
        part = rows[start : start + ROWS_A_BLOCK]
        handles.append((part[-1][0], add(block(part))))
    meta, index = add(block([])), add(block(handles))
    footer = (meta + index).ljust(40, b"\0")
    return out + footer + struct.pack("<Q", MAGIC)


def write_bundle(prefix: Path, tensors: dict[str, np.ndarray], shards: int = 1, compression: int = 0) -> Path:
    """The checkpoint of these arrays at `prefix`; gives the index's path."""
    data = [b""] * shards
    rows = [(b"", number(1, shards))]
    for i, (name, array) in enumerate(sorted(tensors.items())):
        shard = i % shards
        rows.append((name.encode(), entry(array, shard, len(data[shard]))))
        data[shard] += array.tobytes()
    for shard, content in enumerate(data):
        prefix.with_name(f"{prefix.name}.data-{shard:05d}-of-{shards:05d}").write_bytes(content)
    index = prefix.with_name(prefix.name + ".index")
    index.write_bytes(table(rows, compression))
    return index
