"""Reads PyTorch's checkpoints without torch.load: the zip archives of torch.save, and the streams that it wrote before 1.6.

The index is a pickle that is read as data, the numbers are taken from the file where they lie. Sources: torch/serialization.py
(`_save`, `_legacy_save`) for the two forms.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .budget import Budget
from .errors import FAULTS, CheckpointError
from .files import map_plain
from .inert_names import is_data
from .outsiders import outsider_archive
from .pickle_numbers import TooMany, flat_numbers, storage_dtype
from .pickle_tree import Foreign, Persistent, read_tree
from .plain_values import Values
from .words import reason, shown
from .zip_file import Packed, read_directory, read_members

LARGEST_INDEX = 64 << 20
LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
LEGACY_PROTOCOL = 1001
LEGACY_START = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
INDEX, BYTE_ORDER, PROGRAM = "data.pkl", "byteorder", "constants.pkl"


class Strange(ValueError):
    """All tensors of a file are sparse, quantized, without numbers or the like."""


def read_zip(path: Path, budget: Budget) -> Any:
    """What torch.save put into the zip archive at `path`, as `Values` gives it. CheckpointError in one sentence."""
    return _guarded(path, lambda data: _zip_content(path, data, budget))


def read_legacy(path: Path, budget: Budget) -> Any:
    """What torch.save put into the file of the older form at `path`, as `Values` gives it. CheckpointError in one sentence."""
    return _guarded(path, lambda data: legacy_content(data, budget))


def legacy_content(data: memoryview, budget: Budget) -> Any:
    """What a stream of the older form holds; a bare storage is a flat tensor. ValueError in a few words."""
    parts: list[Any] = []
    at = 0
    for _ in range(5):  # magic number, protocol, system, the object itself, the list of storages: their bytes come after these
        part, at = read_tree(data, is_data, budget, at, persistent=True)
        parts.append(part)
    magic, protocol, system, content, keys = parts
    if (magic, protocol) != (LEGACY_MAGIC, LEGACY_PROTOCOL) or not isinstance(system, dict) or not isinstance(keys, list):
        raise ValueError("it does not begin as such a file does")
    if system.get("little_endian") is not True:
        raise ValueError("its numbers are of a machine with another order of bytes")
    return _Legacy(data, at, keys, budget).content(content)


def _guarded(path: Path, read: Callable[[memoryview], Any]) -> Any:
    try:
        return read(map_plain(path))
    except Foreign as error:
        raise CheckpointError(
            f"{path} holds more than plain tensors ({shown(error.name)}) and is refused, for no code from a checkpoint is ever "
            "run; choose a file of tensors."
        ) from error
    except Strange as error:
        raise CheckpointError(
            f"{path} holds more than plain tensors, or none ({error}): choose a file of tensors with all their numbers."
        ) from error
    except Packed as error:
        raise CheckpointError(
            f"{path} would unpack to more than it is (compressed or overlapping parts: {reason(error)}) and is refused; download "
            "it again."
        ) from error
    except TooMany as error:
        raise CheckpointError(f"{path} claims a tensor of {error}, more than the file holds; download it again.") from error
    except FAULTS as error:
        raise CheckpointError(f"{path} is cut short or damaged ({reason(error)}); download it again.") from error


# Zip


def _zip_content(path: Path, data: memoryview, budget: Budget) -> Any:
    archive = read_directory(data, budget)
    listed = [member.name for member in archive.members]
    folder = (listed[0] if listed else "").partition("/")[0] + "/"
    if folder + PROGRAM in listed:
        raise CheckpointError(
            f"{path} is a TorchScript program, and no code from a checkpoint is ever run; choose a file of tensors."
        )
    if folder + INDEX not in listed or not all(name.startswith(folder) for name in listed):
        advice = outsider_archive(listed) or "an archive of other files; unpack it and choose the file of weights in it."
        raise CheckpointError(f"{path} is a zip file but no PyTorch checkpoint: it is {advice}")
    inner = {name.removeprefix(folder): content for name, content in read_members(data, archive, budget).items()}
    if len(inner[INDEX]) > LARGEST_INDEX:
        raise ValueError("its index is longer than any index")
    if bytes(inner.get(BYTE_ORDER, b"little")) != b"little":
        raise ValueError("its numbers are of a machine with another order of bytes")
    tree, end = read_tree(inner[INDEX], is_data, budget, persistent=True)
    if end != len(inner[INDEX]):
        raise ValueError("its index goes on behind its end")
    return _plain(Values(_Zip(inner).storage, budget), tree)


class _Zip:
    def __init__(self, members: dict[str, memoryview]) -> None:
        self._members = members
        self._made: dict[str, Tensor] = {}

    def storage(self, value: Any) -> Tensor:
        dtype, key, count = _described(value)
        content = self._members.get(f"data/{key}")
        if content is None or len(content) != count * dtype.itemsize:
            raise ValueError(f"the storage {shown(key, 20)} is missing, or not of the {count:,} numbers that it is said to have")
        if key not in self._made:
            self._made[key] = flat_numbers(content, dtype)
        if self._made[key].dtype != dtype:
            raise ValueError(f"the storage {shown(key, 20)} is of two kinds of number")
        return self._made[key]


def _described(value: Any) -> tuple[torch.dtype, str, int]:
    """(kind of number, key, count) of a persistent id ("storage", class, key, device, count, ...)."""
    found = value.id if isinstance(value, Persistent) else None
    if not isinstance(found, tuple) or len(found) not in (5, 6) or found[0] != "storage":
        raise ValueError("a tensor has no numbers")
    _, kind, key, _, count = found[:5]
    if not isinstance(key, str) or not isinstance(count, int) or isinstance(count, bool) or count < 0:
        raise ValueError("a storage is not described as it should be")
    return storage_dtype(kind), key, count


# The form before


class _Legacy:
    """The storages lie behind the pickles, each as its count and its bytes, in the order of the list of keys."""

    def __init__(self, data: memoryview, at: int, keys: list[Any], budget: Budget) -> None:
        self._data, self._at, self._keys, self._budget = data, at, keys, budget
        self._kinds: dict[str, tuple[torch.dtype, int]] = {}
        self._made: dict[str, Tensor] = {}

    def content(self, tree: Any) -> Any:
        self._find_kinds(tree)
        for key in self._keys:
            if not isinstance(key, str) or key not in self._kinds or key in self._made:
                raise ValueError("its list of storages does not fit its tensors")
            self._made[key] = self._read(*self._kinds[key])
        if self._at != len(self._data) or self._kinds.keys() != self._made.keys():
            raise ValueError("it has not the bytes that its storages need")
        return self.storage(tree) if isinstance(tree, Persistent) else _plain(Values(self.storage, self._budget), tree)

    def _find_kinds(self, tree: Any) -> None:
        """What each storage is, from the ids in the tree: the bytes themselves do not say."""
        waiting, seen = [tree], set()
        while waiting:
            value = waiting.pop()
            self._budget.take_items()
            if isinstance(value, (str, int, float, bytes, memoryview, type(None))) or id(value) in seen:
                continue
            seen.add(id(value))
            if isinstance(value, Persistent):
                if isinstance(value.id, tuple) and value.id[:1] == ("module",):
                    continue  # the source code of a class, which is not looked at
                dtype, key, count = _described(value)
                if count > len(self._data):
                    raise ValueError(f"it claims a tensor of {count:,} elements, more than the file has bytes")
                if self._kinds.setdefault(key, (dtype, count)) != (dtype, count):
                    raise ValueError(f"the storage {shown(key, 20)} is described in two ways")
            elif isinstance(value, dict):
                waiting += value.values()
            elif isinstance(value, (list, tuple, set, frozenset)):
                waiting += value
            elif hasattr(value, "args"):
                waiting += (*value.args, *value.keywords.values(), value.state, *value.pairs, *value.items)

    def _read(self, dtype: torch.dtype, count: int) -> Tensor:
        (stated,) = struct.unpack_from("<q", self._data, self._at)
        start, end = self._at + 8, self._at + 8 + count * dtype.itemsize
        if stated != count or end > len(self._data):
            raise ValueError("a storage has not the numbers that it is said to have")
        self._at = end
        return flat_numbers(self._data[start:end], dtype)

    def storage(self, value: Any) -> Tensor:
        _, key, _ = _described(value)
        made = self._made[key]
        view = value.id[5] if len(value.id) == 6 else None
        if view is None:
            return made
        if (
            not isinstance(view, tuple)
            or len(view) != 3
            or not all(isinstance(n, int) and 0 <= n <= made.numel() for n in view[1:])
        ):
            raise ValueError("a part of a storage is not described as it should be")
        return made[view[1] : view[1] + view[2]]


def _plain(values: Values, tree: Any) -> Any:
    """The plain value of a tree. Strange when all that it has for tensors are no plain numbers."""
    content = values.of(tree)
    if values.strange and not values.tensors:
        raise Strange(values.strange)
    return content
