"""Neural Style: optimized style transfer in one box."""

from __future__ import annotations

from comfy_api.latest import io
from torch import Tensor

from ...models.optimization.presets import PRESETS
from ..host.images import from_image, read_weights, to_image, wire_format
from ..host.sockets import EncoderSocket, Hosted
from ..host.widgets import grown, memory_budget, proportions
from ..stylization.stylize import LARGEST_SIZE
from ..stylization.stylize import Job as Pictures
from ..stylization.taken import Styles
from .optimize import BUDGET_TOOLTIP, SECONDS_TOOLTIP, SEED_TOOLTIP, result_outputs
from .run import Job, carry_out
from .style_objectives import STYLE_SIZE_TOOLTIP
from .wires import Wired, encoder_or_best

COLORS = ("no", "luminance", "coral before", "coral after", "histogram before", "histogram after")


class NeuralStyle(io.ComfyNode):
    """A photo and one or more paintings -> the photo in their style, by optimization."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="StyleAtelierNeuralStyle",
            display_name="Neural Style",
            category="Style Atelier",
            description="Paints a picture in the style of another by optimization, as Gatys did: minutes instead of seconds, and "
            "the most faithful strokes. Keep this takes the picture so far at any time.",
            search_aliases=[
                *("gatys", "neural style transfer", "style transfer", "neural-style", "slow style transfer", "nst"),
                *("oil painting", "van gogh", "texture", "风格迁移", "油画", "梵高", "纹理"),
            ],
            inputs=[
                io.Image.Input("content", tooltip="The picture to paint anew, or a batch. Its transparency is kept."),
                grown(
                    "styles",
                    io.Image,
                    "style",
                    "The picture whose style to take. Several are mixed, or each has its mask.",
                    least=1,
                ),
                io.Combo.Input(
                    "preset",
                    options=list(PRESETS),
                    default="Gatys 2015",
                    tooltip="Gatys 2015: the classic. VGG-16 + TV: calmer areas. crisp print: fine strokes at many sizes, for "
                    "large pictures. texture only: the style alone, without the photo.",
                ),
                io.Float.Input(
                    "strength",
                    default=1.0,
                    min=0.0,
                    max=100.0,
                    step=0.05,
                    tooltip="Multiplies the style's weight: 0.2 keeps the photo, 5 dissolves it.",
                ),
                io.Combo.Input(
                    "keep_color",
                    options=list(COLORS),
                    default="no",
                    tooltip="Keep the photo's colors: luminance changes light and dark alone; coral and histogram give the "
                    "style the photo's palette before the work, or the result after it.",
                ),
                io.Int.Input(
                    "size",
                    default=512,
                    min=0,
                    max=LARGEST_SIZE,
                    step=8,
                    tooltip="Longer side of the result in pixels; 0 keeps the photo's size.",
                ),
                io.Int.Input(
                    "steps",
                    default=0,
                    min=0,
                    max=100000,
                    step=1,
                    tooltip="Steps at every size; 0 takes the preset's. More is finer.",
                ),
                io.Float.Input("seconds", default=0.0, min=0.0, max=86400.0, step=1.0, tooltip=SECONDS_TOOLTIP),
                io.Int.Input(
                    "seed",
                    default=0,
                    min=0,
                    max=0xFFFFFFFF,
                    step=1,
                    control_after_generate=io.ControlAfterGenerate.fixed,
                    tooltip=SEED_TOOLTIP,
                ),
                io.Float.Input("style_size", default=1.0, min=0.0, max=8.0, step=0.05, tooltip=STYLE_SIZE_TOOLTIP),
                proportions("style_weights", of="style"),
                EncoderSocket.Input(
                    "encoder",
                    optional=True,
                    tooltip="What looks at the pictures, from Load Style Encoder. Left out: the preset's VGG where it has been "
                    "downloaded, else the built-in encoder.",
                ),
                grown(
                    "content_masks",
                    io.Mask,
                    "content_mask",
                    "Where each style goes, one mask for each style: white is painted in it. Any size.",
                ),
                grown(
                    "style_masks",
                    io.Mask,
                    "style_mask",
                    "Which part of each style picture to take the style from. May be left out for some.",
                ),
                memory_budget(BUDGET_TOOLTIP),
            ],
            outputs=result_outputs(),
        )

    @classmethod
    def execute(
        cls,
        content: Tensor,
        styles: io.Autogrow.Type,
        preset: str,
        strength: float,
        keep_color: str,
        size: int,
        steps: int,
        seconds: float,
        seed: int,
        style_size: float,
        style_weights: str,
        memory_budget: float,
        encoder: Hosted | None = None,
        content_masks: io.Autogrow.Type | None = None,
        style_masks: io.Autogrow.Type | None = None,
    ) -> io.NodeOutput:
        from ...models.ops.color import keep_color as recolor
        from ...models.ops.color import luminance_only
        from ...models.optimization.presets import with_wishes

        picture = from_image(content, "content").with_longer_side(size)
        given = Pictures.read(picture, Styles.of_pictures(styles), content_masks, style_masks)
        weights = read_weights(style_weights, len(given.styles), "style_weights")
        recipe = PRESETS[preset]
        chosen = encoder_or_best(encoder, recipe.encoder)
        if encoder is None:
            chosen = chosen.variant(chosen.model.with_pooling(recipe.pooling))
        own, pictures = picture.rgb, [style.rgb for style in given.styles.pictures]
        if keep_color == "luminance":
            pictures = [luminance_only(own, style)[1] for style in pictures]
            own = luminance_only(own, own)[0]
        elif keep_color.endswith("before"):
            pictures = [recolor(style, own[:1], keep_color.split()[0]) for style in pictures]  # type: ignore[arg-type]
        objectives = recipe.objectives(
            chosen.model, own, pictures, strength, style_size, weights, given.content_masks, given.styles.masks
        )
        made, text, curve = carry_out(
            Job(
                Wired(objectives, (chosen,)),
                None if recipe.from_noise else own,
                picture.height,
                picture.width,
                given.batch,
                with_wishes(recipe.settings, steps, seconds, seed),
                memory_budget,
                # strength is a weight too, but here one box must give one picture for its inputs
                go_on=False,
            )
        )
        if keep_color == "luminance" or keep_color.endswith("after"):
            made = recolor(made, picture.rgb, keep_color.split()[0])  # type: ignore[arg-type]
        report = f"{text}\nseen through {chosen.model.title}"
        return io.NodeOutput(to_image(made, picture.alpha, *wire_format()), report, to_image(curve, None, *wire_format()))
