"""Numbers out of a pickle that was read as data: what torch and numpy would make of the calls in it, without any call.

Sources: torch/_utils.py (`_rebuild_tensor_v2` and its kin), numpy/core/multiarray (`_reconstruct`, `scalar`), numpy/core/numeric
(`_frombuffer`).
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .budget import Budget, check_shape
from .pickle_tree import Call, Name

STORAGES: dict[str, torch.dtype] = {
    "FloatStorage": torch.float32,
    "DoubleStorage": torch.float64,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
    "ComplexFloatStorage": torch.complex64,
    "ComplexDoubleStorage": torch.complex128,
    "UntypedStorage": torch.uint8,
}
# Kinds that have no storage of their own, and those of `_rebuild_tensor_v3`.
DTYPES: dict[str, torch.dtype] = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (*STORAGES.values(), *(getattr(torch, name, torch.uint8) for name in ("float8_e4m3fn", "float8_e5m2")))
}
TENSORS = ("_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_tensor_v3")
PARAMETERS = ("_rebuild_parameter", "_rebuild_parameter_with_state")
STRANGE = (
    *("_rebuild_sparse_tensor", "_rebuild_sparse_csr_tensor", "_rebuild_qtensor", "_rebuild_nested_tensor"),
    *("_rebuild_meta_tensor_no_storage", "_rebuild_wrapper_subclass", "_rebuild_device_tensor_from_numpy"),
    *("_rebuild_device_tensor_from_cpu_tensor", "_rebuild_device_tensor_from_cpu", "_rebuild_xla_tensor"),
)
NUMPY = {f"{order}{kind}" for order in "<|=" for kind in ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "b1")}
MULTIARRAY = ("numpy.core.multiarray", "numpy._core.multiarray", "numpy.core.numeric", "numpy._core.numeric")


def is_call(value: Any, *names: str) -> bool:
    """Whether a value of the tree is a call of something with one of these names, in whatever module."""
    return isinstance(value, Call) and value.what.name in names


def storage_dtype(name: Any) -> torch.dtype:
    """The kind of number of a storage's class. ValueError for one that is not known."""
    if not isinstance(name, Name) or name.module not in ("torch", "torch.storage") or name.name not in STORAGES:
        raise ValueError(f"a tensor's numbers are of the kind {str(name)[:60]}, which is no plain number")
    return STORAGES[name.name]


class Tensors:
    """Makes tensors of calls. `storage(value)` gives the flat numbers behind the first argument of one; views share memory."""

    def __init__(self, storage: Callable[[Any], Tensor], budget: Budget) -> None:
        self._storage = storage
        self._budget = budget
        self._made: dict[int, Tensor] = {}
        self._views: dict[tuple[Any, ...], Tensor] = {}
        self._seen: set[int] = set()

    def of(self, call: Call) -> Tensor | None:
        """The tensor that a call asks for, None when it asks for none that is plain numbers. ValueError for an impossible one."""
        if id(call) not in self._made:
            made = self._tensor(call)
            if made is None:
                return None
            self._made[id(call)] = made
        return self._made[id(call)]

    def _tensor(self, call: Call) -> Tensor | None:
        for _ in range(4):  # a parameter of a tensor of a subclass
            if is_call(call, *PARAMETERS) and call.args:
                call = call.args[0]
            elif is_call(call, "_rebuild_from_type_v2") and len(call.args) == 4 and isinstance(call.args[2], tuple):
                if not isinstance(call.args[0], Name):
                    break
                call = Call(call.args[0], call.args[2])
            else:
                break
        if not is_call(call, *TENSORS) or not call.what.module.startswith("torch."):
            return None
        if len(call.args) < 4:
            raise ValueError("a tensor has no numbers")
        return self._view(call)

    def _view(self, call: Call) -> Tensor:
        storage, offset, size, stride = call.args[:4]
        flat = self._storage(storage)
        if call.what.name == "_rebuild_tensor_v3":
            kind = call.args[6] if len(call.args) > 6 else None
            if not isinstance(kind, Name) or kind.name not in DTYPES or flat.dtype != torch.uint8:
                raise ValueError("a tensor is of a kind of number that is not known")
            step = DTYPES[kind.name].itemsize
            flat = (flat[: flat.numel() // step * step]).view(DTYPES[kind.name])
        size, stride = (value if isinstance(value, tuple) else _sizes(value) for value in (size, stride))
        if not all(is_count(number) for number in (offset, *size, *stride)) or len(size) != len(stride):
            raise ValueError("a tensor has an impossible shape")
        if prod(size) * flat.element_size() > max(self._budget.size, flat.nbytes):
            raise TooMany(f"{'x'.join(map(str, size))} numbers")
        check_shape("a tensor", size)
        if prod(size) and offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True)) >= flat.numel():
            raise ValueError("a tensor reaches beyond its numbers")
        key = (flat.data_ptr(), flat.dtype, offset, size, stride)
        if key not in self._views:
            self._budget.take_tensor("a tensor", size, flat.element_size(), viewed=flat.data_ptr() not in self._seen)
            self._seen.add(flat.data_ptr())
            self._views[key] = flat.as_strided(size, stride, offset) if prod(size) else flat.new_empty(size)
        return self._views[key]


class TooMany(ValueError):
    """A tensor claims more numbers than the whole file has bytes for."""


def _sizes(value: Any) -> tuple[Any, ...]:
    if is_call(value, "Size") and len(value.args) == 1 and isinstance(value.args[0], (tuple, list)):
        return tuple(value.args[0])
    raise ValueError("a tensor has an impossible shape")


def is_count(number: Any) -> bool:
    """Whether a value can be a size, a step or an offset."""
    return isinstance(number, int) and not isinstance(number, bool) and 0 <= number < 1 << 48


def flat_numbers(content: memoryview | bytes, dtype: torch.dtype) -> Tensor:
    """Bytes as numbers, in place where they lie at an address that suits them."""
    count = len(content) // dtype.itemsize
    if not count:
        return torch.empty(0, dtype=dtype)
    if not isinstance(content, memoryview) or content.readonly:
        content = memoryview(bytearray(content))
    made = torch.frombuffer(content, dtype=dtype, count=count)
    if made.data_ptr() % dtype.itemsize:
        made = torch.frombuffer(bytearray(content), dtype=dtype, count=count)
    return made


# numpy


def array_of(value: Any, budget: Budget) -> np.ndarray:
    """A numpy array or scalar of plain numbers, in memory of its own. ValueError for everything else."""
    if is_call(value, "scalar") and len(value.args) == 2:
        return _numbers(value.args[1], _dtype(value.args[0]), (), budget)
    if is_call(value, "_frombuffer") and len(value.args) == 4:  # protocol 5
        content, dtype, shape, order = value.args
        return _laid_out(content, dtype, shape, order == "F", budget)
    if not is_call(value, "_reconstruct") or not isinstance(value.state, tuple) or len(value.state) != 5:
        raise ValueError("a variable is no array")
    _, shape, dtype, fortran, content = value.state
    return _laid_out(content, dtype, shape, bool(fortran), budget)


def is_array(value: Any) -> bool:
    """Whether a call makes a numpy array or scalar."""
    return is_call(value, "scalar", "_frombuffer", "_reconstruct") and value.what.module in MULTIARRAY


def _laid_out(content: Any, dtype: Any, shape: Any, fortran: bool, budget: Budget) -> np.ndarray:
    """Numbers of a stated shape, in rows."""
    if not isinstance(shape, tuple):
        raise ValueError("a variable has an impossible shape")
    check_shape("a variable", shape)
    made = _numbers(content, _dtype(dtype), shape[::-1] if fortran else shape, budget)
    return np.ascontiguousarray(made.T) if fortran else made


def _numbers(content: Any, dtype: np.dtype[Any], shape: tuple[int, ...], budget: Budget) -> np.ndarray:
    if prod(shape) * dtype.itemsize != length_of(content):
        raise ValueError("a variable has not the bytes that it claims")
    budget.take_bytes(2 * length_of(content))
    return np.frombuffer(bytes_of(content), dtype=dtype).reshape(shape).copy()


def length_of(value: Any) -> int:
    """How many bytes `bytes_of` gives, without making them."""
    if is_call(value, "encode") and value.args and isinstance(value.args[0], str):
        return len(value.args[0])
    if not isinstance(value, (bytes, memoryview)):
        raise ValueError("it has something else where bytes are expected")
    return len(value)


def bytes_of(value: Any) -> bytes | memoryview:
    """Bytes; protocol 2 writes them as text that is to be encoded."""
    if is_call(value, "encode") and value.args and isinstance(value.args[0], str):
        return value.args[0].encode("latin-1")
    if not isinstance(value, (bytes, memoryview)):
        raise ValueError("it has something else where bytes are expected")
    return value


def _dtype(value: Any) -> np.dtype[Any]:
    if not is_call(value, "dtype") or not value.args or not isinstance(value.args[0], str):
        raise ValueError("a variable's kind of number is not stated")
    order = value.state[1] if isinstance(value.state, tuple) and len(value.state) > 1 else "|"
    text = f"{order}{value.args[0]}" if isinstance(order, str) else ""
    if text not in NUMPY:
        raise ValueError(f"a variable is of the kind {text[:20]}, which is no plain number")
    return np.dtype(text)
