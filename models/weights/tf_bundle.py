"""Reads TensorFlow's V2 checkpoints without TensorFlow, and without running anything from them.

A checkpoint is a table of entries (`NAME.index`, a LevelDB table) and the tensors' bytes (`NAME.data-00000-of-00001` ...).
Formats: tensorflow/core/util/tensor_bundle, tensorflow/core/protobuf/tensor_bundle.proto, and LevelDB's table_format.
"""

from __future__ import annotations

import os
import re
import struct
from dataclasses import dataclass
from math import prod
from pathlib import Path

import torch
from torch import Tensor

from .budget import MOST_DIMENSIONS, Budget
from .errors import CheckpointError
from .files import beside, map_plain, open_plain
from .pickle_numbers import flat_numbers
from .protobuf import fields
from .table import MAGIC, MOST_TENSORS, rows
from .words import reason, shown

INDEX = ".index"
LARGEST_INDEX = 64 << 20
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
        with open_plain(index) as file:
            file.seek(max(os.fstat(file.fileno()).st_size - 8, 0))
            return index if file.read() == struct.pack("<Q", MAGIC) else None
    except (OSError, ValueError, CheckpointError):  # ValueError: a path without a name, or with a zero byte
        return None


def data_files(index: Path) -> list[Path]:
    """The files beside an index that hold its tensors."""
    start = index.name.removesuffix(INDEX) + ".data-"
    return sorted(path for path in index.parent.glob("*") if path.name.startswith(start) and re.search(DATA, path.name))


def read_bundle(index: Path, budget: Budget | None = None) -> dict[str, Tensor]:
    """Every numeric variable by name, without the optimizer's. CheckpointError in one sentence for damaged or missing files."""
    try:
        content = map_plain(index)
        budget = budget or Budget(len(content))
        found = dict(rows(content if len(content) <= LARGEST_INDEX else content[:0], budget))
        shards = _header(found.pop(b"", memoryview(b"")), budget)
        entries = {name.decode(): _entry(row, budget) for name, row in found.items()}
    except (ValueError, IndexError, struct.error) as error:
        raise CheckpointError(f"{index} is damaged or cut short ({reason(error)}); download it again.") from error
    wanted = {n: e for n, e in entries.items() if not re.search(SLOTS, n) and e.dtype in DTYPES and not e.sliced}
    prefix = index.name.removesuffix(INDEX)
    numbers = sorted({entry.shard for entry in wanted.values()})
    if numbers and numbers[-1] >= shards:
        raise CheckpointError(f"{index} claims tensors in a file that it has not; download it again.")
    paths = {number: beside(index, f"{prefix}.data-{number:05d}-of-{shards:05d}") for number in numbers}
    data = {number: _data(index, path) for number, path in paths.items()}
    for number, path in paths.items():
        _check_room(index, path, {n: e for n, e in wanted.items() if e.shard == number}, len(data[number]))
    return {name: _tensor(entry, data[entry.shard]) for name, entry in wanted.items()}


def _data(index: Path, path: Path) -> memoryview:
    try:
        return map_plain(path)
    except CheckpointError as error:
        raise CheckpointError(
            f"{path.name} is missing beside {index.name} or cannot be read: put both files in the same folder."
        ) from error


def _check_room(index: Path, path: Path, entries: dict[str, Entry], size: int) -> None:
    """Tensors never share bytes: thousands of them over the same ones would fill the memory from a small file."""
    for name, entry in entries.items():
        if prod(entry.shape) * DTYPES[entry.dtype].itemsize != entry.size:
            raise CheckpointError(
                f"{index} claims {entry.shape} numbers for {shown(name)!r} in {entry.size:,} bytes; download it again."
            )
    needed = sum(entry.size for entry in entries.values())
    if needed > size:
        raise CheckpointError(f"{path} is cut short or damaged: its tensors need {needed:,} bytes; download it again.")
    reached, before = 0, ""
    for name, entry in sorted(entries.items(), key=lambda item: (item[1].offset, item[1].size)):
        if entry.offset + entry.size > size:
            raise CheckpointError(f"{path} is cut short: {shown(name)!r} should lie beyond its end; download it again.")
        if entry.size and entry.offset < reached:
            raise CheckpointError(f"{index} has {shown(before)!r} and {shown(name)!r} over the same bytes; download it again.")
        reached, before = max(reached, entry.offset + entry.size), name if entry.size else before


def _tensor(entry: Entry, data: memoryview) -> Tensor:
    return flat_numbers(data[entry.offset : entry.offset + entry.size], DTYPES[entry.dtype]).reshape(entry.shape)


# The entries


def _header(data: memoryview, budget: Budget) -> int:
    """How many data files there are."""
    header = dict(fields(data, budget))
    shards = header.get(1, 0)
    if header.get(2, 0) != 0 or not isinstance(shards, int) or not 0 < shards < MOST_TENSORS:
        raise ValueError("its header is missing, or its numbers are big-endian")
    return shards


def _entry(data: memoryview, budget: Budget) -> Entry:
    numbers = {1: 0, 3: 0, 4: 0, 5: 0}
    sizes: list[int] = []
    sliced = False
    for field, value in fields(data, budget):
        if field == 2 and isinstance(value, memoryview):
            sizes = [
                _dimension(dim, budget) for number, dim in fields(value, budget) if number == 2 and isinstance(dim, memoryview)
            ]
        elif field in numbers and isinstance(value, int):
            numbers[field] = value
        sliced = sliced or field == 7
    # An empty tensor counts too: torch multiplies the other sizes to its strides.
    if len(sizes) > MOST_DIMENSIONS or prod(max(size, 1) for size in sizes) >> 40:
        raise ValueError(f"a tensor has the shape {shown(sizes, 80)}")
    return Entry(numbers[1], tuple(sizes), numbers[3], numbers[4], numbers[5], sliced)


def _dimension(data: memoryview, budget: Budget) -> int:
    size = dict(fields(data, budget)).get(1, 0)
    if not isinstance(size, int):
        raise ValueError("a dimension is no number")
    return size
