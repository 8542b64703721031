"""ONNX files, TensorFlow.js models and TensorFlow's V1 checkpoints are read for their numbers alone; damaged ones are refused."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from style_atelier.models.weights.convert import safetensors_beside
from style_atelier.models.weights.errors import CheckpointError
from style_atelier.models.weights.readers import read_checkpoint
from style_atelier.tests.weights.bundle_writer import nested, number, table, varint

KERNEL = np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2)
BIAS = np.array([0.5, -2.0], dtype=np.float32)


# ONNX


def initializer(name: str, array: np.ndarray, packed: bool = False, inline: bool = False) -> bytes:
    kinds = {"float32": 1, "float64": 11, "float16": 10, "int64": 7}
    if packed:
        dims = nested(1, b"".join(varint(size) for size in array.shape))
    else:
        dims = b"".join(number(1, size) for size in array.shape)
    values = nested(4, array.tobytes()) if inline else nested(9, array.tobytes())
    return nested(5, dims + number(2, kinds[array.dtype.name]) + nested(8, name.encode()) + values)


def node(kind: str, inputs: list[str]) -> bytes:
    return nested(1, b"".join(nested(1, name.encode()) for name in inputs) + nested(2, b"out") + nested(4, kind.encode()))


def model(graph: bytes) -> bytes:
    return number(1, 6) + nested(2, b"pytorch") + nested(7, graph)


def test_initializers_by_name(tmp_path: Path) -> None:
    graph = node("Conv", ["x", "conv.weight", "conv.bias"]) + node("Resize", ["y", "scales"])
    graph += initializer("conv.weight", KERNEL) + initializer("conv.bias", BIAS, packed=True, inline=True)
    graph += initializer("scales", np.array([1, 1, 2, 2], dtype=np.float32)) + initializer("shape", np.array([1, -1]))
    graph += initializer("half", BIAS.astype(np.float16))
    path = tmp_path / "candy-9.onnx"
    path.write_bytes(model(graph))
    tensors = read_checkpoint(path).tensors
    assert set(tensors) == {"conv.weight", "conv.bias", "half"}
    assert np.array_equal(tensors["conv.weight"].numpy(), KERNEL)
    assert np.array_equal(tensors["conv.bias"].numpy(), BIAS)
    copy = safetensors_beside(path)
    assert copy.name == "candy-9.onnx.converted.safetensors"
    assert torch.equal(read_checkpoint(copy).tensors["half"], tensors["half"])


@pytest.mark.parametrize(
    ("graph", "said"),
    [
        (nested(5, number(1, 9) + number(2, 1) + nested(8, b"w") + nested(9, bytes(4))), "has the shape"),
        (nested(5, number(1, 1 << 62) + number(2, 1) + nested(8, b"w") + nested(9, bytes(4))), "has the shape"),
        (nested(5, number(1, 1) * 9 + number(2, 1) + nested(8, b"w") + nested(9, bytes(4))), "has the shape"),
        (nested(5, number(1, 1) + number(2, 1) + nested(8, b"w") + number(14, 1)), "another file"),
        (initializer("w", KERNEL)[:-5], "no protocol buffer"),
        (b"", "holds no tensors"),
        (initializer("shape", np.array([1, 2])), "holds no tensors"),
    ],
)
def test_damaged_onnx(tmp_path: Path, graph: bytes, said: str) -> None:
    path = tmp_path / "x.onnx"
    path.write_bytes(model(graph) if said != "no protocol buffer" else number(1, 6) + nested(2, b"p") + nested(7, graph)[:-1])
    with pytest.raises(CheckpointError, match=said if said != "no protocol buffer" else "cut short"):
        read_checkpoint(path)


# TensorFlow.js


def write_tfjs(folder: Path, rows: list[dict], shards: dict[str, bytes]) -> Path:
    for name, content in shards.items():
        (folder / name).write_bytes(content)
    path = folder / "model.json"
    path.write_text(json.dumps({"modelTopology": {"node": []}, "weightsManifest": [{"paths": list(shards), "weights": rows}]}))
    return path


def rows_and_bytes() -> tuple[list[dict], bytes]:
    rows = [
        {"name": "a/weights", "shape": [2, 3, 2, 2], "dtype": "float32"},
        {"name": "a/steps", "shape": [2], "dtype": "int32"},
        {"name": "small", "shape": [3], "dtype": "float32", "quantization": {"dtype": "uint8", "scale": 0.5, "min": -1.0}},
        {"name": "middle", "shape": [2], "dtype": "float32", "quantization": {"dtype": "uint16", "scale": 2.0, "min": 1.0}},
        {"name": "half", "shape": [1], "dtype": "float32", "quantization": {"dtype": "float16"}},
        {"name": "one", "shape": [], "dtype": "float32"},
    ]
    numbers = [
        KERNEL,
        np.array([1, 2], dtype=np.int32),
        np.array([0, 2, 255], dtype=np.uint8),
        np.array([1, 65535], dtype=np.uint16),
        np.array([0.25], dtype=np.float16),
        np.array(7, dtype=np.float32),
    ]
    return rows, b"".join(n.tobytes() for n in numbers)


def test_shards_one_behind_the_other(tmp_path: Path) -> None:
    rows, content = rows_and_bytes()
    shards = {"group1-shard1of3": content[:10], "group1-shard2of3": content[10:90], "group1-shard3of3": content[90:]}
    tensors = read_checkpoint(safetensors_beside(write_tfjs(tmp_path, rows, shards))).tensors
    assert set(tensors) == {"a/weights", "small", "middle", "half", "one"}
    assert np.array_equal(tensors["a/weights"].numpy(), KERNEL)
    assert tensors["small"].tolist() == [-1.0, 0.0, 126.5]
    assert tensors["middle"].tolist() == [3.0, 131071.0]
    assert (float(tensors["half"]), float(tensors["one"])) == (0.25, 7.0)


def test_damaged_tfjs(tmp_path: Path) -> None:
    rows, content = rows_and_bytes()
    cases = {
        "lies beyond their end": (rows, {"s": content[:-1]}),
        "do not lie beside it": (rows, {}),
        "does not fit": ([{"name": "x", "shape": [1], "dtype": "string"}], {"s": content}),
    }
    for said, (some, shards) in cases.items():
        folder = tmp_path / said.replace(" ", "_")
        folder.mkdir()
        path = write_tfjs(folder, some, shards)
        if not shards:
            path.write_text(path.read_text().replace('"paths": []', '"paths": ["../secret"]'))
        with pytest.raises(CheckpointError, match=said):
            read_checkpoint(path)
    path = write_tfjs(tmp_path, rows, {"s": content})
    (tmp_path / "s").unlink()
    with pytest.raises(CheckpointError, match=r"s is missing beside model\.json"):
        read_checkpoint(path)
    path.write_text(path.read_text().replace('"paths": ["s"]', '"paths": ["s", "s"]'))
    with pytest.raises(CheckpointError, match="names a file twice"):
        read_checkpoint(path)
    path.write_text('{"weightsManifest": 5}')
    with pytest.raises(CheckpointError, match="lists no weights"):
        read_checkpoint(path)


# TensorFlow V1


def shape_of(array: np.ndarray) -> bytes:
    return nested(2, b"".join(nested(2, number(1, size)) for size in array.shape))


def write_v1(path: Path, arrays: dict[str, np.ndarray], twice: bool = False, missing: bool = False) -> Path:
    meta = b"".join(
        nested(1, nested(1, name.encode()) + shape_of(a) + number(3, 1 if a.dtype == np.float32 else 9))
        for name, a in arrays.items()
    )
    rows = [(b"", nested(1, meta))]
    for number_, (name, array) in enumerate(arrays.items()):
        for repeat in range(1 + twice):
            data = nested(5 if array.dtype == np.float32 else 10, array.tobytes())
            rows.append((b"\x01%d.%d" % (number_, repeat), nested(2, nested(1, name.encode()) + nested(3, data))))
    path.write_bytes(table(rows[: -1 if missing else None]))
    return path


def test_v1_variables_by_name(tmp_path: Path) -> None:
    arrays = {
        "transformer/conv/weights": KERNEL,
        "transformer/conv/weights/Adam": KERNEL,
        "global_step": np.array([3], dtype=np.int64),
        "scalar": np.array(2.5, dtype=np.float32),
    }
    path = write_v1(tmp_path / "monet.ckpt", arrays)
    tensors = read_checkpoint(safetensors_beside(path)).tensors
    assert set(tensors) == {"transformer/conv/weights", "scalar"}
    assert np.array_equal(tensors["transformer/conv/weights"].numpy(), KERNEL)
    assert tensors["scalar"].shape == ()


def test_damaged_v1(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="in several pieces"):
        read_checkpoint(write_v1(tmp_path / "twice", {"w": KERNEL}, twice=True))
    with pytest.raises(CheckpointError, match="numbers of 'w' are missing"):
        read_checkpoint(write_v1(tmp_path / "missing", {"w": KERNEL}, missing=True))
    path = write_v1(tmp_path / "flipped", {"w": KERNEL})
    content = bytearray(path.read_bytes())
    content[40] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(CheckpointError, match="checksum"):
        read_checkpoint(path)
    (tmp_path / "end").write_bytes(bytes(60) + struct.pack("<Q", 0xDB4775248B80FB57))
    with pytest.raises(CheckpointError, match="damaged or cut short"):
        read_checkpoint(tmp_path / "end")
