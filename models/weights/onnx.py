"""Reads the trained numbers of an ONNX file, and nothing else of it: the initializers of its graph by name, and those that its
graph keeps in whole numbers (QDQ) as the numbers that they stand for.

Format: onnx/onnx.proto (ModelProto, GraphProto, TensorProto).
"""

from __future__ import annotations

from dataclasses import dataclass
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
NODE_INPUT, NODE_OUTPUT, NODE_KIND, ATTRIBUTE = 1, 2, 4, 5
ATTRIBUTE_NAME, ATTRIBUTE_INTEGER = 1, 3
DEQUANTIZE, QUANTIZE, AXIS = b"DequantizeLinear", b"QuantizeLinear", b"axis"
RESULT = "_dequant"  # what tf2onnx adds to the name of a weight
DIMS, DATA_TYPE, FLOATS, NAME, RAW, PLACE = 1, 2, 4, 8, 9, 14
DTYPES = {1: torch.float32, 10: torch.float16, 11: torch.float64}
WHOLE = {2: torch.uint8, 3: torch.int8, 6: torch.int32}
# Inputs of these, the first left out, say how a map is laid out and are not learned.
LAYOUT = (b"Upsample", b"Resize", b"Pad", b"Reshape", b"Slice", b"Unsqueeze", b"Expand", b"Tile")
LONGEST_NAME = 2048
STARTS = b"\x12\x1a\x22\x2a\x32\x3a"  # fields that may follow the version


def looks_like_onnx(start: bytes) -> bool:
    """Whether a file may be a ModelProto: its version comes first, then one of its other fields."""
    return len(start) > 2 and start[0] == 0x08 and 0 < start[1] < 32 and start[2] in STARTS


def read_onnx(path: Path, budget: Budget) -> dict[str, Tensor]:
    """Floating-point initializers by name, and those of whole numbers that the graph takes back to such.

    CheckpointError in one sentence for damaged files and numbers kept elsewhere.
    """
    try:
        content = map_plain(path)
        graphs = [value for number, value in fields(content, budget) if number == GRAPH and isinstance(value, memoryview)]
        parts = [part for graph in graphs for part in fields(graph, budget)]
        nodes = [node for number, node in parts if number == NODE and isinstance(node, memoryview)]
        layout = {name for node in nodes for name in _layout(node, budget)}
        scaled = [step for node in nodes if (step := _scaled(node, budget))]
        found: dict[str, Tensor] = {}
        for number, data in parts:
            if number == INITIALIZER and isinstance(data, memoryview):
                name, tensor = _initializer(data, budget)
                if name in found:
                    raise ValueError(f"{shown(name)!r} is there twice")
                if tensor is not None and name.encode() not in layout:
                    found[name] = tensor
        return _dequantized(found, scaled, budget)
    except (ValueError, IndexError) as error:
        raise CheckpointError(f"{path} is damaged, cut short or no ONNX file ({reason(error)}); download it again.") from error


def _layout(node: memoryview, budget: Budget) -> list[bytes]:
    """Names of inputs that only say how maps are laid out."""
    values = [(number, value) for number, value in fields(node, budget) if isinstance(value, memoryview)]
    kind = next((value for number, value in values if number == NODE_KIND), b"")
    return [bytes(value[:LONGEST_NAME]) for number, value in values if number == NODE_INPUT][1:] if kind in LAYOUT else []


@dataclass(frozen=True)
class _Scaled:
    """A step that takes whole numbers to others, or back. names: of the numbers, of their scales and zeros. axis: of the scales.

    made: the name of the result, which tells the layer where several layers share the numbers.
    """

    back: bool
    names: tuple[str, ...]
    axis: int
    made: str


def _scaled(node: memoryview, budget: Budget) -> _Scaled | None:
    values = [(number, value) for number, value in fields(node, budget) if isinstance(value, memoryview)]
    kind = next((value for number, value in values if number == NODE_KIND), b"")
    if kind not in (DEQUANTIZE, QUANTIZE):
        return None
    axis = 1
    for number, value in values:
        if number == ATTRIBUTE:
            attribute = dict(fields(value, budget))
            if attribute.get(ATTRIBUTE_NAME) == AXIS and isinstance(attribute.get(ATTRIBUTE_INTEGER), int):
                axis = int(attribute[ATTRIBUTE_INTEGER])
    names = tuple(str(value[:LONGEST_NAME], "utf-8") for number, value in values if number == NODE_INPUT)
    made = next((str(value[:LONGEST_NAME], "utf-8") for number, value in values if number == NODE_OUTPUT), "")
    return _Scaled(kind == DEQUANTIZE, names, axis, made)


def _dequantized(found: dict[str, Tensor], steps: list[_Scaled], budget: Budget) -> dict[str, Tensor]:
    """(x - zero) * scale in place of whole numbers x, along an axis or all together; without scales and zeros."""
    made = {name: tensor for name, tensor in found.items() if tensor.is_floating_point()}
    for step in steps:
        x, scale, zero = (found.get(name) for name in (*step.names, "", "", "")[:3])
        if not step.back or x is None or x.is_floating_point() or scale is None:
            continue
        along = [-1 if i == step.axis % max(x.dim(), 1) else 1 for i in range(x.dim())] if scale.numel() > 1 else []
        if scale.numel() > 1 and scale.numel() != x.shape[step.axis % x.dim()]:
            raise ValueError(f"{shown(step.names[0])!r} has {scale.numel()} scales for the shape {list(x.shape)}")
        budget.take_tensor(step.names[0], tuple(x.shape), 4)
        whole = x.float() if zero is None else x.float() - zero.float().reshape(along)
        made[step.names[0]] = whole * scale.float().reshape(along)
        made.setdefault(step.made.removesuffix(RESULT), made[step.names[0]])
    unused = {name for step in steps for name in step.names[1:]}
    return {name: tensor for name, tensor in made.items() if name not in unused}


def _initializer(data: memoryview, budget: Budget) -> tuple[str, Tensor | None]:
    """Name and numbers; None for whole numbers of more than 32 bits and other kinds."""
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
    dtype = (DTYPES | WHOLE).get(kind)
    if dtype is None or (kind in WHOLE and not pieces):
        return name, None
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
