"""Reads TensorFlow's V2 checkpoints without TensorFlow, and without running anything from them.

A checkpoint is a table of entries (`NAME.index`, a LevelDB table) and the tensors' bytes (`NAME.data-00000-of-00001` ...).
Formats: tensorflow/core/util/tensor_bundle, tensorflow/core/protobuf/tensor_bundle.proto, and LevelDB's table_format.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path

import torch
from torch import Tensor

from .errors import CheckpointError

INDEX = ".index"
FOOTER = 48
MAGIC = 0xDB4775248B80FB57
LARGEST_INDEX = 64 << 20
MOST_TENSORS = 100_000
MOST_DIMENSIONS = 8
LONGEST_NAME = 2048
DTYPES = {
    1: torch.float32,
    2: torch.float64,
    3: torch.int32,
    9: torch.int64,
    10: torch.bool,
    14: torch.bfloat16,
    19: torch.float16,
}
# What an optimiser keeps beside each variable, and its own counters.
SLOTS = r"(/(Adam|Adam_1|Momentum|RMSProp|RMSProp_1)|(^|/)(beta[12]_power|global_step)(_\d+)?)$"
DATA = r"\.data-\d{5}-of-\d{5}$"


@dataclass(frozen=True)
class Entry:
    """Where a tensor lies: dtype by TensorFlow's number, shape, and bytes offset to offset + size of a shard."""

    dtype: int
    shape: tuple[int, ...]
    shard: int
    offset: int
    size: int
    sliced: bool


def index_of(path: Path) -> Path | None:
    """The index that a path stands for: itself, its data or meta file's, or that of a bare prefix. None for no such
    checkpoint.
    """
    name = path.name
    prefix = name.removesuffix(INDEX)
    if prefix == name:
        prefix = re.sub(DATA, "", name.removesuffix(".meta"))
    try:
        if prefix == name and path.is_file():
            return None  # a file of another kind, which stands for itself
        index = path.with_name(prefix + INDEX)
        size = index.stat().st_size
        with index.open("rb") as file:
            file.seek(max(size - 8, 0))
            return index if file.read() == struct.pack("<Q", MAGIC) else None
    except (OSError, ValueError):  # ValueError: a path without a name, or with a zero byte
        return None


def data_files(index: Path) -> list[Path]:
    """The files beside an index that hold its tensors."""
    start = index.name.removesuffix(INDEX) + ".data-"
    return sorted(path for path in index.parent.glob("*") if path.name.startswith(start) and re.search(DATA, path.name))


def read_bundle(index: Path) -> dict[str, Tensor]:
    """Every numeric variable by name, without the optimiser's. CheckpointError in one sentence for damaged or missing files."""
    try:
        content = index.read_bytes() if index.stat().st_size <= LARGEST_INDEX else b""
        rows = dict(_rows(content))
        shards = _header(rows.pop(b"", b""))
        entries = {name.decode(): _entry(row) for name, row in rows.items()}
    except OSError as error:
        raise CheckpointError(f"{index} cannot be read: {error.strerror or error}.") from error
    except (ValueError, IndexError, struct.error) as error:
        raise CheckpointError(f"{index} is damaged or cut short ({error}); download it again.") from error
    wanted = {n: e for n, e in entries.items() if not re.search(SLOTS, n) and e.dtype in DTYPES and not e.sliced}
    prefix = index.name.removesuffix(INDEX)
    paths = [index.with_name(f"{prefix}.data-{number:05d}-of-{shards:05d}") for number in range(shards)]
    _check_room(index, wanted, paths)
    return {name: _tensor(index, name, entry, paths[entry.shard]) for name, entry in wanted.items()}


def _check_room(index: Path, wanted: dict[str, Entry], paths: list[Path]) -> None:
    """Tensors never share bytes: thousands of them over the same ones would fill the memory from a small file."""
    sizes = [0] * len(paths)
    for name, entry in wanted.items():
        if prod(entry.shape) * DTYPES[entry.dtype].itemsize != entry.size or entry.shard >= len(paths):
            raise CheckpointError(
                f"{index} claims {entry.shape} numbers for {name!r} in {entry.size:,} bytes; download it again."
            )
        sizes[entry.shard] += entry.size
    for path, size in zip(paths, sizes, strict=True):
        # A missing file is told when it is read.
        if size and path.is_file() and size > path.stat().st_size:
            raise CheckpointError(f"{path} is cut short or damaged: its tensors need {size:,} bytes; download it again.")


def _tensor(index: Path, name: str, entry: Entry, path: Path) -> Tensor:
    dtype = DTYPES[entry.dtype]
    try:
        if entry.offset + entry.size > path.stat().st_size:
            raise CheckpointError(f"{path} is cut short: {name!r} should lie beyond its end; download it again.")
        with path.open("rb") as file:
            file.seek(entry.offset)
            content = bytearray(file.read(entry.size))
    except OSError as error:
        raise CheckpointError(
            f"{path.name} is missing beside {index.name} or cannot be read: put both files in the same folder."
        ) from error
    if not content:
        return torch.empty(entry.shape, dtype=dtype)
    return torch.frombuffer(content, dtype=dtype).reshape(entry.shape)


# The table


def _rows(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    if len(content) < FOOTER or struct.unpack("<Q", content[-8:])[0] != MAGIC:
        raise ValueError("it has no table's end")
    footer = content[-FOOTER:-8]
    at = _varint(footer, _varint(footer, 0)[1])[1]  # the first handle is of a block without tensors
    end = count = 0
    for _, handle in _block(content, footer[at:]):
        # Tables are written in order; a block named over and over would take forever.
        offset, after = _varint(handle, 0)
        if offset < end:
            raise ValueError("its blocks overlap")
        end = offset + _varint(handle, after)[0]
        for row in _block(content, handle):
            count += 1
            if count > MOST_TENSORS:
                raise ValueError(f"it lists more than {MOST_TENSORS:,} tensors")
            yield row


def _block(content: bytes, handle: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of a block: each key is what it shares with the one before, and what it adds."""
    offset, at = _varint(handle, 0)
    size, _ = _varint(handle, at)
    if offset + size + 5 > len(content):
        raise ValueError("a block lies beyond its end")
    block, kind, stated = content[offset : offset + size], content[offset + size], content[offset + size + 1 : offset + size + 5]
    if kind:
        raise ValueError("its blocks are compressed, which TensorFlow does not do")
    if _masked_crc(content[offset : offset + size + 1]) != struct.unpack("<I", stated)[0]:
        raise ValueError("the checksum of a block does not fit")
    restarts = struct.unpack("<I", block[-4:])[0]
    end, at, key = size - 4 * (restarts + 1), 0, b""
    if end < 0:
        raise ValueError("a block's list of restarts is longer than the block")
    while at < end:
        shared, at = _varint(block, at)
        added, at = _varint(block, at)
        length, at = _varint(block, at)
        if shared > len(key) or at + added + length > end:
            raise ValueError("an entry reaches beyond its block")
        if shared + added > LONGEST_NAME:  # a long name shared by all would fill the memory
            raise ValueError("a name is too long")
        key = key[:shared] + block[at : at + added]
        at += added + length
        yield key, block[at - length : at]


def _varint(data: bytes, at: int) -> tuple[int, int]:
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


def _crc_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return tuple(table)


CRC32C = _crc_table()


def _masked_crc(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc = CRC32C[(crc ^ byte) & 255] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


# The entries: protocol buffers


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """(field number, value): integers, or bytes of what is nested."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        kind = tag & 7
        if kind == 0:
            value, at = _varint(data, at)
            yield tag >> 3, value
            continue
        length, at = _varint(data, at) if kind == 2 else ({1: 8, 5: 4}.get(kind, -1), at)
        if length < 0 or at + length > len(data):
            raise ValueError("an entry is no protocol buffer")
        yield tag >> 3, data[at : at + length]
        at += length


def _header(data: bytes) -> int:
    """How many data files there are."""
    fields = dict(_fields(data))
    shards = fields.get(1, 0)
    if fields.get(2, 0) != 0 or not isinstance(shards, int) or not 0 < shards < MOST_TENSORS:
        raise ValueError("its header is missing, or its numbers are big-endian")
    return shards


def _entry(data: bytes) -> Entry:
    numbers = {1: 0, 3: 0, 4: 0, 5: 0}
    sizes: list[int] = []
    sliced = False
    for field, value in _fields(data):
        if field == 2 and isinstance(value, bytes):
            sizes = [_dimension(dim) for number, dim in _fields(value) if number == 2 and isinstance(dim, bytes)]
        elif field in numbers and isinstance(value, int):
            numbers[field] = value
        sliced = sliced or field == 7
    # An empty tensor counts too: torch multiplies the other sizes to its strides.
    if len(sizes) > MOST_DIMENSIONS or prod(max(size, 1) for size in sizes) >> 40:
        raise ValueError(f"a tensor has the shape {sizes}")
    return Entry(numbers[1], tuple(sizes), numbers[3], numbers[4], numbers[5], sliced)


def _dimension(data: bytes) -> int:
    size = dict(_fields(data)).get(1, 0)
    if not isinstance(size, int):
        raise ValueError("a dimension is no number")
    return size
