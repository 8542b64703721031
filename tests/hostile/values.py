"""Values that nobody types and anybody can send, and prompts made of them."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

NAMES = (
    *("../../x.png", "/etc/passwd", "a/../../b", "..", ".", "", " ", "a\0b", "a\ud800b", "x" * 5000, "\x1b[2J", "a\nb"),
    *(
        "C:\\x",
        "\\\\server\\x",
        "con",
        "~/x",
        "file:///etc/passwd",
        "x.png [output]",
        "../x [temp]",
        "%2e%2e/x",
        "a" * 300 + "/b",
    ),
)
NUMBERS = (float("nan"), float("inf"), float("-inf"), 1e308, -1, 0, 1 << 64, -(1 << 200), 10**400, 0.5, True, 1e-320)
OTHERS = (
    None,
    [],
    {},
    [1, 2, 3],
    ["1", 0],
    ["1", "0"],
    ["1", -1],
    [None, None],
    {"__value__": [1]},
    {"a": {"b": {}}},
    "9" * 5000,
)


def deep(levels: int) -> Any:
    """A list in a list in a list."""
    made: Any = []
    for _ in range(levels):
        made = [made]
    return made


def hostile_value(rng: random.Random) -> Any:
    """Any of them."""
    kind = rng.randrange(4)
    return deep(80) if kind == 3 and rng.random() < 0.1 else rng.choice((NAMES, NUMBERS, OTHERS, NAMES)[kind])


def prompt(rng: random.Random, kinds: Mapping[str, list[str]]) -> dict[str, Any]:
    """A prompt of some nodes, with inputs of their own and others. kinds: class -> its inputs' names."""
    made: dict[str, Any] = {}
    names = [rng.choice((str(i), f"{i}:{i}", f"../{i}", f"/{i}", f"a\0{i}", f"n{i}" * 50)) for i in range(rng.randrange(1, 6))]
    for name in names:
        kind = rng.choice([*kinds, "LoadImage", "SaveImage", "PreviewImage"])
        inputs = {key: hostile_value(rng) for key in kinds.get(kind, []) if rng.random() < 0.8}
        if rng.random() < 0.6:
            inputs["image"] = rng.choice(NAMES)
        if rng.random() < 0.5:
            inputs[rng.choice(("images", "image", "content", "a.b", "a", "a.b.c"))] = [
                rng.choice(names),
                rng.choice((0, 1, -1, 99)),
            ]
        made[name] = {"class_type": kind, "inputs": inputs}
        if rng.random() < 0.3:
            made[name]["_meta"] = rng.choice(({"title": "\x1b[31mred\nline"}, {"title": 5}, [], "x", {"title": None}))
    broken = rng.random()
    if broken < 0.1:
        made[names[0]]["inputs"] = rng.choice(([], "x", 5, None))
    elif broken < 0.15:
        made[names[0]]["class_type"] = rng.choice(([], {}, 5, None))
    return made
