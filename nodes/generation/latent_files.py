"""Points of W in files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from comfy_api.latest import io

from ...models.weights.kept import SUFFIX
from ..host.feedback import show
from ..host.saved import Saved
from ..host.sockets import WSocket
from ..host.widgets import saved_choice, saved_name

if TYPE_CHECKING:
    from ...models.generation.latents import Latents

SAVED = Saved("style_atelier_w", SUFFIX, "Save W")


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
                saved_name("portrait", "faces/anna"),
            ],
            outputs=[WSocket.Output(display_name="w", tooltip="The same points.")],
        )

    @classmethod
    def execute(cls, w: Latents, name: str) -> io.NodeOutput:
        from ...models.generation.latent_file import write_latents

        show(SAVED.told(write_latents(w, SAVED.place(name))))
        return io.NodeOutput(w)


class LoadW(io.ComfyNode):
    """A file -> ATELIER_W."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="StyleAtelierLoadW",
            display_name="Load W",
            category="Style Atelier/latents",
            description="Loads points of W that Save W has saved.",
            search_aliases=["load latent", "load face", "import w"],
            inputs=[
                saved_choice(SAVED),
            ],
            outputs=[WSocket.Output(display_name="w", tooltip="The points, with what is known of how they came about.")],
        )

    @classmethod
    def fingerprint_inputs(cls, name: str) -> int:
        return SAVED.stamp(name)

    @classmethod
    def execute(cls, name: str) -> io.NodeOutput:
        from ...models.generation.latent_file import read_latents

        return io.NodeOutput(read_latents(SAVED.path(name)))
