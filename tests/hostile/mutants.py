"""Seeded changes of sound files, byte by byte and piece by piece, and bombs of every form."""

from __future__ import annotations

import io
import json
import pickle
import random
import struct
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save

from style_atelier.tests.hostile.zips import Part, Rebuilt, Storage, archive, index
from style_atelier.tests.weights.bundle_writer import entry, nested, number, table, write_bundle

STATE = {"conv.weight": torch.arange(24.0).reshape(2, 3, 2, 2), "conv.bias": torch.arange(2.0), "half": torch.ones(3).half()}
NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 1 << 40, (1 << 63) - 1, (1 << 64) - 1)


def torch_file(content: Any, zipped: bool = True) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer, _use_new_zipfile_serialization=zipped)
    return buffer.getvalue()


def onnx(rows: list[bytes]) -> bytes:
    return number(1, 6) + nested(2, b"pytorch") + nested(7, b"".join(nested(5, row) for row in rows))


def onnx_row(name: bytes, array: np.ndarray) -> bytes:
    return b"".join(number(1, size) for size in array.shape) + number(2, 1) + nested(8, name) + nested(9, array.tobytes())


def v1(array: np.ndarray) -> bytes:
    shape = nested(2, b"".join(nested(2, number(1, size)) for size in array.shape))
    data = nested(2, nested(1, b"w") + nested(3, nested(5, array.tobytes())))
    return table([(b"", nested(1, nested(1, nested(1, b"w") + shape + number(3, 1)))), (b"\x01w", data)])


ARRAY = np.arange(12, dtype=np.float32).reshape(3, 4)
SOUND: dict[str, bytes] = {
    "zip.pth": torch_file({"state_dict": STATE, "epoch": 3, "args": {"lr": 0.1}}),
    "legacy.pth": torch_file({"state_dict": STATE, "epoch": 3}, False),
    "x.safetensors": save(STATE, {"title": "x", "list": "[1, 2]"}),
    "x.onnx": onnx([onnx_row(b"a.weight", ARRAY), onnx_row(b"b", ARRAY[0])]),
    "v1.ckpt": v1(ARRAY),
    "numpy.pkl": pickle.dumps({"a": ARRAY, "b": {"c": ARRAY[0], "n": np.float32(3)}}, 4),
}


def write_sound(folder: Path, name: str) -> Path:
    """A sound file of a form, with what lies beside it."""
    if name == "net.index":
        return write_bundle(folder / "net", {"a": ARRAY, "b": ARRAY[0]})
    path = folder / name
    if name == "model.json":
        (folder / "s").write_bytes(ARRAY.tobytes())
        rows = [{"name": "a", "shape": [3, 4], "dtype": "float32"}]
        path.write_text(json.dumps({"weightsManifest": [{"paths": ["s"], "weights": rows}]}))
    else:
        path.write_bytes(SOUND[name])
    return path


FORMS = (*SOUND, "net.index", "model.json")


def mutants(content: bytes, seed: int, count: int) -> Iterator[bytes]:
    """`count` changed copies of a file."""
    rng = random.Random(seed)
    for _ in range(count):
        made = bytearray(content)
        for _ in range(rng.choice((1, 1, 1, 2, 4))):
            CHANGES[rng.randrange(len(CHANGES))](made, rng)
        yield bytes(made)


def _flip(data: bytearray, rng: random.Random) -> None:
    at = rng.randrange(len(data))
    data[at] ^= 1 << rng.randrange(8)


def _byte(data: bytearray, rng: random.Random) -> None:
    data[rng.randrange(len(data))] = rng.randrange(256)


def _cut(data: bytearray, rng: random.Random) -> None:
    del data[rng.randrange(len(data)) + 1 :]


def _drop(data: bytearray, rng: random.Random) -> None:
    at = rng.randrange(len(data))
    del data[at : at + rng.choice((1, 2, 8, 64))]
    data += b"" if data else b"\0"


def _insert(data: bytearray, rng: random.Random) -> None:
    at = rng.randrange(len(data))
    data[at:at] = rng.randbytes(rng.choice((1, 2, 8, 64)))


def _repeat(data: bytearray, rng: random.Random) -> None:
    at = rng.randrange(len(data))
    piece = data[at : at + rng.choice((4, 32, 256))]
    data[at:at] = piece * rng.choice((1, 2, 50))


def _swap(data: bytearray, rng: random.Random) -> None:
    a, b, n = rng.randrange(len(data)), rng.randrange(len(data)), rng.choice((1, 8, 32))
    data[a : a + n], data[b : b + n] = data[b : b + n], data[a : a + n]


def _number(data: bytearray, rng: random.Random) -> None:
    form, at = rng.choice(("<B", "<H", "<I", "<Q")), rng.randrange(len(data))
    size = struct.calcsize(form)
    data[at : at + size] = struct.pack(form, rng.choice(NUMBERS) & ((1 << 8 * size) - 1))


def _zeros(data: bytearray, rng: random.Random) -> None:
    at, n = rng.randrange(len(data)), rng.choice((1, 8, 64))
    data[at : at + n] = bytes(len(data[at : at + n]))


CHANGES: tuple[Callable[[bytearray, random.Random], None], ...] = (
    *(_flip, _byte, _cut, _drop, _insert, _repeat, _swap, _number, _zeros),
)


# Bombs


def short(text: str) -> bytes:
    return b"\x8c" + bytes([len(text)]) + text.encode()


def named(module: str, name: str) -> bytes:
    return short(module) + short(name) + b"\x93"


def zipped(data: bytes, storage: bytes = b"") -> bytes:
    return archive([Part("archive/data.pkl", data), Part("archive/data/0", storage)])


def header(text: str, data: bytes = b"") -> bytes:
    raw = text.encode("utf-8", "surrogatepass")
    return struct.pack("<Q", len(raw)) + raw + data


def nested_dicts(levels: int, each: int) -> Any:
    """Dicts that hang in each other many times: few values, and a way to look at them for ever."""
    inner: dict[str, Any] = {"w": Rebuilt(Storage())}
    for _ in range(levels):
        inner = {f"k{i}": inner for i in range(each)}
    return inner


def bombs() -> dict[str, tuple[str, bytes]]:
    """Name of the file and its content."""
    big = np.zeros(1 << 18, np.float32)
    many = {f"w{i}": Rebuilt(Storage(count=1 << 18), (1 << 18,)) for i in range(3000)}
    steps = {f"w{i}": Rebuilt(Storage(count=1 << 18), (1 << 17,), (1,), i) for i in range(3000)}
    row = json.dumps({"dtype": "F32", "shape": [0], "data_offsets": [0, 0]})
    named_rows = ",".join(f'"{"module." * 140}{i}":{row}' for i in range(20_000))
    objects = ",".join(f'"{i}":{{}}' for i in range(900_000))
    wide = '{"__metadata__":{"a":"\U0001f600' + "a" * 40_000_000 + '"},"w":' + row + "}"
    pieces = number(1, 4) + number(2, 1) + nested(8, b"w") + nested(9, b"1234") * 400_000
    pickles = {
        "one storage 3,000 times": zipped(index(many), big.tobytes()),
        "one storage in 3,000 steps": zipped(index(steps), big.tobytes()),
        "dicts that are shared": zipped(index(nested_dicts(4, 300)), struct.pack("<4f", 1, 2, 3, 4)),
        "keys of one hash": zipped(colliding_keys()),
        "a list in itself": zipped(b"\x80\x02]q\x00h\x00a."),
        "lists of lists": zipped(b"\x80\x02" + b"](" * 200_000 + b"e" * 200_000 + b"."),
        "tuples of tuples": zipped(b"\x80\x02)" + b"\x85" * 300_000 + b"."),
        "twice the same, forty times": zipped(b"\x80\x02}X\x01\x00\x00\x00a]" + b"2\x86" * 400 + b"s."),
        "a million marks": zipped(b"\x80\x02" + b"(" * 1_000_000 + b"."),
        "numbers of a million digits": zipped(b"\x80\x02\x8b" + struct.pack("<i", 1 << 20) + b"\xff" * (1 << 20) + b"."),
        "a module in itself": zipped(module_in_itself()),
        "ordered pairs": zipped(index(OrderedDict((f"k{i}", i) for i in range(190_000)))),
    }
    headers = {
        "a header of lists": header('{"a":[' + "[]," * 8_000_000 + "[]]}"),
        "a header of objects": header('{"a":{' + objects + "}}"),
        "a header of depth": header('{"a":' + "[" * 100_000 + "]" * 100_000 + "}"),
        "a header of digits": header('{"a":' + "9" * 5_000_000 + "}"),
        "a header of infinity": header('{"w":{"dtype":"F32","shape":[1e400],"data_offsets":[0,4]}}', bytes(4)),
        "a header of nothing": header('{"w":{"dtype":"F32","shape":[NaN],"data_offsets":[0,4]}}', bytes(4)),
        "a header of names": header("{" + named_rows + "}"),
        "a header of one name": header('{"w":' + row + ',"w":' + row + "}"),
        "a wide letter": header(wide),
        "wide and empty": header('{"w":{"dtype":"F32","shape":[0,1099511627775],"data_offsets":[0,0]}}'),
        "networks of networks": converted(),
    }
    others = {
        "encoded again and again": ("x.pkl", encoded_again()),
        "pieces of onnx": ("x.onnx", onnx([pieces])),
        "sizes of onnx": ("x.onnx", onnx([nested(1, b"\x01" * 4_000_000) + number(2, 1) + nested(8, b"w")])),
        "graphs of onnx": ("x.onnx", number(1, 6) + nested(2, b"p") + nested(7, b"") * 2_000_000),
        "onnx of fields": ("x.onnx", number(1, 6) + nested(2, b"p") + b"\x08\x01" * 4_000_000),
        "a table of empty blocks": ("x.ckpt", empty_blocks()),
    }
    made = {name: ("x.pth", content) for name, content in pickles.items()}
    return made | {name: ("x.safetensors", content) for name, content in headers.items()} | others


def encoded_again() -> bytes:
    """One long text, to be turned into bytes forty thousand times."""
    text = ("é" * 2_000_000).encode()
    data = b"\x80\x04]\x94" + named("_codecs", "encode") + b"\x94X" + struct.pack("<I", len(text)) + text
    return data + b"\x94\x8c\x06latin1\x86R\x94" + b"a" + b"h\x00h\x03a" * 40_000 + b"."


def colliding_keys() -> bytes:
    """A dict of whole numbers that all have the same hash."""
    keys = (b"\x8a\x10" + (i * ((1 << 61) - 1)).to_bytes(16, "little") + b"N" for i in range(60_000))
    return b"\x80\x04}(" + b"".join(keys) + b"u."


def module_in_itself() -> bytes:
    """A module that is its own part."""

    def word(text: str) -> bytes:
        return b"X" + struct.pack("<I", len(text)) + text.encode()

    members = word("_modules") + b"h\x00" + word("_parameters") + b"}" + word("_buffers") + b"}"
    return b"\x80\x02cx\nM\n)\x81q\x00}(" + members + b"ub."


def converted() -> bytes:
    """Twenty thousand networks of one tensor each, as the converter would write them."""
    names = [f"n{i}" for i in range(20_000)]
    rows = {f"{name}::w": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for name in names}
    said = {
        "style_atelier.networks": json.dumps(names),
        "style_atelier.order": json.dumps(list(rows)),
        "style_atelier.metadata": "{}",
    }
    return header(json.dumps({"__metadata__": said, **rows}))


def empty_blocks() -> bytes:
    """A table whose index names thousands of blocks."""
    from style_atelier.tests.weights.bundle_writer import MAGIC, block, masked_crc, varint

    out = b""

    def add(data: bytes) -> bytes:
        nonlocal out
        handle = varint(len(out)) + varint(len(data))
        out += data + b"\0" + struct.pack("<I", masked_crc(data + b"\0"))
        return handle

    handles = [add(block([])) for _ in range(20_000)]
    meta, listed = add(block([])), add(block([(b"%06d" % i, handle) for i, handle in enumerate(handles)]))
    return out + (meta + listed).ljust(40, b"\0") + struct.pack("<Q", MAGIC)


def shared_bytes(folder: Path) -> Path:
    """A TensorFlow checkpoint with two tensors over the same bytes."""
    (folder / "net.data-00000-of-00001").write_bytes(bytes(128))
    rows = [(b"a", entry(np.zeros(16, np.float32), 0, 0)), (b"b", entry(np.zeros(16, np.float32), 0, 32))]
    path = folder / "net.index"
    path.write_bytes(table([(b"", number(1, 1)), *rows]))
    return path
