"""What the executor asks of a node class: its description, and a call."""

from __future__ import annotations

import asyncio
import inspect
from dataclasses import dataclass
from typing import Any, Literal

from .node_io import AutogrowInput, DynamicComboInput, Input, NodeOutput, Option, Schema, TemplateNames, TemplatePrefix

Kind = Literal["widget", "socket", "autogrow", "dynamic_combo"]


@dataclass(frozen=True)
class TemplateInfo:
    """How an Autogrow input grows: the names of its sockets, how many must be connected, and what each is."""

    names: list[str]
    min: int
    input: InputInfo


@dataclass(frozen=True)
class OptionInfo:
    """A choice of a DynamicCombo."""

    key: str
    inputs: list[InputInfo]


@dataclass(frozen=True)
class InputInfo:
    """One input. options: a combo's list, or a dynamic combo's OptionInfo."""

    id: str
    type: str
    kind: Kind
    required: bool
    default: Any = None
    min: Any = None
    max: Any = None
    step: Any = None
    options: Any = None
    tooltip: str | None = None
    control_after_generate: Any = None
    template: Any = None


@dataclass(frozen=True)
class OutputInfo:
    """One output."""

    id: str
    type: str
    name: str
    is_list: bool


@dataclass(frozen=True)
class NodeInfo:
    """A node class."""

    node_id: str
    display_name: str
    inputs: list[InputInfo]
    outputs: list[OutputInfo]
    is_output: bool
    takes_lists: bool = False


def describe(cls: Any) -> NodeInfo:
    """The description of a node class."""
    schema: Schema = cls.GET_SCHEMA()
    outputs = [
        OutputInfo(out.id or f"_{i}_{out.type}_", out.type, out.display_name or out.type, out.is_output_list)
        for i, out in enumerate(schema.outputs)
    ]
    inputs = [describe_input(i) for i in schema.inputs]
    return NodeInfo(
        schema.node_id, schema.display_name or schema.node_id, inputs, outputs, schema.is_output_node, schema.is_input_list
    )


def describe_input(given: Input) -> InputInfo:
    """One input's description."""
    options, template, kind = given.options, None, "widget" if given.widget and not given.force_input else "socket"
    if isinstance(given, AutogrowInput):
        kind, template = "autogrow", describe_template(given.template)
    elif isinstance(given, DynamicComboInput):
        kind, options = "dynamic_combo", [describe_option(option) for option in given.options]
    return InputInfo(
        id=given.id,
        type=given.type,
        kind=kind,  # type: ignore[arg-type]
        required=not given.optional,
        default=given.default,
        min=given.min,
        max=given.max,
        step=given.step,
        options=options,
        tooltip=given.tooltip,
        control_after_generate=given.control_after_generate,
        template=template,
    )


def describe_template(template: TemplatePrefix | TemplateNames) -> TemplateInfo:
    """How an Autogrow input grows."""
    return TemplateInfo(template.names, template.min, describe_input(template.input))


def describe_option(option: Option) -> OptionInfo:
    """A choice of a DynamicCombo."""
    return OptionInfo(option.key, [describe_input(i) for i in option.inputs])


def call(cls: Any, **values: Any) -> NodeOutput:
    """Run a node's `execute`, plain or async."""
    result = cls.execute(**values)
    return asyncio.run(result) if inspect.iscoroutine(result) else result
