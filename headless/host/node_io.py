"""The embedded host's `comfy_api.latest.io`: the part of the V3 node interface that this pack's nodes use.

Names, parameters and defaults are those of ComfyUI 0.33 (a conformance test compares them); only what a run without a
page needs is kept of each.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from io import BytesIO
from typing import Any


class ControlAfterGenerate(str, Enum):
    """What the page does with a seed after each run."""

    fixed = "fixed"
    increment = "increment"
    decrement = "decrement"
    randomize = "randomize"


class Input:
    """One input of a node. type: the name of its type on a wire."""

    type = "*"
    widget = False

    def __init__(
        self,
        id: str,
        display_name: str | None = None,
        optional: bool = False,
        tooltip: str | None = None,
        lazy: bool | None = None,
        extra_dict: Any = None,
        raw_link: bool | None = None,
        advanced: bool | None = None,
        **settings: Any,
    ) -> None:
        self.id = id
        self.display_name = display_name
        self.optional = optional
        self.tooltip = tooltip
        self.advanced = advanced
        self.force_input = bool(settings.get("force_input"))
        self.default = settings.get("default")
        self.min = settings.get("min")
        self.max = settings.get("max")
        self.step = settings.get("step")
        self.multiline = settings.get("multiline")
        self.options: Any = settings.get("options")
        self.template: Any = settings.get("template")
        self.control_after_generate = settings.get("control_after_generate")

    def get_io_type(self) -> str:
        """The name of its type on a wire."""
        return self.type


class Output:
    """One output of a node."""

    type = "*"

    def __init__(
        self,
        id: str | None = None,
        display_name: str | None = None,
        tooltip: str | None = None,
        is_output_list: bool = False,
    ) -> None:
        self.id = id
        self.display_name = display_name
        self.tooltip = tooltip
        self.is_output_list = is_output_list

    def get_io_type(self) -> str:
        """The name of its type on a wire."""
        return self.type


class ComfyType:
    """A type of wire: `.Input` and `.Output` make its sockets, `.io_type` is its name."""

    io_type = "*"
    Type: Any = Any
    Input: type[Input]
    Output: type[Output]


def Custom(io_type: str) -> type[ComfyType]:
    """A type of a pack's own."""
    return _comfy_type(io_type, Input)


def _comfy_type(io_type: str, base: type[Input]) -> type[ComfyType]:
    socket = type(f"{io_type.title()}Input", (base,), {"type": io_type})
    output = type(f"{io_type.title()}Output", (Output,), {"type": io_type})
    return type(io_type.title(), (ComfyType,), {"io_type": io_type, "Input": socket, "Output": output})


class WidgetInput(Input):
    """An input that a person sets on the node."""

    widget = True

    def __init__(
        self,
        id: str,
        display_name: str | None = None,
        optional: bool = False,
        tooltip: str | None = None,
        lazy: bool | None = None,
        default: Any = None,
        socketless: bool | None = None,
        force_input: bool | None = None,
        extra_dict: Any = None,
        raw_link: bool | None = None,
        advanced: bool | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(
            id,
            display_name,
            optional,
            tooltip,
            lazy,
            extra_dict,
            raw_link,
            advanced,
            default=default,
            force_input=force_input,
            **settings,
        )


class ComboInput(WidgetInput):
    """A choice from a list."""

    type = "COMBO"

    def __init__(
        self,
        id: str,
        options: list[Any] | None = None,
        display_name: str | None = None,
        optional: bool = False,
        tooltip: str | None = None,
        lazy: bool | None = None,
        default: Any = None,
        **settings: Any,
    ) -> None:
        super().__init__(id, display_name, optional, tooltip, lazy, default, options=list(options or []), **settings)


Image = Custom("IMAGE")
Mask = Custom("MASK")
Int = _comfy_type("INT", WidgetInput)
Float = _comfy_type("FLOAT", WidgetInput)
String = _comfy_type("STRING", WidgetInput)
Boolean = _comfy_type("BOOLEAN", WidgetInput)
Combo = _comfy_type("COMBO", ComboInput)


@dataclass
class Drawings:
    """What an SVG wire carries: files in memory."""

    data: list[BytesIO]


SVG = Custom("SVG")
SVG.Type = Drawings


class TemplatePrefix:
    """Sockets prefix0, prefix1, ... of an Autogrow; the first `min` are required."""

    def __init__(self, input: Input, prefix: str, min: int = 1, max: int = 10) -> None:
        self.input = input
        self.prefix = prefix
        self.min = min
        self.max = max
        self.names = [f"{prefix}{index}" for index in range(max)]


class TemplateNames:
    """Sockets of an Autogrow with names of their own."""

    def __init__(self, input: Input, names: list[str], min: int = 1) -> None:
        self.input = input
        self.min = min
        self.names = list(names)


class AutogrowInput(Input):
    """An input that grows socket by socket; the node gets a dict of what is connected."""

    type = "COMFY_AUTOGROW_V3"

    def __init__(
        self,
        id: str,
        template: TemplatePrefix | TemplateNames,
        display_name: str | None = None,
        optional: bool = False,
        tooltip: str | None = None,
        lazy: bool | None = None,
        extra_dict: Any = None,
    ) -> None:
        super().__init__(id, display_name, optional, tooltip, lazy, extra_dict, template=template)


class Autogrow(ComfyType):
    """See AutogrowInput."""

    io_type = AutogrowInput.type
    Type = dict
    Input = AutogrowInput
    TemplatePrefix = TemplatePrefix
    TemplateNames = TemplateNames


@dataclass
class Option:
    """A choice of a DynamicCombo, and the inputs that come with it."""

    key: str
    inputs: list[Input]


class DynamicComboInput(Input):
    """A choice that brings inputs of its own; the node gets a dict of the choice and their values."""

    type = "COMFY_DYNAMICCOMBO_V3"
    widget = True

    def __init__(
        self,
        id: str,
        options: list[Option],
        display_name: str | None = None,
        optional: bool = False,
        tooltip: str | None = None,
        lazy: bool | None = None,
        extra_dict: Any = None,
    ) -> None:
        super().__init__(id, display_name, optional, tooltip, lazy, extra_dict, options=options)


class DynamicCombo(ComfyType):
    """See DynamicComboInput."""

    io_type = DynamicComboInput.type
    Type = dict
    Input = DynamicComboInput
    Option = Option


@dataclass
class Schema:
    """What a node is: its id, words, inputs and outputs."""

    node_id: str
    display_name: str | None = None
    category: str = "sd"
    inputs: list[Input] = field(default_factory=list)
    outputs: list[Output] = field(default_factory=list)
    hidden: list[Any] = field(default_factory=list)
    description: str = ""
    search_aliases: list[str] = field(default_factory=list)
    is_input_list: bool = False
    is_output_node: bool = False
    is_deprecated: bool = False
    is_experimental: bool = False
    not_idempotent: bool = False
    essentials_category: str | None = None
    has_intermediate_output: bool = False

    def validate(self) -> None:
        """Raise ValueError when an id is used twice."""
        for kind, ids in (("Input", [i.id for i in self.inputs]), ("Output", [o.id for o in self.outputs if o.id])):
            if len(set(ids)) != len(ids):
                raise ValueError(f"{kind} ids must be unique, but {self.node_id} uses one of them twice")


class NodeOutput:
    """What a node gives: the values of its outputs in order, and what is to be shown of it."""

    def __init__(self, *args: Any, ui: Any = None, expand: dict | None = None, block_execution: str | None = None) -> None:
        self.args = args
        self.ui = ui

    @property
    def result(self) -> tuple[Any, ...] | None:
        """The values, or None when there are none."""
        return self.args or None


class ComfyNode:
    """Base of every node. Subclasses define `define_schema` and `execute`."""

    @classmethod
    def define_schema(cls) -> Schema:
        """The node's schema."""
        raise NotImplementedError

    @classmethod
    def execute(cls, **kwargs: Any) -> NodeOutput:
        """The node's work."""
        raise NotImplementedError

    @classmethod
    def GET_SCHEMA(cls) -> Schema:
        """The schema, as the host asks for it."""
        return cls.define_schema()
