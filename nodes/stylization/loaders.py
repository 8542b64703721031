"""Loaders: a choice of the list becomes an encoder, a decoder or a stylizer."""

from __future__ import annotations

from comfy_api.latest import io

from ...models.library.choices import decoder_choices, encoder_choices, stylizer_choices
from ..host.feedback import warn_of_compiling
from ..host.folders import file_stamp, model_files
from ..host.networks import load
from ..host.sockets import DecoderSocket, EncoderSocket, StylizerSocket

BUILT_IN = "Pocket (built-in)"
CHOICE_TOOLTIP = (
    "Built-in ones work at once. The named ones are downloaded the first time they are used. Your own files in "
    "models/style_atelier are listed below them and recognized by what is in them."
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
                    "encoder", options=encoder_choices(model_files("encoder")), default=BUILT_IN, tooltip=CHOICE_TOOLTIP
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
        return file_stamp(encoder)

    @classmethod
    def execute(cls, encoder: str, pooling: str) -> io.NodeOutput:
        from ...models.library import stylizers

        hosted = load("encoder", encoder, stylizers.load_encoder)
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
                    "decoder", options=decoder_choices(model_files("decoder")), default=BUILT_IN, tooltip=CHOICE_TOOLTIP
                ),
            ],
            outputs=[DecoderSocket.Output(display_name="decoder", tooltip="For Decode Features.")],
        )

    @classmethod
    def fingerprint_inputs(cls, decoder: str) -> int:
        return file_stamp(decoder)

    @classmethod
    def execute(cls, decoder: str) -> io.NodeOutput:
        from ...models.library import stylizers

        return io.NodeOutput(load("decoder", decoder, stylizers.load_decoder))


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
                *("oil painting", "van gogh", "风格迁移", "油画", "画风"),
            ],
            inputs=[
                io.Combo.Input(
                    "stylizer",
                    options=stylizer_choices(model_files("stylizer")),
                    default=BUILT_IN,
                    tooltip=CHOICE_TOOLTIP,
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
        return file_stamp(stylizer)

    @classmethod
    def execute(cls, stylizer: str, torch_compile: bool = False) -> io.NodeOutput:
        from ...models.library import stylizers

        hosted = load("stylizer", stylizer, stylizers.load_stylizer)
        if torch_compile:
            warn_of_compiling()
        return io.NodeOutput(hosted.variant(hosted.model.compiled()) if torch_compile else hosted)
