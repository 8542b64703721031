"""DEADiff: a picture's style, or its content, in the cross attentions of the person's own SD1.5."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from comfy_api.latest import io

from ...models.families.deadiff.network import WORDS
from ...models.library.choices import adapter_choices
from ..host.feedback import show
from ..host.folders import file_stamp, model_files
from ..host.images import from_image, slots
from ..host.networks import load, on_device
from ..host.sockets import ClipVisionSocket, DEADiffSocket, Hosted, ModelSocket
from ..host.widgets import grown
from .joint_attention import Entry, JointAttention
from .stable_diffusion import needs_comfyui
from .style_injection import CATEGORY
from .unets import attention_blocks, family, levels_of, replace, replaced

if TYPE_CHECKING:
    from ...models.families.deadiff.network import Place, Word

MEMORY = 256 * 1024**2
PART = {"min": 0.0, "max": 1.0, "step": 0.01}


class DEADiffFile:
    """ATELIER_DEADIFF: a file, and what was read of it for each word."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.hosted: dict[Word, Hosted] = {}

    def of(self, word: Word) -> Hosted:
        """The network for a word, read when it is first asked for."""
        from ...models.library.adapters import load_adapter

        self.hosted[word] = load(f"deadiff {word}", self.name, lambda choice, locate: load_adapter(choice, word, locate))
        return self.hosted[word]

    def __repr__(self) -> str:
        return f"DEADiff({self.name})"


class LoadDEADiff(io.ComfyNode):
    """A choice -> ATELIER_DEADIFF."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        choices = adapter_choices(model_files())
        return io.Schema(
            node_id="StyleAtelierLoadDEADiff",
            display_name="Load DEADiff",
            category=CATEGORY,
            description="Chooses DEADiff's file, which lets SD1.5 take a picture's style apart from its content. Of its 7.4 GB, "
            "0.4 GB is kept in a small file beside it for each of the two.",
            search_aliases=["deadiff", "ip-adapter style", "style reference", "style adapter", "disentangled style"],
            inputs=[
                io.Combo.Input(
                    "deadiff",
                    options=choices,
                    default=choices[0],
                    tooltip="The named one is downloaded the first time it is used. Your own files in models/style_atelier are "
                    "listed below it; the small files serve by themselves too.",
                ),
            ],
            outputs=[DEADiffSocket.Output(display_name="deadiff", tooltip="For Apply DEADiff.")],
        )

    @classmethod
    def fingerprint_inputs(cls, deadiff: str) -> int:
        return file_stamp(deadiff)

    @classmethod
    def execute(cls, deadiff: str) -> io.NodeOutput:
        needs_comfyui("Load DEADiff")
        return io.NodeOutput(DEADiffFile(deadiff))


class ApplyDEADiff(io.ComfyNode):
    """MODEL, CLIP_VISION and pictures -> MODEL."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="StyleAtelierApplyDEADiff",
            display_name="Apply DEADiff",
            category=CATEGORY,
            description="Lets SD1.5 follow a prompt in a picture's style, or with its content. Use two of these for the style "
            "of one picture and the content of another.",
            search_aliases=["deadiff", "ip-adapter style", "style reference", "image prompt", "content reference"],
            inputs=[
                ModelSocket.Input("model", tooltip="SD1.5, with LoRAs and controls if you like."),
                DEADiffSocket.Input("deadiff", tooltip="From Load DEADiff."),
                ClipVisionSocket.Input("clip_vision", tooltip="CLIP ViT-L/14, from Load CLIP Vision."),
                grown(
                    "pictures",
                    io.Image,
                    "picture",
                    "The picture to take from, of any size. Several are averaged.",
                    least=1,
                    optional=False,
                ),
                io.Combo.Input("word", options=list(WORDS), default="style", tooltip="What to take of the picture."),
                io.Float.Input(
                    "weight",
                    default=1.0,
                    min=0.0,
                    max=2.0,
                    step=0.05,
                    tooltip="How strongly. 0 leaves the model as it is; already the smallest weight differs, as the picture's "
                    "tokens share attention with the prompt's.",
                ),
                io.Float.Input(
                    "start", default=0.0, **PART, advanced=True, tooltip="When in the sampling it begins: 0 is the first step."
                ),
                io.Float.Input("end", default=1.0, **PART, advanced=True, tooltip="When it ends: 1 is the last step."),
            ],
            outputs=[
                ModelSocket.Output(display_name="model", tooltip="For a sampler, such as ddim at cfg 8."),
                io.String.Output(display_name="report", tooltip="What was put where."),
            ],
        )

    @classmethod
    def execute(
        cls, model: Any, deadiff: Any, clip_vision: Any, pictures: Any, word: Word, weight: float, start: float, end: float
    ) -> io.NodeOutput:
        needs_comfyui("Apply DEADiff")
        if not isinstance(deadiff, DEADiffFile):
            raise ValueError(f"deadiff is not DEADiff (it is {type(deadiff).__name__}): connect Load DEADiff to it")
        given = {slot: from_image(image, f"picture{slot}") for slot, image in slots(pictures, "picture").items()}
        if not given:
            raise ValueError("pictures holds no picture: connect at least one")
        depth = attention_blocks(model) if hasattr(model.model.diffusion_model, "output_blocks") else {}
        first, last = levels_of(model, start, end)
        hosted = deadiff.of(word)
        network = hosted.model.module
        check_fits(model, depth, network)
        if not weight:
            return io.NodeOutput(model, "weight 0: nothing is changed")
        seen = [look(clip_vision, picture.rgb, network.config.vision) for picture in given.values()]
        with on_device(hosted, MEMORY) as device:
            tokens = torch.cat([network(each.to(device).float()) for each in seen])
            pairs = network.keys_values(tokens)
        entries = {place: entry_of(pair, tokens.shape[1], weight, first, last) for place, pair in pairs.items()}
        made = model.clone()
        for place, entry in entries.items():
            replace(made, "attn2", place, 0, JointAttention.over(replaced(model, "attn2", place, 0), entry))
        taken = sum(entry.pair is not None for entry in entries.values())
        where = f"{taken} of {len(entries)} cross attentions"
        report = f"{word} of {len(tokens)} pictures in {where}, weight {weight:g}, from {start:g} to {end:g} of the sampling"
        show(report)
        return io.NodeOutput(made, report)


def entry_of(pair: Any, count: int, weight: float, start: float, end: float) -> Entry:
    """Keys and values for one attention, weighted, on the processor; none where the layer takes the other word's."""
    return Entry(None if pair is None else (weight * pair[0].float().cpu(), weight * pair[1].float().cpu()), count, start, end)


def look(clip_vision: Any, rgb: Any, width: int) -> Any:
    """What CLIP sees of pictures [B, 3, H, W], [B, N, width]. Raises ValueError, in a sentence, for another CLIP."""
    if not hasattr(clip_vision, "encode_image"):
        raise ValueError(
            f"clip_vision is not a vision model (it is {type(clip_vision).__name__}): connect Load CLIP Vision to it"
        )
    found = clip_vision.encode_image(rgb.movedim(1, -1).contiguous(), crop=False)["penultimate_hidden_states"]
    if found.shape[-1] != width:
        raise ValueError(
            f"clip_vision is {found.shape[-1]} wide and DEADiff reads CLIP ViT-L/14, which is {width}: load such as "
            "clip_vision_vit_l.safetensors"
        )
    return found


def check_fits(model: Any, depth: dict[Place, int], network: Any) -> None:
    """Raise ValueError, in a sentence, unless the model has the cross attentions that DEADiff was trained with."""
    joint = dict(network.config.joint)
    fits = set(depth) == set(joint) and all(count == 1 for count in depth.values())
    if fits:
        unet = model.model.diffusion_model
        for (group, number), channels in joint.items():
            block = unet.middle_block if group == "middle" else getattr(unet, f"{group}_blocks")[number]
            part = next(each for each in block.children() if hasattr(each, "transformer_blocks"))
            fits = fits and part.transformer_blocks[0].attn2.to_q.out_features == channels
    if not fits:
        raise ValueError(f"model is {family(model)} and DEADiff is for SD1.5: load a checkpoint of SD1.5")
