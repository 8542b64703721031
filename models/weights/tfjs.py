"""Reads TensorFlow.js models: `model.json` lists tensors, which lie one behind the other in the shards beside it.

Format: tensorflow.org/js, "weightsManifest". The graph in the same file is not looked at.
"""

from __future__ import annotations

import json
from math import prod
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .errors import CheckpointError

LARGEST_LIST = 64 << 20
MOST_TENSORS = 100_000
MOST_DIMENSIONS = 8
DTYPES = {"float32": torch.float32, "float16": torch.float16, "int32": torch.int32, "bool": torch.bool, "uint8": torch.uint8}
WIDE = "uint16"  # of quantized numbers; torch computes with int32


def is_tfjs(path: Path) -> bool:
    """Whether a JSON file lists weights."""
    try:
        with path.open("rb") as file:
            return file.read(1) == b"{" and path.stat().st_size <= LARGEST_LIST and b'"weightsManifest"' in file.read()
    except OSError:
        return False


def shards_of(path: Path) -> list[Path]:
    """The files that hold the numbers. CheckpointError for a list that cannot be followed."""
    return [shard for group in _groups(path) for shard in _paths(path, group)]


def read_tfjs(path: Path) -> dict[str, Tensor]:
    """Floating-point tensors by name, as TensorFlow lays them out. CheckpointError in one sentence for damaged files."""
    tensors: dict[str, Tensor] = {}
    for group in _groups(path):
        shards = _paths(path, group)
        try:
            content = b"".join(shard.read_bytes() for shard in shards)
        except OSError as error:
            missing = error.filename or shards[0]
            raise CheckpointError(
                f"{Path(missing).name} is missing beside {path.name} or cannot be read: put all files in the same folder."
            ) from error
        try:
            tensors |= _tensors(group, content)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise CheckpointError(f"{path} does not fit the files beside it ({error}); download them again.") from error
    return tensors


def _groups(path: Path) -> list[dict[str, Any]]:
    try:
        if path.stat().st_size > LARGEST_LIST:
            raise ValueError("it is too long")
        groups = json.loads(path.read_bytes())["weightsManifest"]
        if not isinstance(groups, list) or sum(len(group["weights"]) for group in groups) > MOST_TENSORS:
            raise ValueError("its list is no list of tensors")
        return groups
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise CheckpointError(f"{path} is damaged or lists no weights ({error}); download it again.") from error


def _paths(path: Path, group: dict[str, Any]) -> list[Path]:
    names = group.get("paths")
    if not isinstance(names, list) or not all(isinstance(n, str) and n == Path(n).name and "\\" not in n for n in names):
        raise CheckpointError(f"{path} names files that do not lie beside it and is refused; download it again.")
    if len(set(names)) != len(names):
        raise CheckpointError(f"{path} names a file twice and is refused; download it again.")
    return [path.with_name(name) for name in names]


def _tensors(group: dict[str, Any], content: bytes) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    at = 0
    for row in group["weights"]:
        shape = [int(size) for size in row["shape"]]
        packing = row.get("quantization") or {}
        kind = packing.get("dtype", row["dtype"])
        size = 2 if kind == WIDE else DTYPES[kind].itemsize
        length = prod(shape) * size
        if len(shape) > MOST_DIMENSIONS or min(shape, default=0) < 0 or at + length > len(content):
            raise ValueError(f"{row['name']!r} of shape {shape} lies beyond their end")
        if row["dtype"] == "float32":
            values = _numbers(content[at : at + length], kind)
            if packing and kind != "float16":
                values = values.float() * float(packing["scale"]) + float(packing["min"])
            found[str(row["name"])] = values.float().reshape(shape)
        at += length
    return found


def _numbers(content: bytes, kind: str) -> Tensor:
    if not content:
        return torch.empty(0)
    if kind == WIDE:
        return torch.frombuffer(bytearray(content), dtype=torch.int16).int() & 0xFFFF
    return torch.frombuffer(bytearray(content), dtype=DTYPES[kind])
