"""Points of W in files."""

from __future__ import annotations

from pathlib import Path

import folder_paths
from comfy_api.latest import io

from ..models.latent_file import SUFFIX, read_latents, write_latents
from ..models.latents import Latents
from ..models.numbered import contained
from . import _host
from ._sockets import WSocket

FOLDER = "style_atelier_w"
NONE = "none saved yet"


def folder() -> Path:
    """Where points of W are kept: output/style_atelier_w."""
    return Path(folder_paths.get_output_directory(), FOLDER)


def saved() -> list[str]:
    """Names of the files there, with forward slashes."""
    root = folder()
    return sorted(path.relative_to(root).as_posix() for path in root.rglob(f"*{SUFFIX}")) if root.is_dir() else []


class SaveW(io.ComfyNode):
    """ATELIER_W -> a file."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="StyleAtelierSaveW",
            display_name="Save W",
            category="Style Atelier/latents",
            description="Saves points of W to output/style_atelier_w, to use them in other workflows.",
            search_aliases=["save latent", "save face", "export w", "projected w"],
            is_output_node=True,
            inputs=[
                WSocket.Input("w", tooltip="The points to save."),
                io.String.Input(
                    "name",
                    default="portrait",
                    tooltip="Name of the file, also with folders as in faces/anna. A number is added; nothing is overwritten.",
                ),
            ],
            outputs=[WSocket.Output(display_name="w", tooltip="The same points.")],
        )

    @classmethod
    def execute(cls, w: Latents, name: str) -> io.NodeOutput:
        path = write_latents(w, contained(folder(), name, SUFFIX))
        _host.show(f"saved as {path.relative_to(folder().resolve()).as_posix()}")
        return io.NodeOutput(w)


class LoadW(io.ComfyNode):
    """A file -> ATELIER_W."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        choices = saved() or [NONE]
        return io.Schema(
            node_id="StyleAtelierLoadW",
            display_name="Load W",
            category="Style Atelier/latents",
            description="Loads points of W that Save W has saved.",
            search_aliases=["load latent", "load face", "import w"],
            inputs=[
                io.Combo.Input(
                    "name",
                    options=choices,
                    default=choices[-1],
                    tooltip="A file of output/style_atelier_w. Press R to list new ones.",
                ),
            ],
            outputs=[WSocket.Output(display_name="w", tooltip="The points, with what is known of how they came about.")],
        )

    @classmethod
    def fingerprint_inputs(cls, name: str) -> int:
        path = folder() / name
        return path.stat().st_mtime_ns if path.is_file() else 0

    @classmethod
    def execute(cls, name: str) -> io.NodeOutput:
        start = contained(folder(), name, SUFFIX)
        path = start.with_name(f"{start.name}{SUFFIX}")
        if not path.is_file():
            raise ValueError(f"There is no file {name!r} in {folder()}: save one with Save W, or choose another of the list")
        return io.NodeOutput(read_latents(path))
