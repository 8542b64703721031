"""What every node's `execute` passes through: its inputs are what its schema says, and whatever goes wrong is one sentence.

The host checks the values that a person sets, but not what a workflow file puts in their place, nor what comes over wires.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from math import isfinite
from typing import Any

import comfy.model_management as mm
from comfy_api.latest import io

from ...models.weights.errors import WeightsError
from ...models.weights.words import LONGEST_SENTENCE, shown

NO_MEMORY = "There is not enough memory for this: make the picture or the batch smaller, or close what else uses the memory."
CONSTANTS = (str, int, float, bool, list, dict)
OWN = "ATELIER_"
KINDS = {"INT": (int,), "FLOAT": (int, float), "BOOLEAN": (bool, int), "STRING": (str,), "COMBO": (str, int, float)}


def guarded(node: type[io.ComfyNode]) -> type[io.ComfyNode]:
    """`node`, whose `execute` refuses impossible inputs and raises only errors that a person can read."""
    inner = vars(node)["execute"].__func__

    @functools.wraps(inner)
    def execute(cls: type[io.ComfyNode], *args: Any, **values: Any) -> io.NodeOutput:
        schema = node.GET_SCHEMA()  # of the class itself: the host runs a locked copy, which cannot keep one
        try:
            check_inputs(schema.inputs, values)
            return inner(cls, *args, **values)
        except Exception as error:
            raise readable(error, schema.display_name or cls.__name__) from error

    node.execute = classmethod(execute)  # type: ignore[method-assign, assignment]
    return node


def readable(error: Exception, name: str) -> Exception:
    """The error as one sentence on one line. name: the node's."""
    if isinstance(error, MemoryError) or mm.is_oom(error) or "can't allocate memory" in str(error):
        # The host frees what it holds when it hears of its own kind of error.
        return type(error)(NO_MEMORY) if mm.is_oom(error) else MemoryError(NO_MEMORY)
    if isinstance(error, (ValueError, RuntimeError, WeightsError)) and type(error).__name__ != "RuntimeError":
        text = shown(error, LONGEST_SENTENCE)
        if text == str(error):
            return error
        return WeightsError(text) if isinstance(error, WeightsError) else ValueError(text)
    return RuntimeError(f"{name} cannot work with these inputs ({type(error).__name__}: {shown(error)}): look at each of them.")


def check_inputs(inputs: Iterable[Any], values: Mapping[str, Any]) -> None:
    """Raise ValueError, in one sentence, for a value that an input cannot have: of another kind, not finite, out of its range."""
    for item in inputs:
        if item.id not in values or values[item.id] is None:
            continue
        value, options = values[item.id], getattr(item, "options", None)
        template = getattr(getattr(item, "template", None), "input", None)
        if template is not None:
            for name, part in value.items() if isinstance(value, Mapping) else ((item.id, value),):
                check_input(template, name, part)
        elif isinstance(value, Mapping) and isinstance(options, list) and options and hasattr(options[0], "inputs"):
            chosen = next((option for option in options if option.key == value.get(item.id)), None)
            check_inputs(chosen.inputs if chosen is not None else (), value)
        else:
            check_input(item, item.id, value)


def check_input(item: Any, name: str, value: Any) -> None:
    """One value of one input, called `name`."""
    kind = getattr(item, "io_type", None) or getattr(item, "type", "")
    wanted = KINDS.get(kind)
    if wanted is not None:
        check_value(item, name, value, wanted)
    elif str(kind).startswith(OWN) and isinstance(value, CONSTANTS):
        raise ValueError(f"{name} is {shown(repr(value)[:80], 60)} where a connection belongs: connect a node that gives it.")


def check_value(item: Any, name: str, value: Any, wanted: tuple[type, ...]) -> None:
    """A number, a word or a switch."""
    if not isinstance(value, wanted) or (isinstance(value, bool) and bool not in wanted):
        raise ValueError(f"{name} is {shown(repr(value)[:80], 60)}, which it cannot be: set it on the node again.")
    if isinstance(value, float) and not isfinite(value):
        raise ValueError(f"{name} is {value}, which is no number: set it on the node again.")
    low, high = getattr(item, "min", None), getattr(item, "max", None)
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if number and ((low is not None and value < low) or (high is not None and value > high)):
        raise ValueError(f"{name} is {shown(value, 40)} and must lie between {low} and {high}: set it on the node again.")
