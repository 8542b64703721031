"""The host's node for drawings: same id, inputs and outputs as in ComfyUI 0.33."""

from __future__ import annotations

from functools import partial
from io import BytesIO
from pathlib import Path

from . import folders
from . import node_io as io
from .core_images import save_each


def write_drawing(drawing: BytesIO, name: str) -> None:
    """One drawing to a file of this name."""
    Path(name).write_bytes(drawing.getvalue())


class SaveSVGNode(io.ComfyNode):
    """Writes drawings to the output folder."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SaveSVGNode",
            display_name="Save SVG",
            category="image",
            inputs=[io.SVG.Input("svg"), io.String.Input("filename_prefix", default="svg/ComfyUI")],
            outputs=[io.SVG.Output("svg")],
            is_output_node=True,
        )

    @classmethod
    def execute(cls, svg: io.Drawings, filename_prefix: str = "svg/ComfyUI") -> io.NodeOutput:
        writes = (partial(write_drawing, drawing) for drawing in svg.data)
        shown = save_each(folders.get_output_directory(), filename_prefix, ".svg", "output", writes)
        return io.NodeOutput(svg, ui={"images": shown})


NODES = [SaveSVGNode]
