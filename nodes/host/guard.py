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
    if hasattr(inner, "__wrapped__"):  # the host may ask for the list again
        return node
    # Asked of the class itself and once: the host runs a locked copy of it, which cannot keep a schema.
    schema = functools.cache(node.GET_SCHEMA)

    @functools.wraps(inner)
    def execute(cls: type[io.ComfyNode], *args: Any, **values: Any) -> io.NodeOutput:
        try:
            for given in each(values) if schema().is_input_list else (values,):
                check_inputs(schema().inputs, given)
            return inner(cls, *args, **values)
        except Exception as error:
            raise readable(error, schema().display_name or node.__name__) from error

    node.execute = classmethod(execute)  # type: ignore[method-assign, assignment]
    return node


def each(values: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    """What nodes that take lists are given, one of each at a time; shorter lists go on with their last, as the host has it."""
    lists = {key: value for key, value in values.items() if isinstance(value, list) and value}
    for i in range(max(map(len, lists.values()), default=0)):
        yield {key: value[min(i, len(value) - 1)] for key, value in lists.items()}


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
    """Raise ValueError, in one sentence, for a value that an input cannot have: of another kind, or not finite."""
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
        check_value(name, value, wanted)
    elif str(kind).startswith(OWN) and isinstance(value, CONSTANTS):
        word = str(kind).removeprefix(OWN).replace("_", " ").lower()
        article = "an" if word[:1] in "aeio" else "a"
        said = shown(repr(value)[:80], 60)
        raise ValueError(f"{name} is not {article} {word} but {said}: connect a node that gives one.")


def check_value(name: str, value: Any, wanted: tuple[type, ...]) -> None:
    """A number, a word or a switch."""
    if not isinstance(value, wanted) or (isinstance(value, bool) and bool not in wanted):
        raise ValueError(f"{name} is {shown(repr(value)[:80], 60)}, which it cannot be: set it on the node again.")
    if isinstance(value, float) and not isfinite(value):
        raise ValueError(f"{name} is {value}, which is no number: set it on the node again.")
