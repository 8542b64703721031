"""Node descriptions as a running ComfyUI gives them out at /object_info."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .host.schema import InputInfo, Kind, NodeInfo, OptionInfo, OutputInfo, TemplateInfo

WIDGETS = {"INT", "FLOAT", "STRING", "BOOLEAN", "COMBO", "COLOR"}
AUTOGROW, DYNAMIC_COMBO = "COMFY_AUTOGROW_V3", "COMFY_DYNAMICCOMBO_V3"


def read_node(data: Mapping[str, Any]) -> NodeInfo:
    """The description of one node."""
    lists = data.get("output_is_list") or [False] * len(data["output"])
    outputs = [
        OutputInfo(name, kind if isinstance(kind, str) else "COMBO", name, bool(is_list))
        for kind, name, is_list in zip(data["output"], data["output_name"], lists, strict=True)
    ]
    title = data.get("display_name") or data["name"]
    return NodeInfo(data["name"], title, read_inputs(data["input"]), outputs, data["output_node"])


def read_inputs(data: Mapping[str, Mapping[str, Any]]) -> list[InputInfo]:
    """Required inputs, then optional ones, as the page draws them."""
    return [
        read_input(name, given, group == "required")
        for group in ("required", "optional")
        for name, given in data.get(group, {}).items()
    ]


def read_input(name: str, given: Any, required: bool) -> InputInfo:
    """One input: [type, settings], where old combos have their list for a type."""
    kind, settings = given[0], given[1] if len(given) > 1 else {}
    if isinstance(kind, list):
        kind, settings = "COMBO", {"options": kind, **settings}
    shape: Kind = "widget" if kind in WIDGETS and not settings.get("forceInput") else "socket"
    options, template = settings.get("options"), None
    if kind == AUTOGROW:
        shape, template = "autogrow", read_template(settings["template"])
    elif kind == DYNAMIC_COMBO:
        shape, options = "dynamic_combo", [OptionInfo(o["key"], read_inputs(o["inputs"])) for o in settings["options"]]
    return InputInfo(
        id=name,
        type=kind,
        kind=shape,
        required=required,
        default=settings.get("default"),
        min=settings.get("min"),
        max=settings.get("max"),
        step=settings.get("step"),
        options=options,
        tooltip=settings.get("tooltip"),
        control_after_generate=settings.get("control_after_generate"),
        template=template,
    )


def read_template(data: Mapping[str, Any]) -> TemplateInfo:
    """How an Autogrow input grows."""
    names = data.get("names") or [f"{data['prefix']}{i}" for i in range(data["max"])]
    return TemplateInfo(names, data.get("min", 0), read_inputs(data["input"])[0])
