"""Reads a pickle as data: a tree of plain values and of the calls that it asks for, none of which is made.

Only protocols 2 to 5 and the instructions that write data are known. A global that may stand in the tree is a name there, not the
thing; a persistent id is what it says. Instances by class, extension codes and out-of-band buffers are refused. Nothing is
imported, called or built here, so there is nothing that a pickle could run.
Format: Lib/pickletools.py of CPython (the comments there are the specification).
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .budget import Budget

LONGEST_NUMBER = 64  # bytes
LONGEST_NAME = 200
LONG_TEXT = 1 << 16
AT_ONCE = 256  # instructions between looks at the allowance
LARGEST_KEY = 1 << 60  # beyond it different numbers have the same hash
PROTOCOLS = range(2, 6)
KEYS = (str, int, float, bytes, type(None))


@dataclass(frozen=True)
class Name:
    """A global that the pickle refers to."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(eq=False)
class Call:
    """A call that the pickle asks for: what, with which arguments, and what it would do to the result afterwards."""

    what: Name
    args: tuple[Any, ...]
    keywords: dict[str, Any] = field(default_factory=dict)
    state: Any = None
    pairs: list[tuple[Any, Any]] = field(default_factory=list)
    items: list[Any] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Persistent:
    """What the writer left out of the pickle and kept elsewhere, by the id that it gave it."""

    id: Any


class Foreign(ValueError):
    """The pickle refers to something that is not data."""

    def __init__(self, name: Name) -> None:
        super().__init__(f"it refers to {str(name)[:80]}, which is not data")
        self.name = name


class Mark:
    """Where a group of values begins on the stack."""


MARK = Mark()


def read_tree(
    data: bytes | memoryview, allowed: Callable[[Name], bool], budget: Budget, at: int = 0, persistent: bool = False
) -> tuple[Any, int]:
    """The value of the pickle at byte `at` of `data`, and where it ends. ValueError, in a few words, for all that is not data.

    Strings and numbers are themselves, bytes are slices of `data` (memoryview), tuples, lists, dicts and sets are Python's, and
    every call is a `Call`. Values may occur in the tree many times and may contain themselves. persistent: whether ids of things
    that are kept elsewhere may stand in it.
    """
    machine = _Machine(memoryview(data), allowed, budget, at, persistent)
    return machine.run(), machine.at


class _Machine:
    def __init__(
        self, data: memoryview, allowed: Callable[[Name], bool], budget: Budget, at: int = 0, persistent: bool = False
    ) -> None:
        self.data = data
        self.allowed = allowed
        self.budget = budget
        self.at = at
        self.persistent = persistent
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.names: dict[Name, Name] = {}

    def run(self) -> Any:
        if len(self.data) < self.at + 2 or self.data[self.at] != 0x80 or self.data[self.at + 1] not in PROTOCOLS:
            raise ValueError("it is no pickle of protocol 2 to 5")
        data, end, steps = self.data, len(self.data), STEPS
        for count in itertools.count(1):
            if self.at >= end:
                raise ValueError("it is cut short")
            code = data[self.at]
            self.at += 1
            if code == 0x2E:  # STOP
                self.budget.take_items(count % AT_ONCE)
                return self.pop()
            step = steps.get(code)
            if step is None:
                raise ValueError(f"it uses the pickle instruction {code:#04x}, which is not for data")
            if count % AT_ONCE == 0:
                self.budget.take_items(AT_ONCE)
            step(self)

    # Reading

    def take(self, count: int) -> memoryview:
        end = self.at + count
        if count < 0 or end > len(self.data):
            raise ValueError("it is cut short")
        part = self.data[self.at : end]
        self.at = end
        return part

    def number(self, form: str) -> Any:
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def line(self) -> str:
        text = bytes(self.data[self.at : self.at + LONGEST_NAME])
        end = text.find(b"\n")
        if end < 0:
            raise ValueError("a name has no end")
        self.at += end + 1
        return text[:end].decode("ascii")

    # The stack

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def pop(self) -> Any:
        if not self.stack or self.stack[-1] is MARK:
            raise ValueError("it takes a value that is not there")
        return self.stack.pop()

    def top(self) -> Any:
        if not self.stack or self.stack[-1] is MARK:
            raise ValueError("it changes a value that is not there")
        return self.stack[-1]

    def group(self) -> list[Any]:
        """The values since the last mark."""
        for place in range(len(self.stack) - 1, -1, -1):
            if self.stack[place] is MARK:
                values = self.stack[place + 1 :]
                del self.stack[place:]
                return values
        raise ValueError("it closes a group that was not opened")

    # What the instructions do

    def name(self, module: Any, name: Any) -> None:
        if not isinstance(module, str) or not isinstance(name, str) or max(len(module), len(name)) > LONGEST_NAME:
            raise ValueError("a global's name is no text, or far too long")
        found = Name(module, name)
        if found not in self.names:
            if not self.allowed(found):
                raise Foreign(found)
            self.names[found] = found
        self.push(self.names[found])

    def stack_name(self) -> None:
        name = self.pop()
        self.name(self.pop(), name)

    def call(self) -> None:
        args = self.pop()
        self.make(self.pop(), args, {})

    def call_with_keywords(self) -> None:
        keywords, args = self.pop(), self.pop()
        self.make(self.pop(), args, keywords)

    def make(self, what: Any, args: Any, keywords: Any) -> None:
        if isinstance(what, Persistent) and isinstance(what.id, tuple) and what.id[:1] == ("module",) and len(what.id) == 4:
            what = what.id[1]  # a class of torch.save's older form, with its source code behind it, which is not looked at
        if not isinstance(what, Name) or not isinstance(args, tuple) or not isinstance(keywords, dict):
            raise ValueError("it calls something that is no plain name")
        self.push(Call(what, args, keywords))

    def build(self) -> None:
        state, target = self.pop(), self.top()
        if not isinstance(target, Call) or target.state is not None:
            raise ValueError("it sets the state of something that is no fresh object")
        target.state = state

    def persistent_id(self) -> None:
        if not self.persistent:
            raise ValueError("it refers to something that is kept elsewhere")
        self.push(Persistent(self.pop()))

    def append(self, values: list[Any]) -> None:
        target = self.top()
        if isinstance(target, list):
            target.extend(values)
        elif isinstance(target, Call):
            target.items.extend(values)
        else:
            raise ValueError("it appends to something that is no list")

    def set_items(self, flat: list[Any]) -> None:
        target = self.top()
        if len(flat) % 2:
            raise ValueError("a key has no value")
        pairs = list(zip(flat[::2], flat[1::2], strict=True))
        if isinstance(target, dict):
            self.budget.take_items(len(pairs))
            for key, value in pairs:
                target[_key(key)] = value
        elif isinstance(target, Call):
            target.pairs.extend(pairs)
        else:
            raise ValueError("it sets items of something that is no dict")

    def add_items(self) -> None:
        values, target = self.group(), self.top()
        if not isinstance(target, set):
            raise ValueError("it adds to something that is no set")
        target.update(_key(value) for value in values)

    def dictionary(self) -> None:
        flat = self.group()
        self.push({})
        self.set_items(flat)

    def remember(self, place: int) -> None:
        self.memo[place] = self.top()

    def recall(self, place: int) -> None:
        if place not in self.memo:
            raise ValueError("it recalls a value that it never kept")
        self.push(self.memo[place])

    def fixed_tuple(self, count: int) -> None:
        values = [self.pop() for _ in range(count)]
        self.push(tuple(reversed(values)))

    def long(self, form: str) -> None:
        length = self.number(form)
        if not 0 <= length <= LONGEST_NUMBER:
            raise ValueError("a number is too long")
        self.push(int.from_bytes(self.take(length), "little", signed=True))

    def text(self, form: str, encoding: str) -> None:
        raw = self.take(self.number(form))
        if len(raw) > LONG_TEXT:
            self.budget.take_bytes(4 * len(raw))  # one letter of a far script makes all of them as wide
        self.push(str(raw, encoding, "surrogatepass") if encoding == "utf-8" else str(raw, encoding))

    def skip_protocol(self) -> None:
        if self.take(1)[0] not in PROTOCOLS:
            raise ValueError("it is no pickle of protocol 2 to 5")

    def drop_group(self) -> None:
        self.group()


def _key(value: Any) -> Any:
    """A dict's key or a set's member: plain, so that nothing but Python's own hash is asked."""
    if isinstance(value, memoryview):
        value = bytes(value)
    # a tuple of plain values at most: hashing tuples of tuples of the same tuple takes for ever
    if not (isinstance(value, KEYS) or (isinstance(value, tuple) and all(isinstance(item, KEYS) for item in value))):
        raise ValueError("a key is no plain value")
    if isinstance(value, int) and abs(value) > LARGEST_KEY:
        raise ValueError("a key is too large a number")
    return value


STEPS: dict[int, Callable[[_Machine], None]] = {
    0x80: _Machine.skip_protocol,
    0x95: lambda m: m.number("<Q") and None,  # FRAME: how the writer grouped its output
    ord("("): lambda m: m.push(MARK),
    ord("N"): lambda m: m.push(None),
    0x88: lambda m: m.push(True),
    0x89: lambda m: m.push(False),
    ord("J"): lambda m: m.push(m.number("<i")),
    ord("K"): lambda m: m.push(m.number("<B")),
    ord("M"): lambda m: m.push(m.number("<H")),
    0x8A: lambda m: m.long("<B"),
    0x8B: lambda m: m.long("<i"),
    ord("G"): lambda m: m.push(m.number(">d")),
    0x8C: lambda m: m.text("<B", "utf-8"),
    ord("X"): lambda m: m.text("<I", "utf-8"),
    0x8D: lambda m: m.text("<Q", "utf-8"),
    ord("U"): lambda m: m.text("<B", "latin-1"),
    ord("T"): lambda m: m.text("<i", "latin-1"),
    ord("C"): lambda m: m.push(m.take(m.number("<B"))),
    ord("B"): lambda m: m.push(m.take(m.number("<I"))),
    0x8E: lambda m: m.push(m.take(m.number("<Q"))),
    0x96: lambda m: m.push(m.take(m.number("<Q"))),
    ord(")"): lambda m: m.push(()),
    0x85: lambda m: m.fixed_tuple(1),
    0x86: lambda m: m.fixed_tuple(2),
    0x87: lambda m: m.fixed_tuple(3),
    ord("t"): lambda m: m.push(tuple(m.group())),
    ord("]"): lambda m: m.push([]),
    ord("l"): lambda m: m.push(m.group()),
    ord("}"): lambda m: m.push({}),
    ord("d"): _Machine.dictionary,
    0x8F: lambda m: m.push(set()),
    0x91: lambda m: m.push(frozenset(_key(value) for value in m.group())),
    0x90: _Machine.add_items,
    ord("a"): lambda m: m.append([m.pop()]),
    ord("e"): lambda m: m.append(m.group()),
    ord("s"): lambda m: m.set_items([m.pop(), m.pop()][::-1]),
    ord("u"): lambda m: m.set_items(m.group()),
    0x94: lambda m: m.remember(len(m.memo)),
    ord("q"): lambda m: m.remember(m.number("<B")),
    ord("r"): lambda m: m.remember(m.number("<I")),
    ord("h"): lambda m: m.recall(m.number("<B")),
    ord("j"): lambda m: m.recall(m.number("<I")),
    ord("0"): lambda m: m.pop() and None,
    ord("1"): _Machine.drop_group,
    ord("2"): lambda m: m.push(m.top()),
    ord("c"): lambda m: m.name(m.line(), m.line()),
    0x93: _Machine.stack_name,
    ord("R"): _Machine.call,
    0x81: _Machine.call,
    0x92: _Machine.call_with_keywords,
    ord("b"): _Machine.build,
    ord("Q"): _Machine.persistent_id,
}
