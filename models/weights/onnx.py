"""Reads the trained numbers of an ONNX file, and nothing else of it: the initializers of its graph by name.

Format: onnx/onnx.proto (ModelProto, GraphProto, TensorProto).
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from pathlib import Path

import torch
from torch import Tensor

from .errors import CheckpointError
from .protobuf import fields, varint

GRAPH, NODE, INITIALIZER = 7, 1, 5
NODE_INPUT, NODE_KIND = 1, 4
DIMS, DATA_TYPE, FLOATS, NAME, RAW, PLACE = 1, 2, 4, 8, 9, 14
DTYPES = {1: torch.float32, 10: torch.float16, 11: torch.float64}
# Inputs of these, the first left out, say how a map is laid out and are not learned.
LAYOUT = (b"Upsample", b"Resize", b"Pad", b"Reshape", b"Slice", b"Unsqueeze", b"Expand", b"Tile")
MOST_TENSORS = 100_000
MOST_DIMENSIONS = 8
LONGEST_NAME = 2048
STARTS = b"\x12\x1a\x22\x2a\x32\x3a"  # fields that may follow the version


def looks_like_onnx(start: bytes) -> bool:
    """Whether a file may be a ModelProto: its version comes first, then one of its other fields."""
    return len(start) > 2 and start[0] == 0x08 and 0 < start[1] < 32 and start[2] in STARTS


def read_onnx(path: Path) -> dict[str, Tensor]:
    """Floating-point initializers by name. CheckpointError in one sentence for damaged files and numbers kept elsewhere."""
    try:
        graphs = [value for number, value in fields(path.read_bytes()) if number == GRAPH and isinstance(value, bytes)]
        parts = [part for graph in graphs for part in fields(graph)]
        layout = {name for number, node in parts if number == NODE and isinstance(node, bytes) for name in _layout(node)}
        found = [_initializer(data) for number, data in parts if number == INITIALIZER and isinstance(data, bytes)]
        if len(found) > MOST_TENSORS:
            raise ValueError(f"it lists more than {MOST_TENSORS:,} tensors")
        return {name: tensor for name, tensor in found if tensor is not None and name.encode() not in layout}
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (ValueError, IndexError) as error:
        raise CheckpointError(f"{path} is damaged, cut short or no ONNX file ({error}); download it again.") from error


def _layout(node: bytes) -> list[bytes]:
    """Names of inputs that only say how maps are laid out."""
    values = [(number, value) for number, value in fields(node) if isinstance(value, bytes)]
    kind = next((value for number, value in values if number == NODE_KIND), b"")
    return [value for number, value in values if number == NODE_INPUT][1:] if kind in LAYOUT else []


def _initializer(data: bytes) -> tuple[str, Tensor | None]:
    """Name and numbers; None for whole numbers."""
    dims: list[int] = []
    name, kind, raw = "", 0, b""
    for number, value in fields(data):
        if number == DIMS:
            dims += [value] if isinstance(value, int) else list(_packed(value))
        elif number == DATA_TYPE and isinstance(value, int):
            kind = value
        elif number == NAME and isinstance(value, bytes):
            name = value[:LONGEST_NAME].decode()
        elif number == PLACE and value:
            raise ValueError("its numbers are kept in another file")
        elif number in (FLOATS, RAW) and isinstance(value, bytes):
            raw += value
    if kind not in DTYPES:
        return name, None
    dtype = DTYPES[kind]
    if len(dims) > MOST_DIMENSIONS or min(dims, default=0) < 0 or prod(dims) * dtype.itemsize != len(raw):
        raise ValueError(f"{name!r} has the shape {dims} and {len(raw):,} bytes")
    return name, torch.frombuffer(bytearray(raw), dtype=dtype).reshape(dims) if raw else torch.empty(dims, dtype=dtype)


def _packed(data: bytes) -> Iterator[int]:
    at = 0
    while at < len(data):
        value, at = varint(data, at)
        yield value
