"""The host's node for drawings: same id, inputs and outputs as in ComfyUI 0.33."""

from __future__ import annotations

from . import folders
from . import node_io as io
from .core_images import new_files


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
        files = new_files(folders.get_output_directory(), filename_prefix, ".svg", "output", len(svg.data))
        for (path, _), drawing in zip(files, svg.data, strict=True):
            path.write_bytes(drawing.getvalue())
        shown = [entry for _, entry in files]
        return io.NodeOutput(svg, ui={"images": shown})


NODES = [SaveSVGNode]
