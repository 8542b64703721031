"""NVIDIA's pickles are read as data: what they hold comes back, and nothing in a hostile one ever runs."""

from __future__ import annotations

import json
import os
import pickle
import struct
import sys
import time
import types
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from style_atelier.models.library.registry import open_checkpoint
from style_atelier.models.weights.convert import safetensors_beside
from style_atelier.models.weights.errors import CheckpointError
from style_atelier.models.weights.readers import read_checkpoint

SECONDS = 1.0
MEGABYTES = 200


class EasyDict(dict):
    """Stands for dnnlib.util.EasyDict."""


class Network:
    """Stands for dnnlib.tflib.network.Network."""

    def __init__(self, state: dict[str, Any]) -> None:
        self.state = state

    def __getstate__(self) -> dict[str, Any]:
        return self.state


def rebuild(meta: Any) -> None:
    """Stands for torch_utils.persistence._reconstruct_persistent_obj."""
    raise AssertionError("the source code in a file must never run")


class Persistent:
    """A module as the persistence decorator pickles it."""

    def __init__(self, class_name: str, **members: Any) -> None:
        self.meta = {"type": "class", "version": 6, "module_src": "raise SystemExit", "class_name": class_name, "state": members}

    def __reduce__(self) -> Any:
        return rebuild, (self.meta,)


PLACES = {EasyDict: "dnnlib.util", Network: "dnnlib.tflib.network", rebuild: "torch_utils.persistence"}
rebuild.__name__ = rebuild.__qualname__ = "_reconstruct_persistent_obj"
for thing, place in PLACES.items():
    thing.__module__ = place


@pytest.fixture(autouse=True)
def official_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """The classes under the names that official files use, so that Python's own pickler writes them."""
    for name in ("dnnlib", "dnnlib.util", "dnnlib.tflib", "dnnlib.tflib.network", "torch_utils", "torch_utils.persistence"):
        made = types.ModuleType(name)
        made.__path__ = []
        monkeypatch.setitem(sys.modules, name, made)
    for thing, place in PLACES.items():
        setattr(sys.modules[place], thing.__name__, thing)


def module(**parts: Any) -> dict[str, Any]:
    return {"_parameters": OrderedDict(), "_buffers": OrderedDict(), "_modules": OrderedDict(), **parts}


class OldTensor:
    """A tensor as torch pickles it outside of torch.save: its storage as bytes of a file within the file."""

    def __init__(self, tensor: torch.Tensor, size: Any = None, stride: Any = None, offset: Any = 0) -> None:
        self.tensor, self.size, self.stride, self.offset = tensor, size, stride, offset

    def __reduce__(self) -> Any:
        size = tuple(self.tensor.shape) if self.size is None else self.size
        stride = tuple(self.tensor.stride()) if self.stride is None else self.stride
        storage = self.tensor.contiguous().untyped_storage()
        typed = torch.storage.TypedStorage(wrap_storage=storage, dtype=self.tensor.dtype, _internal=True)
        return torch._utils._rebuild_tensor_v2, (typed, self.offset, size, stride, False, OrderedDict())


def generator(**changes: Any) -> Persistent:
    weight = OldTensor(torch.arange(12.0).reshape(3, 4))
    inner = Persistent("FullyConnectedLayer", **module(_parameters=OrderedDict(weight=weight, bias=None)))
    members = module(_buffers=OrderedDict(w_avg=OldTensor(torch.ones(4))), _modules=OrderedDict(fc0=inner))
    kwargs = {"z_dim": 64, "mapping_kwargs": EasyDict(num_layers=2)}
    return Persistent("Generator", **{**members, "_init_args": (), "_init_kwargs": kwargs, **changes})


def official(**parts: Any) -> dict[str, Any]:
    return {"G": None, "D": None, "G_ema": generator(), "augment_pipe": None, "training_set_kwargs": EasyDict(path="x"), **parts}


def tensorflow() -> tuple[Network, ...]:
    def one(scale: float) -> Network:
        synthesis = Network({"name": "s", "variables": [("4x4/Const/const", np.full((1, 2), scale, np.float32))]})
        fields = {"version": 4, "static_kwargs": {"resolution": 32}, "build_func_name": "G_main", "build_module_src": "raise"}
        return Network({**fields, "components": EasyDict(synthesis=synthesis), "variables": [("lod", np.float32(scale))]})

    return one(1), one(2), one(3)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_pytorch_networks_come_back(tmp_path: Path, protocol: int) -> None:
    path = tmp_path / "ffhq.pkl"
    path.write_bytes(pickle.dumps(official(), protocol))
    for found in (read_checkpoint(path), read_checkpoint(safetensors_beside(path))):
        assert found.networks.keys() == {"G_ema"}
        assert found.networks["G_ema"].keys() == {"w_avg", "fc0.weight"}
        torch.testing.assert_close(found.networks["G_ema"]["fc0.weight"], torch.arange(12.0).reshape(3, 4))
        assert found.metadata["G_ema.class"] == "Generator"
        assert json.loads(found.metadata["G_ema.kwargs"]) == {"z_dim": 64, "mapping_kwargs": {"num_layers": 2}}


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_tensorflow_networks_come_back(tmp_path: Path, protocol: int) -> None:
    path = tmp_path / "karras2019.pkl"
    path.write_bytes(pickle.dumps(tensorflow(), protocol))
    found = read_checkpoint(path)
    assert list(found.networks) == ["G", "D", "Gs"]
    assert found.networks["Gs"].keys() == {"lod", "synthesis/4x4/Const/const"}
    torch.testing.assert_close(found.networks["Gs"]["synthesis/4x4/Const/const"], torch.full((1, 2), 3.0))
    assert found.metadata["Gs.version"] == "4"


def test_the_loader_says_what_it_seems_to_be(tmp_path: Path) -> None:
    path = tmp_path / "face.pkl"
    parts = {
        name: Persistent(name, **module(_buffers=OrderedDict(x=OldTensor(torch.ones(1))))) for name in ("synthesis", "mapping")
    }
    path.write_bytes(pickle.dumps(official(G_ema=generator(_modules=OrderedDict(parts)))))
    with pytest.raises(CheckpointError, match="seems to be a StyleGAN generator"):
        open_checkpoint(path)


@pytest.mark.real_weights
def test_files_of_the_authors_code(shared: Path) -> None:
    files = sorted((shared / "golden").glob("style*/*.pkl"))
    assert len(files) >= 7
    for path in files:
        assert {"G_ema", "Gs"} & read_checkpoint(path).networks.keys(), path


# Hostile files

PROTO = b"\x80\x04"


def short(text: str) -> bytes:
    return b"\x8c" + bytes([len(text)]) + text.encode()


def names(module: str, name: str) -> bytes:
    return short(module) + short(name) + b"\x93"


def call(module: str, name: str, *args: str) -> bytes:
    return names(module, name) + b"(" + b"".join(map(short, args)) + b"tR"


EVIL = "import pathlib; pathlib.Path(r'{canary}').touch()"
EASY = names("dnnlib.util", "EasyDict") + b")\x81"
STORAGE = names("torch.storage", "_load_from_bytes")


def wrapped(part: bytes) -> bytes:
    """A hostile value where an official file has its networks."""
    return PROTO + b"}" + short("G_ema") + part + b"s."


def state(part: bytes) -> bytes:
    """A hostile value as the state of a module."""
    record = b"}(" + short("class_name") + short("Generator") + short("state") + part + b"u"
    return wrapped(names("torch_utils.persistence", "_reconstruct_persistent_obj") + record + b"\x85R")


def parameter(part: bytes) -> bytes:
    """A hostile value as a parameter."""
    return state(b"}" + short("_parameters") + b"}" + short("w") + part + b"ss")


def kwargs(part: bytes) -> bytes:
    """A hostile value among the settings, beside a sound parameter."""
    sound = pickle.dumps(OldTensor(torch.ones(2)), 4)[2:-1]
    sound = sound[9:] if sound[:1] == b"\x95" else sound
    members = b"}(" + short("_parameters") + b"}" + short("w") + sound + b"s" + short("_init_kwargs") + part + b"u"
    return state(members)


def doubled(start: bytes, times: int) -> bytes:
    """start, and then a pair of it, of that, of that: a thousand million values in a hundred bytes."""
    return start + b"\x94" + b"".join(b"2\x86\x94" for _ in range(times))


def inner(content: bytes) -> bytes:
    return parameter(
        names("torch._utils", "_rebuild_tensor_v2")
        + b"("
        + (STORAGE + b"B" + struct.pack("<I", len(content)) + content + b"\x85R")
        + b"K\x00K\x02\x85K\x01\x85\x89N"
        + b"tR"
    )


def with_shape(size: Any, stride: Any, offset: Any = 0) -> bytes:
    tensor = OldTensor(torch.ones(4), size, stride, offset)
    return pickle.dumps(official(G_ema=generator(_parameters=OrderedDict(w=tensor))), 4)


def scalar(kind: str, content: bytes, shape: bytes = b"") -> bytes:
    dtype = names("numpy", "dtype") + b"(" + short(kind) + b"\x89\x88tR"
    value = names("numpy._core.multiarray", "scalar") + dtype + b"C" + bytes([len(content)]) + content + b"\x86R"
    network = (
        names("dnnlib.tflib.network", "Network") + b")\x81}" + short("variables") + b"](" + short("lod") + value + b"\x86esb"
    )
    return PROTO + network + network + network + b"\x87."


def corpus(canary: str) -> dict[str, bytes]:
    evil = EVIL.format(canary=canary)

    class Runs:
        def __init__(self, function: Callable[..., Any], *args: Any) -> None:
            self.function, self.args = function, args

        def __reduce__(self) -> Any:
            return self.function, self.args

    touch = f"touch '{canary}'"
    made = {f"os.system, protocol {p}": pickle.dumps(Runs(os.system, touch), p) for p in range(6)}
    made |= {f"exec, protocol {p}": pickle.dumps(Runs(exec, evil), p) for p in range(6)}
    made |= {
        f"call {what}": PROTO + call(*what.rsplit(".", 1), evil) + b"."
        for what in (
            *("builtins.eval", "builtins.__import__", "builtins.getattr", "builtins.open", "posix.system", "nt.system"),
            *("subprocess.Popen", "subprocess.check_output", "operator.attrgetter", "functools.partial", "runpy.run_path"),
            *("torch.load", "torch.hub.load", "numpy.load", "pickle.loads", "types.CodeType", "importlib.import_module"),
            *("torch._utils._rebuild_device_tensor_from_numpy", "torch.jit.load", "webbrowser.open", "code.interact"),
        )
    }
    made |= {
        "attribute chain": PROTO + call("torch_utils.persistence", "_reconstruct_persistent_obj.__globals__", evil) + b".",
        "near name": PROTO + call("torch_utils.persistence ", "_reconstruct_persistent_obj", evil) + b".",
        "old global": b"\x80\x02cos\nsystem\n" + short(touch) + b"\x85R.",
        "global without an end": b"\x80\x02c" + b"a" * 1000,
        "global that is no text": PROTO + b"K\x01K\x02\x93.",
        "instance": b"\x80\x02(" + short(touch) + b"ios\nsystem\n.",
        "object": b"\x80\x02(" + names("collections", "OrderedDict") + short(touch) + b"o.",
        "extension 1": PROTO + b"\x82\x01.",
        "extension 2": PROTO + b"\x83\x01\x00.",
        "extension 4": PROTO + b"\x84\x01\x00\x00\x00.",
        "persistent id": b"\x80\x02P" + touch.encode() + b"\n.",
        "binary persistent id": PROTO + short(touch) + b"Q.",
        "buffer": b"\x80\x05\x97.",
        "read-only buffer": b"\x80\x05N\x98.",
        "protocol 6": b"\x80\x06N.",
        "protocol twice": PROTO + b"\x80\x63N.",
        "call of a call": PROTO + EASY + b")R.",
        "call of a dict": PROTO + b"})R.",
        "call with a list": PROTO + names("collections", "OrderedDict") + b"]R.",
        "call with keywords that are none": PROTO + names("dnnlib.util", "EasyDict") + b")]\x92.",
        "state of a name": PROTO + names("dnnlib.util", "EasyDict") + b"}b.",
        "state of a dict": PROTO + b"}}b.",
        "state twice": PROTO + EASY + b"}b}b.",
        "slot state": state(EASY + b"N}" + short("__class__") + short("x") + b"s\x86b"),
        "record without state": wrapped(names("torch_utils.persistence", "_reconstruct_persistent_obj") + b"}\x85R"),
        "record with two arguments": wrapped(names("torch_utils.persistence", "_reconstruct_persistent_obj") + b"}}\x86R"),
        "nothing but a dict": PROTO + b"}.",
        "nothing but a number": PROTO + b"K\x01.",
        "nothing at all": PROTO + b".",
        "value from nowhere": PROTO + b"0.",
        "group from nowhere": PROTO + b"t.",
        "memory from nowhere": PROTO + b"h\x05.",
        "key without a value": PROTO + b"}(K\x01u.",
        "list as a key": PROTO + b"}]K\x01s.",
        "items of a number": PROTO + b"K\x01K\x02K\x03s.",
        "append to a number": PROTO + b"K\x01K\x02a.",
        "add to a list": PROTO + b"](K\x01\x90.",
        "bytes beyond the end": PROTO + b"\x8e" + struct.pack("<Q", 1 << 60) + b"x.",
        "text beyond the end": PROTO + b"X" + struct.pack("<I", 0xFFFFFFFF) + b"x.",
        "text that is none": PROTO + b"\x8c\x02\xff\xfe.",
        "negative text": b"\x80\x02T" + struct.pack("<i", -5) + b"x.",
        "long number": PROTO + b"\x8b" + struct.pack("<i", 1 << 20) + b"\xff" * (1 << 20) + b".",
        "negative length": PROTO + b"\x8b" + struct.pack("<i", -1) + b".",
        "frame that lies": PROTO + b"\x95" + struct.pack("<Q", 1 << 62) + b"K\x01.",
        "endless": PROTO + b"N0" * 2_000_000 + b".",
        "open groups": PROTO + b"(" * 2_000_000 + b".",
        "memo bomb": PROTO + b"N" + b"\x94" * 2_000_000 + b".",
        "a thousand million settings": kwargs(doubled(b"N", 60)),
        "settings in themselves": kwargs(b"]2a"),
        "a thousand million keys": kwargs(b"}" + doubled(b"N", 60) + b"Ns"),
        "parameter that is a number": parameter(b"K\x01"),
        "parameter that is a dict": parameter(b"}"),
        "tensor of nothing": parameter(names("torch._utils", "_rebuild_tensor_v2") + b")R"),
        "inner file that runs": inner(pickle.dumps(Runs(os.system, touch), 2)),
        "inner zip": inner(b"PK\x03\x04" + b"x" * 50),
        "inner nothing": inner(b""),
        "inner rubbish": inner(b"\x80\x02N." * 6),
        "shape beyond the numbers": with_shape((4, 1000), (1000, 1)),
        "shape that repeats": with_shape((1 << 40,), (0,)),
        "negative shape": with_shape((-4,), (1,)),
        "negative stride": with_shape((4,), (-1,)),
        "stride beyond": with_shape((2,), (1 << 50,)),
        "offset beyond": with_shape((4,), (1,), 3),
        "negative offset": with_shape((2,), (1,), -2),
        "shape and stride of two kinds": with_shape((4,), (1, 1)),
        "shape of text": with_shape(("4",), (1,)),
        "twenty dimensions": with_shape((1,) * 20, (1,) * 20),
        "array of objects": scalar("O8", b"12345678"),
        "array of text": scalar("S4", b"1234"),
        "scalar of too few bytes": scalar("f8", b"1234"),
        "empty file": b"",
        "one byte": b"\x80",
    }
    whole = pickle.dumps(official(), 4)
    made |= {f"cut at {part} of 20": whole[: len(whole) * part // 20] for part in range(1, 20)}
    return made


def resident() -> float:
    """Resident memory in MB (Linux), 0 elsewhere."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    except OSError:
        return 0.0


def fault(path: Path, canary: Path) -> str:
    """What went wrong in refusing the file, "" for nothing."""
    before, start = resident(), time.perf_counter()
    try:
        read_checkpoint(path)
        return "accepted"
    except CheckpointError as error:
        text = str(error)
    except Exception as error:
        return repr(error)
    taken, grown = time.perf_counter() - start, resident() - before
    if canary.exists():
        return "it ran"
    if taken >= SECONDS or grown >= MEGABYTES:
        return f"{taken:.2f} s, {grown:.0f} MB"
    return "" if "\n" not in text and 20 < len(text) < 600 else text


def test_nothing_in_a_hostile_file_runs(tmp_path: Path) -> None:
    canary, path = tmp_path / "ran", tmp_path / "hostile.pkl"
    files = corpus(str(canary))
    assert len(files) >= 100
    faults = {}
    for name, content in files.items():
        path.write_bytes(content)
        faults[name] = fault(path, canary)
    assert {name: what for name, what in faults.items() if what} == {}


@pytest.mark.slow
def test_every_changed_byte_of_a_sound_file_is_survived(tmp_path: Path) -> None:
    whole = bytearray(pickle.dumps(official(), 4))
    path = tmp_path / "changed.pkl"
    for place in range(2, len(whole), 3):
        for mask in (0x01, 0x80, 0xFF):
            whole[place] ^= mask
            path.write_bytes(whole)
            with suppress(CheckpointError):
                read_checkpoint(path)
            whole[place] ^= mask
