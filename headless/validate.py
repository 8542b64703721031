"""Checks a prompt before anything runs, and says what is wrong in the host's words."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

from ..models.weights.words import LONGEST_SENTENCE, shown
from .dynamic import live_inputs, nested
from .graph import Prompt, unpack
from .host.schema import InputInfo, NodeInfo, describe

CASTS: dict[str, type] = {"INT": int, "FLOAT": float, "STRING": str, "BOOLEAN": bool}
LONGEST_LIST = 20
LONGEST_VALUE, LONGEST_TITLE = 300, 80
ANY = {"*", "COMFY_MATCHTYPE_V3"}


@dataclass(frozen=True)
class Problem:
    """One thing that keeps a prompt from running. kind: the host's name for it, such as `value_not_in_list`."""

    kind: str
    message: str
    details: str = ""
    node_id: str = ""
    title: str = ""

    def __str__(self) -> str:
        where = f"{shown(self.title, LONGEST_TITLE)} (node {shown(self.node_id, LONGEST_TITLE)}): " if self.node_id else ""
        return shown(f"{where}{self.message}{': ' if self.details else ''}{self.details}", LONGEST_SENTENCE)


def validate(prompt: Prompt, nodes: Mapping[str, type]) -> list[Problem]:
    """Everything that is wrong with the prompt; empty when it can run. Numbers given as text are converted in place.

    As in the host, only what an output node needs is looked at; missing node types are always an error.
    """
    missing = [missing_type(name, node) for name, node in prompt.items() if node["class_type"] not in nodes]
    if missing:
        return missing
    infos = {name: describe(nodes[node["class_type"]]) for name, node in prompt.items()}
    outputs = [name for name, info in infos.items() if info.is_output]
    if not outputs:
        return [Problem("prompt_no_outputs", "Prompt has no outputs", "add a node such as Save Image")]
    problems: list[Problem] = []
    visited: set[str] = set()
    try:
        for name in outputs:
            problems += Walk(prompt, nodes, infos, visited).visit(name, ())
    except RecursionError:
        return [Problem("chain_too_long", "Too many nodes stand one behind another", "cut the workflow into several")]
    return problems


def missing_type(name: str, node: Mapping[str, Any]) -> Problem:
    """The problem of a node that nobody installed."""
    title = title_of(node)
    message = f"Node '{title}' not found. The custom node may not be installed."
    return Problem("missing_node_type", message, node["class_type"], name, title)


def title_of(node: Mapping[str, Any]) -> str:
    """What the person calls a node."""
    return (node.get("_meta") or {}).get("title") or node["class_type"]


@dataclass(frozen=True)
class Walk:
    """Checks nodes from the outputs backwards, each once."""

    prompt: Prompt
    nodes: Mapping[str, type]
    infos: Mapping[str, NodeInfo]
    visited: set[str]

    def visit(self, name: str, path: tuple[str, ...]) -> list[Problem]:
        """The problems of a node and of all that it needs."""
        if name in path:
            circle = " -> ".join([*path[path.index(name) :], name])
            return [self.problem(name, "dependency_cycle", "Dependency cycle detected", circle)]
        if name in self.visited:
            return []
        given = self.prompt[name]["inputs"]
        problems: list[Problem] = []
        asked = validated_inputs(self.nodes[self.prompt[name]["class_type"]])
        for info in live_inputs(self.infos[name].inputs, given):
            if info.id in given:
                problems += self.input(name, info, given, asked, (*path, name))
            elif info.required:
                what = info.id.rsplit(".", 1)[-1]
                problems.append(self.problem(name, "required_input_missing", "Required input is missing", what))
        self.visited.add(name)
        return problems or self.custom(name, asked)

    def input(self, name: str, info: InputInfo, given: dict[str, Any], asked: set[str], path: tuple[str, ...]) -> list[Problem]:
        """The problems of one input: of its link and what lies behind, or of its value."""
        value = given[info.id]
        if isinstance(value, list):
            return self.link(name, info, value, "input_types" in asked, path)
        if isinstance(value, dict) and "__value__" in value:
            return self.value(name, info, unpack(value))
        if info.type in CASTS:
            try:
                given[info.id] = value = CASTS[info.type](value)
                finite = not isinstance(value, float) or isfinite(value)
            except (TypeError, ValueError, OverflowError):
                finite = False
            if not finite:
                message = f"Failed to convert an input value to a {info.type} value"
                return [self.problem(name, "invalid_input_type", message, f"{info.id}, {shown(repr(value)[:LONGEST_VALUE])}")]
        elif info.kind == "socket" and value is not None:
            message = "A value stands where a connection belongs"
            return [self.problem(name, "invalid_input_type", message, f"{info.id}, {shown(repr(value)[:LONGEST_VALUE])}")]
        if info.id in asked or "*" in asked:
            return []
        return self.value(name, info, value)

    def link(self, name: str, info: InputInfo, link: list[Any], any_type: bool, path: tuple[str, ...]) -> list[Problem]:
        """A link must end at an output of the right type."""
        source = str(link[0]) if len(link) == 2 else ""
        if source not in self.prompt or not isinstance(link[1], int) or not 0 <= link[1] < len(self.infos[source].outputs):
            message = "Bad linked input, must be a length-2 list of [node_id, slot_index]"
            return [self.problem(name, "bad_linked_input", message, f"{info.id}, {shown(repr(link)[:LONGEST_VALUE])}")]
        received = self.infos[source].outputs[link[1]].type
        if not any_type and not fits(received, info.type):
            details = f"{info.id}, received_type({received}) mismatch input_type({info.type})"
            return [self.problem(name, "return_type_mismatch", "Return type mismatch between linked nodes", details)]
        return self.visit(source, path)

    def value(self, name: str, info: InputInfo, value: Any) -> list[Problem]:
        """A number must lie in its range, a choice in its list."""
        if info.min is not None and value < info.min:
            message = f"Value {shown(value, 40)} smaller than min of {info.min}"
            return [self.problem(name, "value_smaller_than_min", message, info.id)]
        if info.max is not None and value > info.max:
            message = f"Value {shown(value, 40)} bigger than max of {info.max}"
            return [self.problem(name, "value_bigger_than_max", message, info.id)]
        if info.kind == "dynamic_combo":
            choices: list[Any] = [option.key for option in info.options]
        elif info.type == "COMBO":
            choices = list(info.options or [])
        else:
            return []
        if value in choices:
            return []
        listed = choices if len(choices) <= LONGEST_LIST else f"(list of length {len(choices)})"
        details = f"{info.id}: {shown(repr(value)[:LONGEST_VALUE])} not in {listed}"
        return [self.problem(name, "value_not_in_list", "Value not in list", details)]

    def custom(self, name: str, asked: set[str]) -> list[Problem]:
        """What the node's own validate_inputs says."""
        if not asked:
            return []
        cls, info, given = self.nodes[self.prompt[name]["class_type"]], self.infos[name], self.prompt[name]["inputs"]
        values = {key: None if isinstance(value, list) else value for key, value in given.items()}
        arguments = {key: value for key, value in nested(info.inputs, values).items() if key in asked or "*" in asked}
        if "input_types" in asked:
            arguments["input_types"] = self.received_types(given)
        try:
            answer = cls.validate_inputs(**arguments)  # type: ignore[attr-defined]
        except Exception as error:
            return [self.problem(name, "exception_during_validation", "Exception when validating node", str(error))]
        if answer is True:
            return []
        details = ", ".join(arguments) + ("" if answer is False else f" - {answer}")
        return [self.problem(name, "custom_validation_failed", "Custom validation failed for node", details)]

    def received_types(self, given: Mapping[str, Any]) -> dict[str, str]:
        """The types that arrive over links."""
        links = {key: value for key, value in given.items() if isinstance(value, list)}
        return {key: self.infos[str(source)].outputs[slot].type for key, (source, slot) in links.items()}

    def problem(self, name: str, kind: str, message: str, details: str) -> Problem:
        """A problem of this node."""
        return Problem(kind, message, details, name, title_of(self.prompt[name]))


def validated_inputs(cls: type) -> set[str]:
    """The inputs that a node's own validate_inputs looks at, "*" for all; empty when it has none."""
    if "validate_inputs" not in vars(cls):
        return set()
    parameters = inspect.signature(cls.validate_inputs).parameters.values()  # type: ignore[attr-defined]
    return {"*" if p.kind is p.VAR_KEYWORD else p.name for p in parameters}


def fits(received: str, wanted: str) -> bool:
    """Whether a link of one type may go into an input of another: they share a type, or one of them takes any."""
    if ANY & {received, wanted}:
        return True
    return bool(set(received.split(",")) & set(wanted.split(",")))
