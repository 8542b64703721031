"""Reads the trained numbers of an ONNX file, and nothing else of it: the initializers of its graph by name.

Format: onnx/onnx.proto (ModelProto, GraphProto, TensorProto).
"""

from __future__ import annotations

from math import prod
from pathlib import Path

import torch
from torch import Tensor

from .budget import MOST_DIMENSIONS, Budget
from .errors import CheckpointError
from .files import map_plain
from .pickle_numbers import flat_numbers
from .protobuf import fields, varint
from .words import reason, shown

GRAPH, NODE, INITIALIZER = 7, 1, 5
NODE_INPUT, NODE_KIND = 1, 4
DIMS, DATA_TYPE, FLOATS, NAME, RAW, PLACE = 1, 2, 4, 8, 9, 14
DTYPES = {1: torch.float32, 10: torch.float16, 11: torch.float64}
# Inputs of these, the first left out, say how a map is laid out and are not learned.
LAYOUT = (b"Upsample", b"Resize", b"Pad", b"Reshape", b"Slice", b"Unsqueeze", b"Expand", b"Tile")
LONGEST_NAME = 2048
STARTS = b"\x12\x1a\x22\x2a\x32\x3a"  # fields that may follow the version


def looks_like_onnx(start: bytes) -> bool:
    """Whether a file may be a ModelProto: its version comes first, then one of its other fields."""
    return len(start) > 2 and start[0] == 0x08 and 0 < start[1] < 32 and start[2] in STARTS


def read_onnx(path: Path, budget: Budget) -> dict[str, Tensor]:
    """Floating-point initializers by name. CheckpointError in one sentence for damaged files and numbers kept elsewhere."""
    try:
        content = map_plain(path)
        graphs = [value for number, value in fields(content, budget) if number == GRAPH and isinstance(value, memoryview)]
        parts = [part for graph in graphs for part in fields(graph, budget)]
        nodes = [node for number, node in parts if number == NODE and isinstance(node, memoryview)]
        layout = {name for node in nodes for name in _layout(node, budget)}
        found: dict[str, Tensor] = {}
        for number, data in parts:
            if number == INITIALIZER and isinstance(data, memoryview):
                name, tensor = _initializer(data, budget)
                if name in found:
                    raise ValueError(f"{shown(name)!r} is there twice")
                if tensor is not None and name.encode() not in layout:
                    found[name] = tensor
        return found
    except (ValueError, IndexError) as error:
        raise CheckpointError(f"{path} is damaged, cut short or no ONNX file ({reason(error)}); download it again.") from error


def _layout(node: memoryview, budget: Budget) -> list[bytes]:
    """Names of inputs that only say how maps are laid out."""
    values = [(number, value) for number, value in fields(node, budget) if isinstance(value, memoryview)]
    kind = next((value for number, value in values if number == NODE_KIND), b"")
    return [bytes(value[:LONGEST_NAME]) for number, value in values if number == NODE_INPUT][1:] if kind in LAYOUT else []


def _initializer(data: memoryview, budget: Budget) -> tuple[str, Tensor | None]:
    """Name and numbers; None for whole numbers."""
    dims: list[int] = []
    pieces: list[memoryview] = []
    name, kind = "", 0
    for number, value in fields(data, budget):
        if number == DIMS:
            dims += [value] if isinstance(value, int) else _packed(value)
            if len(dims) > MOST_DIMENSIONS:
                raise ValueError(f"{shown(name)!r} has the shape {dims}")
        elif number == DATA_TYPE and isinstance(value, int):
            kind = value
        elif number == NAME and isinstance(value, memoryview):
            name = str(value[:LONGEST_NAME], "utf-8")
        elif number == PLACE and value:
            raise ValueError("its numbers are kept in another file")
        elif number in (FLOATS, RAW) and isinstance(value, memoryview):
            pieces.append(value)
    if kind not in DTYPES:
        return name, None
    dtype = DTYPES[kind]
    size = sum(len(piece) for piece in pieces)
    if prod(dims) * dtype.itemsize != size:
        raise ValueError(f"{shown(name)!r} has the shape {dims} and {size:,} bytes")
    budget.take_tensor(name, dims, dtype.itemsize, viewed=len(pieces) == 1)
    return name, flat_numbers(pieces[0] if len(pieces) == 1 else b"".join(pieces), dtype).reshape(dims)


def _packed(data: memoryview) -> list[int]:
    """Numbers one behind the other; no more than a shape can have."""
    at, found = 0, []
    while at < len(data) and len(found) <= MOST_DIMENSIONS:
        value, at = varint(data, at)
        found.append(value)
    return found
