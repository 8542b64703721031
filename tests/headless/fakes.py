"""Small nodes that count their calls, and helpers to write prompts."""

from __future__ import annotations

from typing import Any

from style_atelier.headless.host import node_io as io
from style_atelier.headless.host.progress import ProgressBar, interrupt

calls: list[str] = []
stamp = 0.0


class Number(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        inputs = [
            io.Int.Input("value", default=1, min=0, max=10, control_after_generate=True),
            io.Combo.Input("unit", options=["cm", "inch"]),
            io.String.Input("note", default="", optional=True),
        ]
        return io.Schema(node_id="Number", inputs=inputs, outputs=[io.Int.Output()])

    @classmethod
    def execute(cls, value: int, unit: str, note: str = "") -> io.NodeOutput:
        calls.append(f"Number {value}")
        return io.NodeOutput(value)


class Sum(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        template = io.Autogrow.TemplatePrefix(io.Int.Input("term"), prefix="term", min=1, max=4)
        return io.Schema(node_id="Sum", inputs=[io.Autogrow.Input("terms", template=template)], outputs=[io.Int.Output()])

    @classmethod
    def execute(cls, terms: dict[str, int]) -> io.NodeOutput:
        calls.append("Sum")
        if 7 in terms.values():
            raise ValueError("terms holds a 7: choose another number.")
        return io.NodeOutput(sum(terms.values()))


class Show(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(node_id="Show", inputs=[io.Int.Input("value", force_input=True)], outputs=[], is_output_node=True)

    @classmethod
    def execute(cls, value: int) -> io.NodeOutput:
        calls.append("Show")
        return io.NodeOutput(ui={"text": [value]})


class Clock(io.ComfyNode):
    """Its fingerprint is `stamp`; refuses a value of 3."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(node_id="Clock", inputs=[io.Int.Input("value", min=0, max=2)], outputs=[io.Int.Output()])

    @classmethod
    def fingerprint_inputs(cls, value: int) -> float:
        return stamp

    @classmethod
    def validate_inputs(cls, value: int) -> bool | str:
        return True if value != 3 else "three is right out"

    @classmethod
    def execute(cls, value: int) -> io.NodeOutput:
        calls.append("Clock")
        return io.NodeOutput(value)


class Stopping(io.ComfyNode):
    """Asks for the interrupt, then reports progress."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(node_id="Stopping", inputs=[], outputs=[io.Int.Output()])

    @classmethod
    def execute(cls) -> io.NodeOutput:
        bar = ProgressBar(4)
        bar.update(1)
        interrupt()
        bar.update(1)
        raise AssertionError("the interrupt did not stop the node")


class Text(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(node_id="Text", inputs=[io.String.Input("text")], outputs=[io.String.Output()])

    @classmethod
    def execute(cls, text: str) -> io.NodeOutput:
        return io.NodeOutput(text)


NODES: dict[str, Any] = {cls.__name__: cls for cls in (Number, Sum, Show, Clock, Stopping, Text)}


def prompt(**nodes: tuple[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """A prompt in the API format: a=("Number", {...})."""
    return {name: {"class_type": kind, "inputs": inputs} for name, (kind, inputs) in nodes.items()}


def number(value: Any) -> tuple[str, dict[str, Any]]:
    """A Number node."""
    return ("Number", {"value": value, "unit": "cm"})
