"""A person's own style as a LoRA, trained in the graph."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from ..diffusion.stable_diffusion import lora_folder, needs_comfyui
from ..diffusion.unets import check_unet
from ..host.images import to_image, wire_format
from ..host.sockets import ClipSocket, ModelSocket, PicturesSocket, VaeSocket
from .run import chart_of, samples_of

GO_ON, ANEW = "go on", "begin anew"
MOST_PICTURES = 20
WHAT = ("style", "style and content apart (B-LoRA)", "attention", "blocks by name")
LEVELS = ("even", "towards style")


class TrainStyleLora(io.ComfyNode):
    """MODEL, CLIP, VAE and pictures -> a LoRA file and the MODEL with it."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="StyleAtelierTrainStyleLora",
            display_name="Train Style LoRA",
            category="Style Atelier/training",
            description="Trains a LoRA of your own style from 1 to 20 pictures, with live samples and the curve of the loss. "
            "Stop it at any time: the LoRA so far is kept, and the next run goes on to the bit.",
            search_aliases=["train lora", "lora trainer", "b-lora", "style lora", "fine-tune", "dreambooth", "kohya"],
            inputs=[
                ModelSocket.Input("model", tooltip="SD1.5 or SDXL. It is the same afterwards."),
                ClipSocket.Input("clip", tooltip="The checkpoint's CLIP, for the captions. It is not trained."),
                VaeSocket.Input("vae", tooltip="The checkpoint's VAE, for the pictures and the samples."),
                PicturesSocket.Input("pictures", tooltip="1 to 20 pictures of any sizes, from Picture Set."),
                io.String.Input(
                    "name",
                    default="my_style",
                    tooltip="Name of the LoRA file in models/loras, and of the training that a next run goes on with.",
                ),
                io.Combo.Input(
                    "if_there",
                    options=[GO_ON, ANEW],
                    default=GO_ON,
                    tooltip="What to do where a training of this name is there: go on with it, or forget it and begin anew.",
                ),
                io.String.Input(
                    "trigger", default="", tooltip="A word that stands for the style, such as ohwx style. Put before captions."
                ),
                io.String.Input(
                    "captions",
                    default="",
                    multiline=True,
                    tooltip="What each picture shows, a line each in the pictures' order, or one line for all.",
                ),
                io.Combo.Input(
                    "what",
                    options=list(WHAT),
                    default="style",
                    tooltip="Which attention is trained. style: SDXL's style block, in SD1.5 the output blocks, as a guess. "
                    "B-LoRA: SDXL's style and content blocks, to be used apart in Load LoRA.",
                ),
                io.String.Input(
                    "blocks", default="", advanced=True, tooltip="For blocks by name, as in Load LoRA, such as OUT01=1, rest=0."
                ),
                io.Int.Input(
                    "rank", default=16, min=1, max=256, step=1, tooltip="Size of each module: 16 for style, 64 as in B-LoRA."
                ),
                io.Int.Input("steps", default=1000, min=1, max=1000000, step=1, tooltip="Steps in all. May be raised later."),
                io.Float.Input(
                    "learning_rate",
                    default=1e-4,
                    min=1e-7,
                    max=1.0,
                    step=1e-6,
                    tooltip="How far a step goes: 0.00005 as in B-LoRA.",
                ),
                io.Int.Input(
                    "batch",
                    default=1,
                    min=1,
                    max=64,
                    step=1,
                    tooltip="Pictures a step. They are seen one after the other, each at its size.",
                ),
                io.Int.Input(
                    "size",
                    default=512,
                    min=64,
                    max=2048,
                    step=64,
                    tooltip="Pictures keep their shape and are scaled to about size x size pixels: 512 for SD1.5, 1024 for SDXL.",
                ),
                io.Float.Input(
                    "min_snr",
                    default=5.0,
                    min=0.0,
                    max=100.0,
                    step=0.5,
                    advanced=True,
                    tooltip="Gamma of min-SNR; 0 leaves it off.",
                ),
                io.Combo.Input(
                    "noise_levels",
                    options=list(LEVELS),
                    default="even",
                    advanced=True,
                    tooltip="even, or towards style: more of the high levels, where color and composition are decided.",
                ),
                io.Float.Input(
                    "caption_dropout",
                    default=0.05,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    advanced=True,
                    tooltip="Share of the pictures that are seen without a caption, so that the style holds without words too.",
                ),
                io.String.Input(
                    "sample_prompt", default="a house by a lake", tooltip="What samples show. Write the trigger into it."
                ),
                io.Int.Input(
                    "sample_every",
                    default=100,
                    min=0,
                    max=100000,
                    step=10,
                    tooltip="Steps between samples; 0 makes one at the end.",
                ),
                io.Int.Input(
                    "random_seed",
                    default=0,
                    min=0,
                    max=0xFFFFFFFF,
                    step=1,
                    tooltip="Of all chance: the same seed trains the same.",
                ),
            ],
            outputs=[
                ModelSocket.Output(display_name="model", tooltip="The model with the LoRA."),
                io.String.Output(display_name="lora", tooltip="Name of the file, for Load LoRA."),
                io.Image.Output(display_name="samples", tooltip="All samples in order."),
                io.Image.Output(display_name="curve", tooltip="The loss over steps."),
                io.String.Output(display_name="report", tooltip="What was trained, and how it went."),
            ],
        )

    @classmethod
    def fingerprint_inputs(cls, **inputs: Any) -> int:
        from .lora_run import stops

        return stops()

    @classmethod
    def execute(
        cls,
        model: Any,
        clip: Any,
        vae: Any,
        pictures: Any,
        name: str,
        if_there: str,
        trigger: str,
        captions: str,
        what: str,
        blocks: str,
        rank: int,
        steps: int,
        learning_rate: float,
        batch: int,
        size: int,
        min_snr: float,
        noise_levels: str,
        caption_dropout: float,
        sample_prompt: str,
        sample_every: int,
        random_seed: int,
    ) -> io.NodeOutput:
        from ...models.lora.blocks import family_of
        from ...models.training.lora import LoraPlan, blocks_wanted, captions_of
        from ...models.training.plan import Plan
        from .train_stylizer import check_pictures

        check_pictures(pictures, "pictures")
        if len(pictures) > MOST_PICTURES:
            raise ValueError(
                f"pictures holds {len(pictures)} and a style is learned from at most {MOST_PICTURES}: choose the best."
            )
        words = captions_of(captions, trigger, len(pictures))
        needs_comfyui("Train Style LoRA")
        check_unet(model, "Train Style LoRA")
        from ..diffusion import patches
        from .lora_run import LoraJob, carry_out

        wanted = blocks_wanted(what, blocks, family_of(model.model.state_dict()))
        plan = Plan(steps=steps, batch=batch, size=size, seed=random_seed, rate=learning_rate, weight_decay=0.01, clip=1.0)
        job = LoraJob(
            name,
            model,
            clip,
            vae,
            pictures,
            tuple(words),
            trigger.strip(),
            plan,
            LoraPlan(rank, min_snr, noise_levels, caption_dropout, wanted),
            sample_prompt,
            sample_every,
            if_there == ANEW,
        )
        path, training, report = carry_out(job)
        file = path.relative_to(lora_folder().resolve()).as_posix()
        made = patches.applied(patches.load(file, model, None), model, None, (1.0, 1.0), {})[0]
        return io.NodeOutput(
            made,
            file,
            to_image(samples_of(training.run), None, *wire_format()),
            to_image(chart_of(training.run), None, *wire_format()),
            report,
        )
