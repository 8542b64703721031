"""Reads TensorFlow.js models: `model.json` lists tensors, which lie one behind the other in the shards beside it.

Format: tensorflow.org/js, "weightsManifest". The graph in the same file is not looked at.
"""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .budget import Budget
from .errors import CheckpointError
from .files import beside, map_plain, open_plain, read_plain
from .json_text import read_json
from .pickle_numbers import flat_numbers
from .words import reason, shown

LARGEST_LIST = 64 << 20
MOST_TENSORS = 50_000
MOST_SHARDS = 4096
DTYPES = {"float32": torch.float32, "float16": torch.float16, "int32": torch.int32, "bool": torch.bool, "uint8": torch.uint8}
WIDE = "uint16"  # of quantized numbers; torch computes with int32


def is_tfjs(path: Path) -> bool:
    """Whether a JSON file lists weights."""
    try:
        with open_plain(path) as file:
            if file.read(1) != b"{":
                return False
        return b'"weightsManifest"' in read_plain(path, LARGEST_LIST)
    except (OSError, CheckpointError):
        return False


def read_tfjs(path: Path) -> tuple[dict[str, Tensor], int]:
    """(floating-point tensors by name, as TensorFlow lays them out; bytes of all shards). CheckpointError in one sentence."""
    tensors: dict[str, Tensor] = {}
    groups = _groups(path)
    shards = [[(shard, _shard(path, shard)) for shard in _paths(path, group)] for group in groups]
    names = [shard for group in shards for shard, _ in group]
    if len(set(names)) != len(names):
        raise CheckpointError(f"{path} names a file twice and is refused; download it again.")
    size = sum(len(content) for group in shards for _, content in group)
    budget = Budget(5 * size)  # small whole numbers become floats
    for group, parts in zip(groups, shards, strict=True):
        try:
            content = parts[0][1] if len(parts) == 1 else memoryview(b"".join(content for _, content in parts))
            for name, tensor in _tensors(group, content, budget).items():
                if name in tensors:
                    raise ValueError(f"{shown(name)!r} is there twice")
                tensors[name] = tensor
        except (KeyError, TypeError, ValueError, AttributeError, RuntimeError, OverflowError) as error:
            raise CheckpointError(f"{path} does not fit the files beside it ({reason(error)}); download them again.") from error
    return tensors, size


def _shard(path: Path, shard: Path) -> memoryview:
    try:
        return map_plain(shard)
    except CheckpointError as error:
        raise CheckpointError(
            f"{shard.name} is missing beside {path.name} or cannot be read: put all files in the same folder."
        ) from error


def _groups(path: Path) -> list[dict[str, Any]]:
    content = read_plain(path, LARGEST_LIST)
    try:
        groups = read_json(content)["weightsManifest"]
        if not isinstance(groups, list) or sum(len(group["weights"]) for group in groups) > MOST_TENSORS:
            raise ValueError("its list is no list of tensors")
        return groups
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path} is damaged or lists no weights ({reason(error)}); download it again.") from error


def _paths(path: Path, group: dict[str, Any]) -> list[Path]:
    names = group.get("paths")
    if not isinstance(names, list) or not all(isinstance(n, str) for n in names) or len(names) > MOST_SHARDS:
        raise CheckpointError(f"{path} names files that do not lie beside it and is refused; download it again.")
    found = [beside(path, name) for name in names]
    if len(set(names)) != len(names):
        raise CheckpointError(f"{path} names a file twice and is refused; download it again.")
    return found


def _tensors(group: dict[str, Any], content: memoryview, budget: Budget) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    at = 0
    for row in group["weights"]:
        name, shape = row["name"], row["shape"]
        if not isinstance(name, str) or not isinstance(shape, list):
            raise ValueError("its list is no list of tensors")
        packing = row.get("quantization") or {}
        kind = packing.get("dtype", row["dtype"])
        budget.take_tensor(name, shape, 4)
        length = prod(shape) * (2 if kind == WIDE else DTYPES[kind].itemsize)
        if at + length > len(content):
            raise ValueError(f"{shown(name)!r} of shape {shape} lies beyond their end")
        if row["dtype"] == "float32":
            if name in found:
                raise ValueError(f"{shown(name)!r} is there twice")
            values = _numbers(content[at : at + length], kind)
            if packing and kind != "float16":
                values = values.float() * _finite(packing["scale"]) + _finite(packing["min"])
            found[name] = values.float().reshape(shape)
        at += length
    return found


def _finite(number: Any) -> float:
    if isinstance(number, bool) or not isinstance(number, (int, float)) or not abs(number) < 3e38:
        raise ValueError("its numbers are packed by a scale that is no number")
    return float(number)


def _numbers(content: memoryview, kind: str) -> Tensor:
    if kind == WIDE:
        return flat_numbers(content, torch.int16).int() & 0xFFFF
    return flat_numbers(content, DTYPES[kind])
