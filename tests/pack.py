"""The nodes on whichever host is importable: a real ComfyUI on PYTHONPATH, else the pack's embedded one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).parents[1]
POCKET = "Pocket (built-in)"


class Pack:
    """The nodes by id, and a way to run one as the host does."""

    def __init__(self, nodes: list[type]) -> None:
        self.nodes: dict[str, Any] = {node.GET_SCHEMA().node_id: node for node in nodes}
        self.schemas = {name: node.GET_SCHEMA() for name, node in self.nodes.items()}

    def run(self, name: str, /, **inputs: object) -> Any:
        """The first output of the node StyleAtelier`name`; inputs that are left out have their defaults."""
        return self.outputs(name, **inputs)[0]

    def outputs(self, name: str, /, **inputs: object) -> tuple[Any, ...]:
        """All its outputs."""
        schema = self.schemas[f"StyleAtelier{name}"]
        defaults = {i.id: i.default for i in schema.inputs if getattr(i, "default", None) is not None}
        with torch.inference_mode():
            return self.nodes[f"StyleAtelier{name}"].execute(**{**defaults, **inputs}).result
