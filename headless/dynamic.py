"""Inputs that grow or change: the flat names of the API format (`styles.style0`), and the dicts that a node is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .graph import chosen

if TYPE_CHECKING:
    from .host.schema import InputInfo


def live_inputs(inputs: list[InputInfo], given: Mapping[str, Any], prefix: str = "") -> list[InputInfo]:
    """Every input that a node has with these values, each under its flat name. The dynamic combo itself is one of them."""
    flat: list[InputInfo] = []
    for info in inputs:
        named = replace(info, id=prefix + info.id)
        if info.kind == "autogrow":
            flat += slots(named)
            continue
        flat.append(named)
        if info.kind == "dynamic_combo":
            flat += live_inputs(chosen(info, given.get(named.id)), given, f"{named.id}.")
    return flat


def slots(info: InputInfo) -> list[InputInfo]:
    """The sockets of an Autogrow input; the first `min` of them are required."""
    template = info.template
    return [
        replace(template.input, id=f"{info.id}.{name}", kind="socket", required=template.input.required and index < template.min)
        for index, name in enumerate(template.names)
    ]


def nested(inputs: list[InputInfo], values: Mapping[str, Any]) -> dict[str, Any]:
    """Flat values as a node takes them: {"styles.style0": x} -> {"styles": {"style0": x}}.

    An Autogrow without connections is an empty dict; a dynamic combo is a dict with its own choice under its own name.
    """
    result: dict[str, Any] = {info.id: {} for info in inputs if info.kind == "autogrow"}
    live = {info.id: info for info in live_inputs(inputs, values)}
    combos = {name for name, info in live.items() if info.kind == "dynamic_combo"}
    for name, value in values.items():
        if name not in live:  # as in the host: what the node does not have, it is not given
            continue
        path = name.split(".")
        path = [*path, path[-1]] if name in combos else path
        place = result
        for part in path[:-1]:
            place = place.setdefault(part, {})
        place[path[-1]] = value
    return result
