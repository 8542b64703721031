"""Reads TensorFlow's V2 checkpoints without TensorFlow, and without running anything from them.

A checkpoint is a table of entries (`NAME.index`, a LevelDB table) and the tensors' bytes (`NAME.data-00000-of-00001` ...).
Formats: tensorflow/core/util/tensor_bundle, tensorflow/core/protobuf/tensor_bundle.proto, and LevelDB's table_format.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from math import prod
from pathlib import Path

import torch
from torch import Tensor

from .errors import CheckpointError
from .protobuf import fields
from .table import MAGIC, MOST_TENSORS, rows

INDEX = ".index"
LARGEST_INDEX = 64 << 20
MOST_DIMENSIONS = 8
DTYPES = {
    1: torch.float32,
    2: torch.float64,
    3: torch.int32,
    9: torch.int64,
    10: torch.bool,
    14: torch.bfloat16,
    19: torch.float16,
}
# What an optimizer keeps beside each variable, and its own counters.
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
    """Every numeric variable by name, without the optimizer's. CheckpointError in one sentence for damaged or missing files."""
    try:
        content = index.read_bytes() if index.stat().st_size <= LARGEST_INDEX else b""
        found = dict(rows(content))
        shards = _header(found.pop(b"", b""))
        entries = {name.decode(): _entry(row) for name, row in found.items()}
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


# The entries


def _header(data: bytes) -> int:
    """How many data files there are."""
    header = dict(fields(data))
    shards = header.get(1, 0)
    if header.get(2, 0) != 0 or not isinstance(shards, int) or not 0 < shards < MOST_TENSORS:
        raise ValueError("its header is missing, or its numbers are big-endian")
    return shards


def _entry(data: bytes) -> Entry:
    numbers = {1: 0, 3: 0, 4: 0, 5: 0}
    sizes: list[int] = []
    sliced = False
    for field, value in fields(data):
        if field == 2 and isinstance(value, bytes):
            sizes = [_dimension(dim) for number, dim in fields(value) if number == 2 and isinstance(dim, bytes)]
        elif field in numbers and isinstance(value, int):
            numbers[field] = value
        sliced = sliced or field == 7
    # An empty tensor counts too: torch multiplies the other sizes to its strides.
    if len(sizes) > MOST_DIMENSIONS or prod(max(size, 1) for size in sizes) >> 40:
        raise ValueError(f"a tensor has the shape {sizes}")
    return Entry(numbers[1], tuple(sizes), numbers[3], numbers[4], numbers[5], sliced)


def _dimension(data: bytes) -> int:
    size = dict(fields(data)).get(1, 0)
    if not isinstance(size, int):
        raise ValueError("a dimension is no number")
    return size
