"""Styles in files."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from ...models.weights.kept import SUFFIX
from ..host.feedback import show
from ..host.saved import Saved
from ..host.sockets import StyleSocket
from ..host.widgets import saved_choice, saved_name
from .taken import from_style

SAVED = Saved("style_atelier_styles", SUFFIX, "Save Style")


class SaveStyle(io.ComfyNode):
    """ATELIER_STYLE -> a file."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="StyleAtelierSaveStyle",
            display_name="Save Style",
            category="Style Atelier/styles",
            description="Saves a style to output/style_atelier_styles, to use it in other workflows without its picture.",
            search_aliases=["export style", "style vector", "save style code", "style preset", "keep style"],
            is_output_node=True,
            inputs=[
                StyleSocket.Input("style", tooltip="The style to save, or a batch."),
                saved_name("painting", "monet/lilies"),
            ],
            outputs=[StyleSocket.Output(display_name="style", tooltip="The same style.")],
        )

    @classmethod
    def execute(cls, style: Any, name: str) -> io.NodeOutput:
        from ...models.stylization.style_file import write_style

        given = from_style(style, "style")
        show(SAVED.told(write_style(given, SAVED.place(name))))
        return io.NodeOutput(given)


class LoadStyle(io.ComfyNode):
    """A file -> ATELIER_STYLE."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="StyleAtelierLoadStyle",
            display_name="Load Style",
            category="Style Atelier/styles",
            description="Loads a style that Save Style has saved. It works with the stylizer that it was taken with.",
            search_aliases=["import style", "style vector", "load style code", "style preset", "reuse style"],
            inputs=[
                saved_choice(SAVED),
            ],
            outputs=[StyleSocket.Output(display_name="style", tooltip="For Stylize, Stylize Video and the style nodes.")],
        )

    @classmethod
    def fingerprint_inputs(cls, name: str) -> int:
        return SAVED.stamp(name)

    @classmethod
    def execute(cls, name: str) -> io.NodeOutput:
        from ...models.stylization.style_file import read_style

        return io.NodeOutput(read_style(SAVED.path(name)))
