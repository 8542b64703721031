"""Loaders: a choice of the list becomes an encoder, a decoder, a stylizer, a translator or a generator."""

from __future__ import annotations

import torch
from comfy_api.latest import io

from ..models import generators, library, translators
from . import _host
from ._sockets import DecoderSocket, EncoderSocket, GeneratorSocket, StylizerSocket, TranslatorSocket

BUILT_IN = "Pocket (built-in)"
FIRST_TRANSLATOR = "Night painting (built-in)"
CHOICE_TOOLTIP = (
    "Built-in ones work at once. The named ones are downloaded the first time they are used. Your own files in "
    "models/style_atelier are listed below them and recognised by what is in them."
)


class LoadEncoder(io.ComfyNode):
    """A choice -> ATELIER_ENCODER."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="StyleAtelierLoadEncoder",
            display_name="Load Style Encoder",
            category="Style Atelier/loaders",
            description="Loads the network that looks at pictures and describes them as features. Use the encoder that "
            "belongs to your decoder.",
            search_aliases=["vgg", "vgg19", "vgg16", "encoder loader", "style features", "filter bank"],
            inputs=[
                io.Combo.Input(
                    "encoder", options=library.encoder_choices(_host.model_files()), default=BUILT_IN, tooltip=CHOICE_TOOLTIP
                ),
                io.Combo.Input(
                    "pooling",
                    options=["max", "average"],
                    default="max",
                    advanced=True,
                    tooltip="How the encoder shrinks its features. max is what decoders were trained with; average gives "
                    "smoother features.",
                ),
            ],
            outputs=[EncoderSocket.Output(display_name="encoder", tooltip="For Encode Picture.")],
        )

    @classmethod
    def fingerprint_inputs(cls, encoder: str, pooling: str) -> int:
        return _host.file_stamp(encoder)

    @classmethod
    def execute(cls, encoder: str, pooling: str) -> io.NodeOutput:
        hosted = _host.load("encoder", encoder, library.load_encoder)
        return io.NodeOutput(hosted if pooling == "max" else hosted.variant(hosted.model.with_pooling(pooling)))


class LoadDecoder(io.ComfyNode):
    """A choice -> ATELIER_DECODER."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="StyleAtelierLoadDecoder",
            display_name="Load Style Decoder",
            category="Style Atelier/loaders",
            description="Loads the network that paints a picture from features. It understands only the features of its own "
            "encoder.",
            search_aliases=["adain decoder", "wct decoder", "decoder loader"],
            inputs=[
                io.Combo.Input(
                    "decoder", options=library.decoder_choices(_host.model_files()), default=BUILT_IN, tooltip=CHOICE_TOOLTIP
                ),
            ],
            outputs=[DecoderSocket.Output(display_name="decoder", tooltip="For Decode Features.")],
        )

    @classmethod
    def fingerprint_inputs(cls, decoder: str) -> int:
        return _host.file_stamp(decoder)

    @classmethod
    def execute(cls, decoder: str) -> io.NodeOutput:
        return io.NodeOutput(_host.load("decoder", decoder, library.load_decoder))


class LoadStylizer(io.ComfyNode):
    """A choice -> ATELIER_STYLIZER."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="StyleAtelierLoadStylizer",
            display_name="Load Stylizer",
            category="Style Atelier/loaders",
            description="Loads a complete style transfer method, for Stylize. The built-in one needs no download.",
            search_aliases=[
                *("style transfer", "neural style", "adain", "wct", "stylizer loader", "arbitrary style", "fast neural style"),
                *("johnson", "magenta", "ghiasi", "microast", "adaattn", "cap-vstnet", "styleformer", "multi-style"),
            ],
            inputs=[
                io.Combo.Input(
                    "stylizer", options=library.stylizer_choices(_host.model_files()), default=BUILT_IN, tooltip=CHOICE_TOOLTIP
                ),
                io.Boolean.Input(
                    "torch_compile",
                    default=False,
                    optional=True,
                    advanced=True,
                    tooltip="Let PyTorch compile the method: the first picture of each size takes minutes, the next are faster "
                    "on a graphics card. Needs a compiler that PyTorch can use; off works everywhere.",
                ),
            ],
            outputs=[
                StylizerSocket.Output(
                    display_name="stylizer", tooltip="For Stylize, Stylize Video, Encode Style and Compare Stylizers."
                )
            ],
        )

    @classmethod
    def fingerprint_inputs(cls, stylizer: str, torch_compile: bool = False) -> int:
        return _host.file_stamp(stylizer)

    @classmethod
    def execute(cls, stylizer: str, torch_compile: bool = False) -> io.NodeOutput:
        hosted = _host.load("stylizer", stylizer, library.load_stylizer)
        return io.NodeOutput(hosted.variant(hosted.model.compiled()) if torch_compile else hosted)


class LoadTranslator(io.ComfyNode):
    """A choice -> ATELIER_TRANSLATOR."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="StyleAtelierLoadTranslator",
            display_name="Load Translator",
            category="Style Atelier/loaders",
            description="Loads a network that turns one kind of picture into another: a photo into a Van Gogh, a "
            "horse into a zebra, a selfie into an anime face. For Translate.",
            search_aliases=[
                *("cyclegan", "pix2pix", "u-gat-it", "ugatit", "selfie2anime", "photo2cartoon", "animegan", "stargan"),
                *("stargan v2", "munit", "unit", "funit", "image to image translation", "translator loader"),
            ],
            inputs=[
                io.Combo.Input(
                    "translator",
                    options=translators.translator_choices(_host.model_files()),
                    default=FIRST_TRANSLATOR,
                    tooltip="The built-in one works at once. The named ones are downloaded the first time they are used; those "
                    "that have no public address say where to get them. Your own files in models/style_atelier are listed "
                    "below them and recognised by what is in them.",
                ),
            ],
            outputs=[
                TranslatorSocket.Output(display_name="translator", tooltip="For Translate, Style Code and Face Attributes.")
            ],
        )

    @classmethod
    def fingerprint_inputs(cls, translator: str) -> int:
        return _host.file_stamp(translator)

    @classmethod
    def execute(cls, translator: str) -> io.NodeOutput:
        return io.NodeOutput(_host.load("translator", translator, translators.load_translator))


class LoadGenerator(io.ComfyNode):
    """A choice -> ATELIER_GENERATOR."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        choices = generators.generator_choices(_host.model_files())
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
                    "below them and recognised by what is in them.",
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
        return _host.file_stamp(generator)

    @classmethod
    def execute(cls, generator: str, torch_compile: bool) -> io.NodeOutput:
        # Outside of inference mode, so that a projection can follow gradients through the weights.
        with torch.inference_mode(False), torch.no_grad():
            hosted = _host.load("generator", generator, generators.load_generator)
        return io.NodeOutput(hosted.variant(hosted.model.compiled()) if torch_compile else hosted)
