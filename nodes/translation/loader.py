"""Load Translator: a choice of the list becomes a translator."""

from __future__ import annotations

from comfy_api.latest import io

from ...models.library.choices import translator_choices
from ..host.folders import file_stamp, model_files
from ..host.networks import load
from ..host.sockets import TranslatorSocket

FIRST_TRANSLATOR = "Night painting (built-in)"


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
                *("cartoon", "anime", "van gogh", "monet", "卡通", "动漫", "梵高", "莫奈"),
            ],
            inputs=[
                io.Combo.Input(
                    "translator",
                    options=translator_choices(model_files("translator")),
                    default=FIRST_TRANSLATOR,
                    tooltip="The built-in one works at once. The named ones are downloaded the first time they are used; those "
                    "that have no public address say where to get them. Your own files in models/style_atelier are listed "
                    "below them and recognized by what is in them.",
                ),
            ],
            outputs=[
                TranslatorSocket.Output(display_name="translator", tooltip="For Translate, Style Code and Face Attributes.")
            ],
        )

    @classmethod
    def fingerprint_inputs(cls, translator: str) -> int:
        return file_stamp(translator)

    @classmethod
    def execute(cls, translator: str) -> io.NodeOutput:
        from ...models.library import translators

        return io.NodeOutput(load("translator", translator, translators.load_translator))
