"""Style codes as things to hold: made from a picture, by chance or by attributes, mixed, and walked between."""

from __future__ import annotations

from typing import TYPE_CHECKING

from comfy_api.latest import io
from torch import Tensor

from ...models.families.stargan import RAFD
from ...models.families.stargan.labels import HAIR
from ..host.images import from_image, read_numbers, read_weights, slots
from ..host.networks import on_device
from ..host.sockets import Hosted, StyleCodeSocket, TranslatorSocket
from ..host.widgets import MOST_FRAMES, grown, proportions, walk_frames, walk_loop
from .translate import LARGEST_SEED

if TYPE_CHECKING:
    from ...models.translation.style_code import StyleCode as Code

FIRST_DOMAIN = "automatic"
DOMAINS = [FIRST_DOMAIN, "A", "B", "female", "male", "cat", "dog", "wild", *(f"domain {i}" for i in range(1, 11))]
BYTES_PER_PIXEL = 3000.0


class StyleCode(io.ComfyNode):
    """A reference picture, or a seed -> ATELIER_STYLE_CODE."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="StyleAtelierStyleCode",
            display_name="Style Code",
            category="Style Atelier/styles",
            description="Takes the style of a picture, or draws one by chance, for translators that paint in many styles.",
            search_aliases=["style vector", "stargan v2 style", "munit style", "funit class", "latent style", "random style"],
            inputs=[
                TranslatorSocket.Input("translator", tooltip="From Load Translator: StarGAN v2, MUNIT or FUNIT."),
                io.Image.Input(
                    "reference",
                    optional=True,
                    tooltip="The picture whose style to take; a batch gives a code for each (FUNIT: their mean, one kind of "
                    "animal). Left out, styles are drawn by the seed.",
                ),
                io.Combo.Input(
                    "domain",
                    options=DOMAINS,
                    default=FIRST_DOMAIN,
                    tooltip="The kind of picture the style is of, such as female or dog. automatic is the network's first "
                    "(MUNIT: B).",
                ),
                io.Int.Input(
                    "seed",
                    default=0,
                    min=0,
                    max=LARGEST_SEED,
                    step=1,
                    control_after_generate=io.ControlAfterGenerate.fixed,
                    tooltip="Which styles are drawn when no reference is connected.",
                ),
                io.Int.Input("count", default=1, min=1, max=MOST_FRAMES, step=1, tooltip="How many styles to draw by the seed."),
                io.Float.Input(
                    "truncation",
                    default=1.0,
                    min=0.0,
                    max=2.0,
                    step=0.05,
                    tooltip="How far drawn styles go from the average: 1 as drawn, lower is safer and more alike, 0 the average "
                    "itself, above 1 bolder.",
                ),
            ],
            outputs=[StyleCodeSocket.Output(display_name="style", tooltip="For Translate.")],
        )

    @classmethod
    def execute(
        cls, translator: Hosted, domain: str, seed: int, count: int, truncation: float, reference: Tensor | None = None
    ) -> io.NodeOutput:
        model, name = translator.model, "" if domain == FIRST_DOMAIN else domain
        picture = None if reference is None else from_image(reference, "reference")
        pixels = 0 if picture is None else picture.batch * min(picture.height * picture.width, model.sizes.own**2 * 4)
        with on_device(translator, BYTES_PER_PIXEL * pixels) as device:
            if picture is None:
                return io.NodeOutput(model.style_by_chance(seed, count, name, truncation))
            return io.NodeOutput(model.style_of(picture.rgb.to(device), name))


class FaceAttributes(io.ComfyNode):
    """Named attributes -> StarGAN's label vector, as ATELIER_STYLE_CODE."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="StyleAtelierFaceAttributes",
            display_name="Face Attributes",
            category="Style Atelier/styles",
            description="Says what a face should be, for StarGAN: its hair, its age, its expression.",
            search_aliases=["stargan", "stargan attributes", "hair color", "face editing", "celeba attributes", "expression"],
            inputs=[
                TranslatorSocket.Input("translator", tooltip="From Load Translator: a StarGAN."),
                io.Combo.Input("hair", options=list(HAIR), default="black", tooltip="Color of the hair (CelebA files)."),
                io.Boolean.Input("male", default=False, tooltip="A man's face, else a woman's (CelebA files)."),
                io.Boolean.Input("young", default=True, tooltip="A young face, else an old one (CelebA files)."),
                io.Combo.Input(
                    "expression", options=list(RAFD), default="neutral", advanced=True, tooltip="The expression (RaFD files)."
                ),
                io.String.Input(
                    "labels",
                    default="",
                    advanced=True,
                    tooltip="The whole label vector, such as 0, 1, 0, 1, 1, for files with other attributes. Leave empty to use "
                    "the widgets above.",
                ),
            ],
            outputs=[StyleCodeSocket.Output(display_name="style", tooltip="For Translate.")],
        )

    @classmethod
    def execute(cls, translator: Hosted, hair: str, male: bool, young: bool, expression: str, labels: str) -> io.NodeOutput:
        from ...models.families.stargan.labels import face_attributes

        return io.NodeOutput(face_attributes(translator.model, hair, male, young, expression, read_numbers(labels, "labels")))


class BlendStyleCodes(io.ComfyNode):
    """Several ATELIER_STYLE_CODEs -> their mixture."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="StyleAtelierBlendStyleCodes",
            display_name="Blend Style Codes",
            category="Style Atelier/styles",
            description="Mixes style codes of the same translator into one.",
            search_aliases=["mix styles", "style mixing", "average style codes", "style arithmetic"],
            inputs=[
                grown(
                    "codes",
                    StyleCodeSocket,
                    "code",
                    "A style code; a socket for the next appears as you connect. All must be of one translator.",
                    least=1,
                    most=8,
                ),
                proportions(of="code"),
            ],
            outputs=[StyleCodeSocket.Output(display_name="style", tooltip="The mixture; batches are mixed row by row.")],
        )

    @classmethod
    def execute(cls, codes: io.Autogrow.Type, weights: str) -> io.NodeOutput:
        from ...models.translation import style_code

        given: list[Code] = list(slots(codes, "code").values())
        return io.NodeOutput(style_code.blend(given, read_weights(weights, len(given), "weights")))


class InterpolateStyleCodes(io.ComfyNode):
    """ATELIER_STYLE_CODEs -> a batch of codes on the way through them."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="StyleAtelierInterpolateStyleCodes",
            display_name="Interpolate Style Codes",
            category="Style Atelier/styles",
            description="Makes the steps of a walk through style codes, for an animation of one picture changing its style.",
            search_aliases=["style animation", "latent walk", "morph styles", "slerp", "lerp"],
            inputs=[
                grown(
                    "codes",
                    StyleCodeSocket,
                    "code",
                    "A stop of the walk; a batch of codes is several. All must be of one translator.",
                    least=1,
                    most=8,
                ),
                walk_frames("codes"),
                io.Combo.Input(
                    "path",
                    options=["straight", "arc"],
                    default="straight",
                    tooltip="straight moves along a line; arc keeps the length of codes that were drawn by chance (MUNIT).",
                ),
                walk_loop(),
            ],
            outputs=[
                StyleCodeSocket.Output(display_name="style", tooltip="A batch of codes: Translate makes a picture for each.")
            ],
        )

    @classmethod
    def execute(cls, codes: io.Autogrow.Type, frames: int, path: str, loop: bool) -> io.NodeOutput:
        from ...models.translation import style_code

        given: list[Code] = list(slots(codes, "code").values())
        return io.NodeOutput(style_code.interpolate(given, frames, path, loop))  # type: ignore[arg-type]
