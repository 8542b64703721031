"""Translate: a picture of one kind becomes one of another."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from comfy_api.latest import io
from torch import Tensor

from ...models.translation.translator import BOTH_WAYS
from ..host.feedback import Watch
from ..host.images import from_image, take, to_image, to_wire, wire_format
from ..host.memory import piece_memory, pieces
from ..host.networks import on_device
from ..host.sockets import Hosted, StyleCodeSocket, TranslatorSocket
from ..host.widgets import memory_budget

if TYPE_CHECKING:
    from ...models.translation.style_code import StyleCode
    from ...models.translation.translator import TranslateOptions

LARGEST_SEED = 0xFFFFFFFFFFFFFFFF
STYLES_AT_ONCE = 64  # of one picture, whose results are on the device together


class Translate(io.ComfyNode):
    """IMAGE -> IMAGE, and where the network looked."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="StyleAtelierTranslate",
            display_name="Translate",
            category="Style Atelier",
            description="Turns a picture of one kind into another with a trained translator: photo to Van Gogh, horse to "
            "zebra, selfie to anime, cat to dog.",
            search_aliases=[
                *("cyclegan", "pix2pix", "u-gat-it", "selfie to anime", "anime filter", "photo2cartoon", "cartoonize"),
                *("animegan", "stargan", "munit", "unit", "funit", "image to image translation", "horse to zebra"),
                *("cartoon", "anime", "van gogh", "monet", "filter", "卡通", "动漫", "梵高", "莫奈", "滤镜"),
            ],
            inputs=[
                TranslatorSocket.Input("translator", tooltip="From Load Translator."),
                io.Image.Input("image", tooltip="The picture to translate, or a batch such as frames. Its transparency is kept."),
                io.Combo.Input(
                    "direction",
                    options=list(BOTH_WAYS),
                    default=BOTH_WAYS[0],
                    tooltip="Files with two networks go both ways: A is what the file's name says first, such as a selfie, and B "
                    "the second, such as an anime face. Others have only A to B.",
                ),
                StyleCodeSocket.Input(
                    "style",
                    optional=True,
                    tooltip="For StarGAN v2, MUNIT and FUNIT from Style Code, for StarGAN from Face Attributes. A batch of codes "
                    "makes a picture in each. Left out, StarGAN v2 and MUNIT draw one by the seed.",
                ),
                io.Combo.Input(
                    "sizing",
                    options=["automatic", "picture", "network"],
                    default="automatic",
                    tooltip="picture works at the picture's own size, network at the size the network was trained with (and "
                    "resizes back), automatic does what suits the network: faces are best at its own size.",
                ),
                io.Float.Input(
                    "strength",
                    default=1.0,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip="How much of the translation: 1 is all of it, 0 leaves the picture (or, in features, its own style).",
                ),
                io.Combo.Input(
                    "strength_in",
                    options=["pixels", "features"],
                    default="pixels",
                    advanced=True,
                    tooltip="Where strength mixes: pixels fades between picture and result; features weakens what the network "
                    "changes inside, or moves from the picture's own style to the wanted one.",
                ),
                io.Int.Input(
                    "seed",
                    default=0,
                    min=0,
                    max=LARGEST_SEED,
                    step=1,
                    control_after_generate=io.ControlAfterGenerate.fixed,
                    tooltip="For styles drawn by chance, and for pix2pix, which the authors run with chance in it.",
                ),
                io.Combo.Input(
                    "evaluation",
                    options=["as published", "no dropout", "deterministic"],
                    default="as published",
                    advanced=True,
                    tooltip="pix2pix only: as published keeps dropout and each picture's own statistics live as in the authors' "
                    "test; no dropout takes the chance out; deterministic also uses the statistics of training.",
                ),
                io.Boolean.Input(
                    "align_corners",
                    default=True,
                    advanced=True,
                    tooltip="AnimeGAN only: how it enlarges inside. Its authors have it both ways.",
                ),
                io.Combo.Input(
                    "precision",
                    options=["full", "half"],
                    default="full",
                    advanced=True,
                    tooltip="half computes in half precision on a graphics card: faster, half the memory, the picture differs "
                    "by a level or two of 255. StarGAN v2, photo2cartoon and the processor always work in full.",
                ),
                memory_budget(),
            ],
            outputs=[
                io.Image.Output(display_name="image", tooltip="One picture for each of the image's or of the style's."),
                io.Mask.Output(
                    display_name="attention",
                    tooltip="Where U-GAT-IT and photo2cartoon looked, white is most; black from networks without attention.",
                ),
                io.Image.Output(display_name="attention_picture", tooltip="The same in colors from blue to red."),
            ],
        )

    @classmethod
    def execute(
        cls,
        translator: Hosted,
        image: Tensor,
        direction: str,
        sizing: str,
        strength: float,
        strength_in: str,
        seed: int,
        evaluation: str,
        align_corners: bool,
        precision: str,
        memory_budget: float,
        style: StyleCode | None = None,
    ) -> io.NodeOutput:
        from ...models.ops.color import in_jet_colors
        from ...models.translation.translator import TranslateOptions

        picture, model = from_image(image, "image"), translator.model
        options = TranslateOptions(
            direction=direction,  # type: ignore[arg-type]
            sizing=sizing,  # type: ignore[arg-type]
            strength=strength,
            strength_in=strength_in,  # type: ignore[arg-type]
            evaluation=evaluation,  # type: ignore[arg-type]
            align_corners=align_corners,
            seed=seed,
            code=style,
        )
        model.check(options)
        count = max(picture.batch, len(style) if style is not None else 1)
        frame = model.working_size(picture.height, picture.width, options)
        resident = model.resident_bytes_per_pixel * frame[0] * frame[1]

        def work(together: int, tile: int) -> tuple[Tensor, Tensor, Tensor]:
            groups = Groups(picture.batch, count, together)
            watch = Watch(len(groups.starts))
            images, masks, heats = [], [], []
            memory = piece_memory(frame, together, tile, model.bytes_per_pixel) + (resident if tile else 0)
            with on_device(translator, memory) as device:
                for i, start in enumerate(groups.starts):
                    stop = groups.stop(start)
                    rgb = take(picture.rgb, start, stop).to(device)
                    half = precision == "half" and device.type != "cpu"
                    part = replace(groups.options(options, start, stop), half=half, together=together, tile=tile)
                    made = model.translate(rgb, part, watch.part(i))
                    alpha = None if picture.alpha is None else take(picture.alpha, start, stop)
                    images.append(to_image(made.images, alpha, *wire_format()))
                    heat = torch.zeros_like(made.images[:, :1]) if made.attention is None else made.attention
                    colored = in_jet_colors(heat) if model.has_attention else heat.expand(-1, 3, -1, -1)
                    masks.append(to_wire(heat[:, 0].float()))
                    heats.append(to_image(colored, None, *wire_format()))
            return torch.cat(images), torch.cat(masks), torch.cat(heats)

        return io.NodeOutput(*pieces(frame, count, model.bytes_per_pixel, memory_budget, work))


class Groups:
    """Which pictures and styles go to the device together. One picture in many styles goes in few calls, encoded once in each."""

    def __init__(self, pictures: int, count: int, together: int) -> None:
        self.count = count
        self.step = min(count, STYLES_AT_ONCE) if pictures == 1 else together
        self.starts = range(0, count, self.step)

    def stop(self, start: int) -> int:
        """Where the group that begins at `start` ends."""
        return min(start + self.step, self.count)

    def options(self, options: TranslateOptions, start: int, stop: int) -> TranslateOptions:
        """The options with the group's own styles."""
        from ...models.ops.batches import rows_of
        from ...models.translation.style_code import StyleCode

        code = options.code
        if code is not None:
            code = StyleCode(rows_of(code.values, start, stop), code.family, code.domain)
        return replace(options, code=code)
