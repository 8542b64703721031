"""The host's own node that shows any value as text: same id, input and output as in ComfyUI 0.33."""

from __future__ import annotations

import json
from typing import Any

from . import node_io as io


class PreviewAny(io.ComfyNode):
    """A value as text, which a run without a page passes on."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="PreviewAny",
            display_name="Preview as Text",
            category="utilities",
            inputs=[io.Custom("*").Input("source")],
            outputs=[io.String.Output()],
            is_output_node=True,
        )

    @classmethod
    def execute(cls, source: Any) -> io.NodeOutput:
        text = source if isinstance(source, str) else json.dumps(source, indent=4, ensure_ascii=False, default=str)
        return io.NodeOutput(text, ui={"text": [text]})


NODES: list[Any] = [PreviewAny]
