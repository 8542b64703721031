"""Load Generator: a choice of the list becomes a generator."""

from __future__ import annotations

import torch
from comfy_api.latest import io

from ...models.library.choices import generator_choices
from ..host.feedback import warn_of_compiling
from ..host.folders import file_stamp, model_files
from ..host.networks import load
from ..host.sockets import GeneratorSocket


class LoadGenerator(io.ComfyNode):
    """A choice -> ATELIER_GENERATOR."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        choices = generator_choices(model_files("generator"))
        return io.Schema(
            node_id="StyleAtelierLoadGenerator",
            display_name="Load Generator",
            category="Style Atelier/loaders",
            description="Loads a network that makes pictures from points of its latent space: StyleGAN 1, 2, 3 or Styleformer. "
            "Official .pkl files are read without running anything in them. For Sample W and Synthesize.",
            search_aliases=[
                "stylegan",
                "stylegan2",
                "stylegan2-ada",
                "stylegan3",
                "styleformer",
                "gan loader",
                "pkl",
                "this person",
            ],
            inputs=[
                io.Combo.Input(
                    "generator",
                    options=choices,
                    default=choices[0],
                    tooltip="The named ones are downloaded the first time they are used; those that have no public address say "
                    "where to get them. Your own files in models/style_atelier, such as a .pkl of your training, are listed "
                    "below them and recognized by what is in them.",
                ),
                io.Boolean.Input(
                    "torch_compile",
                    default=False,
                    advanced=True,
                    tooltip="Let PyTorch compile the network: the first picture takes minutes, the next are faster on a graphics "
                    "card. Needs a compiler that PyTorch can use; off works everywhere.",
                ),
            ],
            outputs=[
                GeneratorSocket.Output(display_name="generator", tooltip="For Sample W, Synthesize, Project and Directions.")
            ],
        )

    @classmethod
    def fingerprint_inputs(cls, generator: str, torch_compile: bool) -> int:
        return file_stamp(generator)

    @classmethod
    def execute(cls, generator: str, torch_compile: bool) -> io.NodeOutput:
        # Outside of inference mode, so that a projection can follow gradients through the weights.
        from ...models.library import generators

        with torch.inference_mode(False), torch.no_grad():
            hosted = load("generator", generator, generators.load_generator)
        if torch_compile:
            warn_of_compiling()
        return io.NodeOutput(hosted.variant(hosted.model.compiled()) if torch_compile else hosted)
