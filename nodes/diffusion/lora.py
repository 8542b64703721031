"""LoRA on Stable Diffusion: loaded with every key accounted for, looked into, merged."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from ...models.lora.blocks import ALL, PRESETS
from ..host.feedback import Watch, show
from ..host.images import read_weights
from ..host.sockets import ClipSocket, HooksSocket, LoraStackSocket, ModelSocket
from . import patches
from .stable_diffusion import NO_LORAS, lora_files, lora_folder, lora_stamp, needs_comfyui, read_lora

LORA_TOOLTIP = "A file of models/loras: kohya, diffusers, PEFT, OneTrainer, LyCORIS, LoHa, LoKr, DoRA, B-LoRA or cloneofsimo's."
SHOWN_TAGS = 40


def choices() -> list[str]:
    """Files of models/loras, or what to do where there are none."""
    return lora_files() or [NO_LORAS]


class LoadLora(io.ComfyNode):
    """MODEL and CLIP with a LoRA."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        files = choices()
        strength = {"default": 1.0, "min": -20.0, "max": 20.0, "step": 0.01}
        return io.Schema(
            node_id="StyleAtelierLoadLora",
            display_name="Load LoRA (Style Atelier)",
            category="Style Atelier/diffusion",
            description="Loads a LoRA with every key accounted for (also those that ComfyUI drops in silence), block by "
            "block, over the time of sampling, and says what it did.",
            search_aliases=[
                "lora",
                "load lora",
                "lora block weight",
                "lbw",
                "b-lora",
                "lora loader",
                "peft",
                "style lora",
                "lora stack",
                "lora schedule",
            ],
            inputs=[
                ModelSocket.Input("model", tooltip="The diffusion model to change."),
                ClipSocket.Input("clip", optional=True, tooltip="Its text encoder, where the LoRA has a part for it."),
                LoraStackSocket.Input(
                    "lora_stack",
                    optional=True,
                    tooltip="LoRAs to put on first, from another Load LoRA or from another pack's stack.",
                ),
                io.Combo.Input("lora", options=files, default=files[0], tooltip=LORA_TOOLTIP),
                io.Float.Input(
                    "strength_model",
                    **strength,
                    tooltip="How strongly on the model. For B-LoRA the authors' scale a is a * a here.",
                ),
                io.Float.Input("strength_clip", **strength, tooltip="How strongly on the text encoder."),
                io.Combo.Input(
                    "blocks",
                    options=list(PRESETS),
                    default=ALL,
                    tooltip="Which blocks of the model: all, those that carry style or content, B-LoRA's two halves, or the "
                    "classic sets. Not every kind of model has every set.",
                ),
                io.String.Input(
                    "block_weights",
                    default="",
                    tooltip="A weight for each block instead of the set: numbers, BASE first (17 or 26 for SD1.5, 12 or 20 "
                    "for SDXL), or names, such as OUT01=1, IN=0.5, rest=0.",
                ),
                io.String.Input(
                    "curve",
                    default="",
                    advanced=True,
                    tooltip="The strength over the sampling, as part: factor, such as 0: 1, 0.5: 0.2. It travels with what "
                    "the text encoder encodes, so connect clip. Empty: the same strength throughout.",
                ),
            ],
            outputs=[
                ModelSocket.Output(display_name="model", tooltip="For a sampler."),
                ClipSocket.Output(display_name="clip", tooltip="For CLIP Text Encode."),
                HooksSocket.Output(
                    display_name="hooks", tooltip="With a curve: the LoRA as hooks, for ComfyUI's own hook nodes."
                ),
                LoraStackSocket.Output(
                    display_name="lora_stack", tooltip="The stack with this LoRA, without its blocks and curve."
                ),
                io.String.Output(display_name="report", tooltip="Format, rank, alpha, blocks, and what was not matched."),
            ],
        )

    @classmethod
    def fingerprint_inputs(cls, lora: str, **_: Any) -> int:
        return lora_stamp(lora)

    @classmethod
    def execute(
        cls,
        model: Any,
        lora: str,
        strength_model: float,
        strength_clip: float,
        blocks: str,
        block_weights: str,
        curve: str,
        clip: Any = None,
        lora_stack: list[tuple[str, float, float]] | None = None,
    ) -> io.NodeOutput:
        needs_comfyui("Load LoRA")
        points = patches.parse_curve(curve)
        for name, on_model, on_clip in lora_stack or []:
            model, clip = patches.applied(patches.load(name, model, clip), model, clip, (on_model, on_clip), {})
        loaded = patches.load(lora, model, clip)
        weights = patches.weights_of(model, blocks, block_weights)
        text = patches.report(loaded, model, weights)
        show(text)
        stack = [*(lora_stack or []), (lora, strength_model, strength_clip)]
        strengths = (strength_model, strength_clip)
        if points:
            hooks, encoder = patches.hooked(loaded, clip, strengths, weights, points)
            return io.NodeOutput(model, encoder, hooks, stack, text)
        made, encoder = patches.applied(loaded, model, clip, strengths, weights)
        return io.NodeOutput(made, encoder, None, stack, text)


class LoraInfo(io.ComfyNode):
    """A LoRA file -> what its header says."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        files = choices()
        return io.Schema(
            node_id="StyleAtelierLoraInfo",
            display_name="LoRA Info",
            category="Style Atelier/diffusion",
            description="Shows the words that call a LoRA, the tags it was trained on, its kind, rank and the model it is for.",
            search_aliases=["lora trigger words", "lora metadata", "lora tags", "trained words", "lora inspector"],
            inputs=[io.Combo.Input("lora", options=files, default=files[0], tooltip=LORA_TOOLTIP)],
            outputs=[
                io.String.Output(
                    display_name="trigger", tooltip="The words that call it, where the file tells them: for a prompt."
                ),
                io.String.Output(display_name="tags", tooltip="The tags of its training, the most frequent first, with commas."),
                io.String.Output(
                    display_name="report", tooltip="Kind, rank, alpha, model, and the most frequent tags with their counts."
                ),
            ],
        )

    @classmethod
    def fingerprint_inputs(cls, lora: str) -> int:
        return lora_stamp(lora)

    @classmethod
    def execute(cls, lora: str) -> io.NodeOutput:
        from ...models.lora.facts import facts_of

        needs_comfyui("LoRA Info")
        facts = facts_of(*read_lora(lora))
        lines = [facts.title or lora, facts.summary()]
        if facts.tags:
            lines.append("tags: " + ", ".join(f"{tag} ({count})" for tag, count in facts.tags[:SHOWN_TAGS]))
        report = "\n".join(lines)
        show(report)
        return io.NodeOutput(facts.trigger, ", ".join(tag for tag, _ in facts.tags), report)


class MergeLora(io.ComfyNode):
    """A stack of LoRAs -> one file."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="StyleAtelierMergeLora",
            display_name="Merge LoRA",
            category="Style Atelier/diffusion",
            description="Makes one LoRA file of several, exactly, or reduced to a rank with the part of the change that "
            "was kept.",
            search_aliases=["lora merge", "svd resize", "lora resize", "combine loras", "shrink lora"],
            is_output_node=True,
            inputs=[
                LoraStackSocket.Input("lora_stack", tooltip="The LoRAs to merge with their strengths, from Load LoRA."),
                io.String.Input(
                    "weights",
                    default="",
                    tooltip="A factor for each, such as 1, 0.5, on top of its strength. Leave empty for 1 each.",
                ),
                io.Int.Input(
                    "rank",
                    default=0,
                    min=0,
                    max=1024,
                    step=1,
                    tooltip="Reduce every module to this rank by its largest singular values. 0 keeps all, so that nothing "
                    "is lost.",
                ),
                io.Combo.Input(
                    "precision",
                    options=["full", "half"],
                    default="full",
                    tooltip="full keeps every number, so that the file acts as its parts do; half makes it half the size, with "
                    "differences of about a thousandth.",
                ),
                io.String.Input(
                    "name",
                    default="style_atelier/merged",
                    tooltip="The new file under models/loras. A number is added; nothing is overwritten.",
                ),
            ],
            outputs=[
                io.String.Output(display_name="lora", tooltip="The new file's name, as loaders list it."),
                io.Float.Output(display_name="energy", tooltip="The part of the squared change that was kept, 1 for all of it."),
                io.String.Output(display_name="report", tooltip="What was merged and kept, for Preview Any."),
            ],
        )

    @classmethod
    def execute(
        cls, lora_stack: list[tuple[str, float, float]], weights: str, rank: int, precision: str, name: str
    ) -> io.NodeOutput:
        from ...models.lora.files import write_lora
        from ...models.lora.formats import plain
        from ...models.lora.merge import merge
        from ...models.lora.modules import modules_of
        from ...models.lora.names import canonical

        needs_comfyui("Merge LoRA")
        factors = read_weights(weights, len(lora_stack), "weights")
        read = [plain(*read_lora(file)).tensors for file, *_ in lora_stack]
        files = [(own, strength * factor) for own, (_, strength, _), factor in zip(read, lora_stack, factors, strict=True)]
        left = [key for own in read for key in modules_of(own)[1]]
        merged = merge(files, rank, canonical, Watch().part(0))
        described = ", ".join(f"{file} x {weight:g}" for (file, *_), (_, weight) in zip(lora_stack, files, strict=True))
        path = write_lora(merged, lora_folder(), name, described, half=precision == "half")
        lowest = min(merged.energy, key=lambda key: merged.energy[key])
        ranks = sorted(set(merged.rank.values()))
        lines = [
            f"{described} -> {path.name}",
            f"{len(merged.rank)} modules of rank {ranks[0]}{f' to {ranks[-1]}' if len(ranks) > 1 else ''}",
        ]
        if left:
            lines.append(f"left out, since they belong to no module: {len(left)} tensors, such as {left[0]}")
        lines.append(f"kept {merged.kept:.2%} of the change on average, {merged.energy[lowest]:.2%} in {lowest}")
        show("\n".join(lines))
        return io.NodeOutput(path.relative_to(lora_folder().resolve()).as_posix(), merged.kept, "\n".join(lines))
