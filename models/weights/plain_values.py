"""What a pickle that was read as data holds, as plain values: dicts, lists, text, numbers, tensors, and `Inert` for the rest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .budget import Budget
from .pickle_numbers import PARAMETERS, STRANGE, TENSORS, Tensors, array_of, bytes_of, is_array, is_call, length_of
from .pickle_tree import Call, Name, Persistent

MODULE_PARTS = ("_parameters", "_buffers", "_modules")
LONGEST_BYTES = 1 << 16  # bytes that stand among settings


@dataclass(frozen=True)
class Inert:
    """Something that is no plain value: what it would have been by name. Nothing of it was made."""

    what: str


class Values:
    """Turns a tree into plain values. `storage` as in `Tensors`.

    `strange` names a tensor that is no plain numbers, `tensors` counts those that are.
    """

    def __init__(self, storage: Callable[[Any], Tensor], budget: Budget) -> None:
        self._tensors = Tensors(storage, budget)
        self._budget = budget
        self._known: dict[int, Any] = {}
        self.strange = ""
        self.tensors = 0

    def of(self, value: Any, depth: int = 0) -> Any:
        """The plain value of a node of the tree; the same one for the same node, so that what is shared stays shared."""
        self._budget.take_items()
        if isinstance(value, (str, int, float, type(None))):
            return value
        if isinstance(value, (bytes, memoryview)):
            return bytes(value[:LONGEST_BYTES])
        if isinstance(value, Name):
            return Inert(str(value))
        if id(value) in self._known:
            return self._known[id(value)]
        self._budget.take_depth(depth)
        if isinstance(value, (set, frozenset)):
            self._budget.take_items(len(value))
            return set(value)
        if isinstance(value, dict):
            return self._filled(self._known.setdefault(id(value), {}), value, depth)
        if isinstance(value, (list, tuple)):
            made: list[Any] = []
            self._known[id(value)] = made  # a list may contain itself
            made += [self.of(item, depth + 1) for item in value]
            result = made if isinstance(value, list) else tuple(made)
            self._known[id(value)] = result
            return result
        if isinstance(value, Call):
            return self._known.setdefault(id(value), self._call(value, depth))
        return Inert(type(value).__name__ if not isinstance(value, Persistent) else "storage")

    def _call(self, call: Call, depth: int) -> Any:
        if is_call(call, *TENSORS, *PARAMETERS, "_rebuild_from_type_v2"):
            made = self._tensors.of(call)
            if made is not None:
                self.tensors += 1
                return made
            self.strange = str(call.what)
            return Inert(str(call.what))
        if is_call(call, *STRANGE):
            self.strange = str(call.what)
            return Inert(str(call.what))
        if is_array(call):
            return self._array(call)
        if is_call(call, "encode") and call.args:
            return bytes(bytes_of(call)[:LONGEST_BYTES]) if length_of(call) <= LONGEST_BYTES else Inert("bytes")
        if is_call(call, "Size", "list", "tuple", "set", "frozenset") and len(call.args) <= 1:
            inner = call.args[0] if call.args else ()
            return tuple(self.of(item, depth + 1) for item in (inner if isinstance(inner, (list, tuple)) else ()))
        return self._object(call, depth)

    def _array(self, call: Call) -> Any:
        try:
            made = array_of(call, self._budget)
        except ValueError as error:
            return Inert(f"{call.what} ({error})")
        return made.item() if made.ndim == 0 else torch.from_numpy(made)

    def _object(self, call: Call, depth: int) -> Any:
        """A dict of some class, or an object with a state, as a dict; anything else as `Inert`."""
        first = call.args[0] if call.args else None
        pairs = dict_pairs(first) if is_call(call, "OrderedDict", "dict", "EasyDict", "Counter") else []
        pairs = [*pairs, *call.pairs]
        if pairs or is_call(call, "OrderedDict", "dict", "defaultdict", "EasyDict", "AttributeDict"):
            target: dict[Any, Any] = {}
            self._known[id(call)] = target
            return self._filled(target, dict(pairs), depth)
        state = call.state
        if isinstance(state, tuple) and len(state) == 2:  # a class with slots: (its __dict__, its slots)
            state = state[0] or state[1]
        if isinstance(state, Call) and is_call(state, "OrderedDict", "EasyDict"):
            state = dict(dict_pairs(state.args[0] if state.args else None) + state.pairs)
        if not isinstance(state, dict):
            return Inert(str(call.what))
        target = {}
        self._known[id(call)] = target
        if all(part in state for part in MODULE_PARTS):
            self._module({part: self.of(state[part], depth + 1) for part in MODULE_PARTS}, target)
            return target
        return self._filled(target, state, depth)

    def _module(self, parts: dict[str, Any], target: dict[Any, Any]) -> None:
        """A whole module: its tensors by dotted name, what it is of is not looked at."""
        for part in MODULE_PARTS[:2]:
            target.update((name, value) for name, value in _mapping(parts[part]).items() if isinstance(value, Tensor))
        for name, inside in _mapping(parts[MODULE_PARTS[2]]).items():
            tensors = _mapping(inside)
            self._budget.take_items(len(tensors))
            target.update((f"{name}.{key}", value) for key, value in tensors.items() if isinstance(value, Tensor))

    def _filled(self, target: dict[Any, Any], pairs: dict[Any, Any], depth: int) -> dict[Any, Any]:
        for key, item in pairs.items():
            target[key] = self.of(item, depth + 1)
        return target


def dict_pairs(value: Any) -> list[tuple[Any, Any]]:
    """(key, value) of what a dict may be made of: a dict, or a list of pairs. ValueError for a pair that is none."""
    if isinstance(value, dict):
        return list(value.items())
    found: list[tuple[Any, Any]] = []
    for pair in value if isinstance(value, (list, tuple)) else ():
        if not isinstance(pair, (list, tuple)) or len(pair) != 2 or not isinstance(pair[0], (str, int, float, bytes)):
            raise ValueError("a dict is made of something else than names and values")
        found.append((pair[0], pair[1]))
    return found


def _mapping(value: Any) -> dict[Any, Any]:
    return value if isinstance(value, dict) else {}
