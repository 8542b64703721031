"""Reads TensorFlow's V1 checkpoints (one file, before 2017) without TensorFlow.

Format: tensorflow/core/util/saved_tensor_slice.proto in a LevelDB table: what each tensor is under the empty key, then its
numbers.
"""

from __future__ import annotations

import re
import struct
from math import prod
from pathlib import Path

import torch
from torch import Tensor

from .budget import Budget
from .errors import CheckpointError
from .files import map_plain
from .pickle_numbers import flat_numbers
from .protobuf import fields
from .table import MAGIC, rows
from .tf_bundle import SLOTS
from .words import reason, shown

LARGEST = 4 << 30
META, DATA = 1, 2
FLOAT, FLOAT_VALUES = 1, 5


def is_v1(end: bytes) -> bool:
    """Whether a file ends as a table does."""
    return end[-8:] == struct.pack("<Q", MAGIC)


def read_v1(path: Path, budget: Budget) -> dict[str, Tensor]:
    """Every float variable by name, without the optimizer's. CheckpointError in one sentence for damaged files."""
    try:
        content = map_plain(path)
        shapes: dict[str, tuple[int, ...]] = {}
        values: dict[str, memoryview] = {}
        for key, row in rows(content if len(content) <= LARGEST else content[:0], budget):
            for number, part in fields(row, budget):
                if number == META and not key and isinstance(part, memoryview):
                    shapes = _shapes(part, budget)
                elif number == DATA and isinstance(part, memoryview):
                    name, numbers = _slice(part, budget)
                    if name in values:
                        raise ValueError(f"{shown(name)!r} is in several pieces")
                    values[name] = numbers
        wanted = {name: size for name, size in shapes.items() if not re.search(SLOTS, name)}
        return {name: _tensor(name, size, values[name], budget) for name, size in wanted.items()}
    except KeyError as error:
        raise CheckpointError(f"{path} is cut short: the numbers of {reason(error)} are missing; download it again.") from error
    except (ValueError, IndexError, struct.error) as error:
        raise CheckpointError(f"{path} is damaged or cut short ({reason(error)}); download it again.") from error


def _shapes(data: memoryview, budget: Budget) -> dict[str, tuple[int, ...]]:
    """Shapes of the float tensors, by name."""
    found: dict[str, tuple[int, ...]] = {}
    for number, tensor in fields(data, budget):
        if number != 1 or not isinstance(tensor, memoryview):
            continue
        name, kind, sizes = "", 0, []
        for place, value in fields(tensor, budget):
            if place == 1 and isinstance(value, memoryview):
                name = str(value, "utf-8")
            elif place == 2 and isinstance(value, memoryview):
                dims = [dim for n, dim in fields(value, budget) if n == 2 and isinstance(dim, memoryview)]
                sizes = [dict(fields(dim, budget)).get(1, 0) for dim in dims]
            elif place == 3 and isinstance(value, int):
                kind = value
        if kind == FLOAT:
            found[name] = tuple(size for size in sizes if isinstance(size, int))
    return found


def _slice(data: memoryview, budget: Budget) -> tuple[str, memoryview]:
    """Name and numbers of a piece; a tensor that is in several is refused by its second."""
    parts = {number: value for number, value in fields(data, budget) if isinstance(value, memoryview)}
    empty = memoryview(b"")
    numbers = [value for n, value in fields(parts.get(3, empty), budget) if n == FLOAT_VALUES and isinstance(value, memoryview)]
    name = str(parts.get(1, empty), "utf-8")
    return name, numbers[0] if len(numbers) == 1 else memoryview(b"".join(numbers))


def _tensor(name: str, shape: tuple[int, ...], numbers: memoryview, budget: Budget) -> Tensor:
    budget.take_tensor(name, shape, 4)
    if prod(shape) * 4 != len(numbers):
        raise ValueError(f"{shown(name)!r} has the shape {shape} and {len(numbers):,} bytes")
    return flat_numbers(numbers, torch.float32).reshape(shape)
