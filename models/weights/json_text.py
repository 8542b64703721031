"""JSON from files and requests, within limits: a short text can ask Python for gigabytes, for hours, or for its whole stack."""

from __future__ import annotations

import json
import re
from typing import Any

MOST_VALUES = 400_000
TOO_LONG = rb"\d{400}"  # a number of so many digits is none that anybody means
DEEPEST = 100


def read_json(text: bytes | str, most: int = MOST_VALUES, deepest: int = DEEPEST) -> Any:
    """The value of `text`. ValueError, in a few words, for what is no JSON, for more than `most` values, for numbers that are
    none (NaN, infinity) or have hundreds of digits, for names that occur twice, and for values too deep in one another.
    """
    if isinstance(text, str):
        text = text.encode("utf-8", "surrogatepass")
    # Letters inside of strings count too: it is a bound, and counting is as fast as memory.
    if sum(text.count(mark) for mark in (b",", b"[", b"{")) > most:
        raise ValueError("it holds too many values")
    if re.search(TOO_LONG, text):
        raise ValueError("a number is too long")
    try:
        value = json.loads(text, parse_float=_fraction, parse_constant=_refuse, object_pairs_hook=_object)
    except RecursionError:
        raise ValueError("its values lie too deep in one another") from None
    _check_depth(value, deepest)
    return value


def _check_depth(value: Any, deepest: int) -> None:
    """What goes on with a value may call itself for each level; a thousand of them are more than Python's stack has."""
    level = [value]
    for _ in range(deepest):
        level = [inner for outer in level if isinstance(outer, (dict, list)) for inner in _inside(outer)]
        if not level:
            return
    raise ValueError("its values lie too deep in one another")


def _inside(value: Any) -> Any:
    return value.values() if isinstance(value, dict) else value


def _fraction(text: str) -> float:
    value = float(text)
    if value - value != 0:
        raise ValueError("a number is too large")
    return value


def _refuse(text: str) -> None:
    raise ValueError(f"{text} is no number")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a name occurs twice")
    return made
