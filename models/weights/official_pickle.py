"""Reads the pickles in which NVIDIA publishes StyleGAN, and those of its relatives, without running anything from them.

StyleGAN2-ada and StyleGAN3 (PyTorch): a dict of networks, each a `persistence` record whose state is the module's __dict__ and
whose source code, which the official loader executes, is ignored. StyleGAN 1, 2 and ada (TensorFlow): a tuple (G, D, Gs) of
`dnnlib.tflib.network.Network` with a list of variables. Formats: NVlabs/stylegan2-ada-pytorch torch_utils/persistence.py and
legacy.py, NVlabs/stylegan dnnlib/tflib/network.py.
"""

from __future__ import annotations

import json
from io import BytesIO
from itertools import count
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .errors import CheckpointError
from .pickle_tree import Call, Name, read_tree
from .screening import check_index

GLOBALS = frozenset(
    Name(*text.rsplit(".", 1))
    for text in (
        *("torch_utils.persistence._reconstruct_persistent_obj", "dnnlib.util.EasyDict", "dnnlib.tflib.network.Network"),
        *("collections.OrderedDict", "builtins.set", "__builtin__.set", "_codecs.encode"),
        *("torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_parameter", "torch.storage._load_from_bytes"),
        *("numpy.core.multiarray.scalar", "numpy.core.multiarray._reconstruct", "numpy.dtype", "numpy.ndarray"),
        *("numpy.core.numeric._frombuffer", "numpy._core.numeric._frombuffer"),
        *("numpy._core.multiarray.scalar", "numpy._core.multiarray._reconstruct"),
    )
)
TF_NETWORKS = ("G", "D", "Gs")
DEEPEST = 60
MOST_MODULES = 10_000  # the same module may lie in many places, and those in many again
MOST_SETTINGS = 10_000
MOST_DIMENSIONS = 8
NUMPY = {f"{order}{kind}" for order in "<|=" for kind in ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "b1")}

State = dict[str, Tensor]


def read_official(path: Path, data: bytes | memoryview) -> tuple[dict[str, State], dict[str, str]]:
    """(networks by their published names, metadata): parameters and buffers by dotted name, as they are stored.

    Metadata has for each network `NAME.class` and `NAME.kwargs`, the latter as JSON; TensorFlow networks also `NAME.version`.
    CheckpointError in one sentence for anything else than such a file.
    """
    try:
        return _Reader(len(data)).networks(read_tree(data, GLOBALS))
    except Exception as error:
        reason = str(error).splitlines()[0][:160].rstrip(".") if str(error) else type(error).__name__
        raise CheckpointError(
            f"{path} is a bare pickle but no network as NVIDIA publishes them ({reason}), and no code from a checkpoint is ever "
            "run; choose another file."
        ) from error


class _Reader:
    def __init__(self, size: int) -> None:
        self.size = size
        self.storages: dict[int, Any] = {}
        self.given: set[int] = set()
        self.modules = 0

    def networks(self, tree: Any) -> tuple[dict[str, State], dict[str, str]]:
        if isinstance(tree, tuple) and len(tree) == len(TF_NETWORKS) and all(_is(part, "Network") for part in tree):
            found = {name: self.tensorflow(part) for name, part in zip(TF_NETWORKS, tree, strict=True)}
        elif isinstance(tree, dict):
            records = {str(k): v for k, v in tree.items() if _is(v, "_reconstruct_persistent_obj")}
            found = {name: self.persistent(record) for name, record in records.items()}
        else:
            raise ValueError("it holds no networks")
        if not any(state for state, _ in found.values()):
            raise ValueError("it holds no networks")
        networks = {name: state for name, (state, _) in found.items() if state}
        metadata = {f"{name}.{key}": text for name, (_, facts) in found.items() for key, text in facts.items()}
        return networks, metadata

    # PyTorch

    def persistent(self, record: Call) -> tuple[State, dict[str, str]]:
        meta, members = self.module(record)
        state: State = {}
        self.collect(members, "", state, 0)
        kwargs = _plain(members.get("_init_kwargs", {}), count(), 0)
        return state, {"class": str(meta["class_name"]), "kwargs": json.dumps(kwargs)}

    def module(self, record: Any) -> tuple[dict[Any, Any], dict[Any, Any]]:
        """(record, the module's __dict__)."""
        (meta,) = record.args
        if not isinstance(meta, dict) or not isinstance(meta.get("state"), (dict, Call)):
            raise ValueError("a module has no state")
        return meta, _mapping(meta["state"])

    def collect(self, members: dict[Any, Any], prefix: str, state: State, depth: int) -> None:
        self.modules += 1
        if depth > DEEPEST or self.modules > MOST_MODULES:
            raise ValueError("modules lie too deep in one another, or are too many")
        for part in ("_parameters", "_buffers"):
            for name, value in _mapping(members.get(part, {})).items():
                if value is not None:
                    state[f"{prefix}{name}"] = self.tensor(value)
        for name, value in _mapping(members.get("_modules", {})).items():
            if value is None:
                continue
            if not _is(value, "_reconstruct_persistent_obj"):
                raise ValueError(f"the module {prefix}{name} is of no kind that these files have")
            self.collect(self.module(value)[1], f"{prefix}{name}.", state, depth + 1)

    def tensor(self, value: Any) -> Tensor:
        if _is(value, "_rebuild_parameter"):
            value = value.args[0]
        if not _is(value, "_rebuild_tensor_v2"):
            raise ValueError("a parameter is no tensor")
        storage, offset, size, stride = value.args[:4]
        flat = self.storage(storage)
        counts = (offset, *size, *stride)
        if not all(isinstance(n, int) and not isinstance(n, bool) and 0 <= n <= self.size for n in counts):
            raise ValueError("a tensor has an impossible shape")
        if len(size) != len(stride) or len(size) > MOST_DIMENSIONS or prod(size) > flat.numel():
            raise ValueError("a tensor claims more numbers than it has")
        last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True)) if prod(size) else offset
        if last >= flat.numel() and prod(size):
            raise ValueError("a tensor reaches beyond its numbers")
        made = flat.as_strided(tuple(size), tuple(stride), offset)
        if made.numel() == flat.numel() and id(storage) not in self.given:  # the usual case: all numbers of one tensor
            self.given.add(id(storage))
            return made.contiguous()
        return made.clone()

    def storage(self, value: Any) -> Tensor:
        """The numbers behind a tensor: a PyTorch file within the file, read as data alone."""
        if not _is(value, "_load_from_bytes"):
            raise ValueError("a tensor has no numbers")
        if id(value) not in self.storages:
            content = _bytes(value.args[0])
            inner = BytesIO(content)
            for _ in range(5):  # magic number, protocol, system, the object, the list of storages
                check_index(Path("a tensor"), inner, len(content))
            loaded = torch.load(BytesIO(content), map_location="cpu", weights_only=True)
            if not isinstance(loaded, torch.storage.TypedStorage):
                raise ValueError("a tensor's numbers are no storage")
            self.storages[id(value)] = torch.empty(0, dtype=loaded.dtype).set_(loaded)  # type: ignore[call-overload]
        return self.storages[id(value)]

    # TensorFlow

    def tensorflow(self, network: Call) -> tuple[State, dict[str, str]]:
        fields = _mapping(network.state)
        state: State = {}
        self.variables(fields, "", state, 0)
        facts = {"kwargs": json.dumps(_plain(fields.get("static_kwargs", {}), count(), 0)), "version": str(fields.get("version"))}
        return state, {"class": str(fields.get("build_func_name")), **facts}

    def variables(self, fields: dict[Any, Any], prefix: str, state: State, depth: int) -> None:
        self.modules += 1
        if depth > DEEPEST or self.modules > MOST_MODULES:
            raise ValueError("networks lie too deep in one another, or are too many")
        for name, value in fields.get("variables", []):
            state[f"{prefix}{name}"] = torch.from_numpy(_array(value))
        for name, part in _mapping(fields.get("components", {})).items():
            if _is(part, "Network"):
                self.variables(_mapping(part.state), f"{prefix}{name}/", state, depth + 1)


def _is(value: Any, name: str) -> bool:
    return isinstance(value, Call) and value.what.name == name


def _mapping(value: Any) -> dict[Any, Any]:
    """A dict, an OrderedDict or an EasyDict as a dict."""
    if isinstance(value, dict):
        return value
    if not (_is(value, "OrderedDict") or _is(value, "EasyDict")):
        raise ValueError("it has something else where names and values are expected")
    first = value.args[0] if value.args else []
    pairs = [*(first.items() if isinstance(first, dict) else first), *value.pairs]
    return {(key if isinstance(key, str) else str(key)): item for key, item in pairs}


def _array(value: Any) -> np.ndarray:
    """A numpy array or scalar, in memory of its own."""
    if _is(value, "scalar"):
        dtype, content = value.args
        return _numbers(content, _dtype(dtype), ())
    if _is(value, "_frombuffer"):  # protocol 5
        content, dtype, shape, order = value.args
        return _laid_out(content, dtype, shape, order == "F")
    if not _is(value, "_reconstruct") or not isinstance(value.state, tuple) or len(value.state) != 5:
        raise ValueError("a variable is no array")
    _, shape, dtype, fortran, content = value.state
    return _laid_out(content, dtype, shape, bool(fortran))


def _laid_out(content: Any, dtype: Any, shape: Any, fortran: bool) -> np.ndarray:
    """Numbers of a stated shape, in rows."""
    if not isinstance(shape, tuple) or len(shape) > MOST_DIMENSIONS or not all(isinstance(n, int) and n >= 0 for n in shape):
        raise ValueError("a variable has an impossible shape")
    order = shape[::-1] if fortran else shape
    made = _numbers(content, _dtype(dtype), order)
    return np.ascontiguousarray(made.T) if fortran else made


def _numbers(content: Any, dtype: np.dtype[Any], shape: tuple[int, ...]) -> np.ndarray:
    content = _bytes(content)
    if prod(shape) * dtype.itemsize != len(content):
        raise ValueError("a variable has not the bytes that it claims")
    return np.frombuffer(content, dtype=dtype).reshape(shape).copy()


def _bytes(value: Any) -> bytes:
    """Bytes; protocol 2 writes them as text that is to be encoded."""
    if _is(value, "encode") and isinstance(value.args[0], str):
        return value.args[0].encode("latin-1")
    if not isinstance(value, (bytes, memoryview)):
        raise ValueError("it has something else where bytes are expected")
    return bytes(value)


def _dtype(value: Any) -> np.dtype[Any]:
    if not _is(value, "dtype") or not isinstance(value.args[0], str):
        raise ValueError("a variable's kind of number is not stated")
    order = value.state[1] if isinstance(value.state, tuple) and len(value.state) > 1 else "|"
    text = f"{order}{value.args[0]}"
    if text not in NUMPY:
        raise ValueError(f"a variable is of the kind {text[:20]}, which is no plain number")
    return np.dtype(text)


def _plain(value: Any, counter: count[int], depth: int) -> Any:
    """What JSON can hold of a value; names and calls that are no dicts become null."""
    if depth > DEEPEST or next(counter) > MOST_SETTINGS:
        raise ValueError("settings lie too deep in one another, or are too many")
    if isinstance(value, dict) or _is(value, "EasyDict") or _is(value, "OrderedDict"):
        return {str(key): _plain(item, counter, depth + 1) for key, item in _mapping(value).items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item, counter, depth + 1) for item in value]
    if _is(value, "scalar"):
        return _array(value).item()
    return value if isinstance(value, (str, int, float, bool, type(None))) else None
