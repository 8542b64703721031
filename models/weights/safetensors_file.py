"""Reads safetensors: a header of JSON that says where each tensor lies, and the tensors' bytes, used where they lie.

Format: huggingface/safetensors, README. Only the one layout that its writers make is accepted: tensors one behind the other from
the first byte to the last.
"""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .budget import Budget
from .errors import CheckpointError
from .files import map_plain
from .json_text import read_json
from .pickle_numbers import flat_numbers
from .words import reason

LARGEST_HEADER = 50_000_000
METADATA = "__metadata__"
HEADER_DEPTH = 4
DTYPES: dict[str, torch.dtype] = {
    name: getattr(torch, kind)
    for name, kind in (
        *(("F64", "float64"), ("F32", "float32"), ("F16", "float16"), ("BF16", "bfloat16")),
        *(("I64", "int64"), ("I32", "int32"), ("I16", "int16"), ("I8", "int8"), ("U8", "uint8"), ("BOOL", "bool")),
        *(("F8_E4M3", "float8_e4m3fn"), ("F8_E5M2", "float8_e5m2"), ("C64", "complex64")),
        *(("U16", "uint16"), ("U32", "uint32"), ("U64", "uint64"), ("F8_E8M0", "float8_e8m0fnu")),
    )
    if hasattr(torch, kind)
}


def read_safetensors(path: Path, budget: Budget | None = None) -> tuple[dict[str, Tensor], dict[str, str]]:
    """(tensors by name, metadata). CheckpointError in one sentence for a file that is not exactly as the format says."""
    data = map_plain(path)
    size = len(data)
    length = int.from_bytes(data[:8], "little")
    if size < 8 or length > min(LARGEST_HEADER, size - 8):
        raise CheckpointError(f"{path} is cut short or damaged: its header claims {length:,} bytes; download it again.")
    try:
        header = read_json(bytes(data[8 : 8 + length]), deepest=HEADER_DEPTH)
        metadata = header.pop(METADATA, None) or {}
        rows = sorted(((*_place(row), name, row) for name, row in header.items()), key=lambda row: row[:2])
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, MemoryError) as error:
        raise CheckpointError(
            f"{path} is damaged: its header is no list of tensors ({reason(error)}); download it again."
        ) from error
    needed = max((end for _, end, *_ in rows), default=0)
    if needed != size - 8 - length:
        raise CheckpointError(
            f"{path} is cut short or damaged: its tensors need {needed + 8 + length:,} bytes, it has {size:,}; download it again."
        )
    try:
        if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
            raise ValueError("what it says beside its tensors is no text")
        return _tensors(header, rows, data[8 + length :], budget or Budget(size)), metadata
    except (ValueError, KeyError, TypeError, RuntimeError, OverflowError) as error:
        raise CheckpointError(f"{path} is damaged or cut short ({reason(error)}); download it again.") from error


def read_metadata(path: Path) -> dict[str, str]:
    """What a safetensors file says beside its tensors. CheckpointError for everything that is none."""
    data = map_plain(path)
    length = int.from_bytes(data[:8], "little")
    try:
        header = read_json(bytes(data[8 : 8 + length])) if length <= min(LARGEST_HEADER, len(data) - 8) else {}
        return {str(key): str(value) for key, value in header[METADATA].items()}
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise CheckpointError(f"{path} is damaged: its header says nothing; download it again.") from error


def _place(row: Any) -> tuple[int, int]:
    start, end = row["data_offsets"]
    if not all(isinstance(n, int) and not isinstance(n, bool) for n in (start, end)):
        raise ValueError("a place is no number")
    return start, end


def _tensors(
    header: dict[str, Any], rows: list[tuple[int, int, str, Any]], data: memoryview, budget: Budget
) -> dict[str, Tensor]:
    made: dict[str, Tensor] = {}
    reached = 0
    for start, end, name, row in rows:
        if start != reached or end < start:
            raise ValueError("its tensors overlap or leave gaps")
        reached = end
        if row.get("dtype") not in DTYPES:
            raise ValueError(f"{name[:80]!r} is of a kind of number that is not known")
        dtype, shape = DTYPES[row["dtype"]], row["shape"]
        if not isinstance(shape, list):
            raise ValueError(f"{name[:80]!r} has no shape")
        budget.take_tensor(name, shape, dtype.itemsize, viewed=True)
        if prod(shape) * dtype.itemsize != end - start:
            raise ValueError(f"{name[:80]!r} has not the bytes that it claims")
        made[name] = flat_numbers(data[start:end], dtype).reshape(shape)
    return {name: made[name] for name in header}
