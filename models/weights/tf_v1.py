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

from .errors import CheckpointError
from .protobuf import fields
from .table import MAGIC, rows
from .tf_bundle import MOST_DIMENSIONS, SLOTS

LARGEST = 4 << 30
META, DATA = 1, 2
FLOAT, FLOAT_VALUES = 1, 5


def is_v1(path: Path) -> bool:
    """Whether the file ends as a table does."""
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - 8, 0))
        return file.read() == struct.pack("<Q", MAGIC)


def read_v1(path: Path) -> dict[str, Tensor]:
    """Every float variable by name, without the optimizer's. CheckpointError in one sentence for damaged files."""
    try:
        content = path.read_bytes() if path.stat().st_size <= LARGEST else b""
        shapes: dict[str, tuple[int, ...]] = {}
        values: dict[str, bytes] = {}
        for key, row in rows(content):
            for number, part in fields(row):
                if number == META and not key and isinstance(part, bytes):
                    shapes = _shapes(part)
                elif number == DATA and isinstance(part, bytes):
                    name, numbers = _slice(part)
                    if name in values:
                        raise ValueError(f"{name!r} is in several pieces")
                    values[name] = numbers
        return {name: _tensor(name, size, values[name]) for name, size in shapes.items() if not re.search(SLOTS, name)}
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror or error}.") from error
    except KeyError as error:
        raise CheckpointError(f"{path} is cut short: the numbers of {error} are missing; download it again.") from error
    except (ValueError, IndexError, struct.error) as error:
        raise CheckpointError(f"{path} is damaged or cut short ({error}); download it again.") from error


def _shapes(data: bytes) -> dict[str, tuple[int, ...]]:
    """Shapes of the float tensors, by name."""
    found: dict[str, tuple[int, ...]] = {}
    for number, tensor in fields(data):
        if number != 1 or not isinstance(tensor, bytes):
            continue
        name, kind, sizes = "", 0, []
        for place, value in fields(tensor):
            if place == 1 and isinstance(value, bytes):
                name = value.decode()
            elif place == 2 and isinstance(value, bytes):
                sizes = [dict(fields(dim)).get(1, 0) for n, dim in fields(value) if n == 2 and isinstance(dim, bytes)]
            elif place == 3 and isinstance(value, int):
                kind = value
        if kind == FLOAT:
            found[name] = tuple(size for size in sizes if isinstance(size, int))
    return found


def _slice(data: bytes) -> tuple[str, bytes]:
    """Name and numbers of a piece; a tensor that is in several is refused by its second."""
    parts = {number: value for number, value in fields(data) if isinstance(value, bytes)}
    numbers = [value for n, value in fields(parts.get(3, b"")) if n == FLOAT_VALUES and isinstance(value, bytes)]
    return parts.get(1, b"").decode(), b"".join(numbers)


def _tensor(name: str, shape: tuple[int, ...], numbers: bytes) -> Tensor:
    if len(shape) > MOST_DIMENSIONS or prod(shape) * 4 != len(numbers):
        raise ValueError(f"{name!r} has the shape {shape} and {len(numbers):,} bytes")
    return torch.frombuffer(bytearray(numbers), dtype=torch.float32).reshape(shape) if numbers else torch.empty(shape)
