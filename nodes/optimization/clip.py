"""CLIP as the host loads it: texts and pictures in the space that both share, pictures with a gradient."""

from __future__ import annotations

import hashlib
import importlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..host.sockets import Hosted

PROJECTION_NAMES = ("text_projection", "text_projection.weight")
SAFETENSORS = (".safetensors", ".sft")
EXAMPLE = "load the two halves of the same CLIP, such as clip-vit-large-patch14 for both"
WHOLE = "load a file with CLIP's own text encoder, such as the model.safetensors of openai/clip-vit-large-patch14, with Load CLIP"
SMALLEST_ROW, LARGEST_ROW = 1e-3, 1e3  # lengths of a projection's rows that training gives; left-over memory has others
NUMBERS_PER_TOKEN = 21.0  # that a layer keeps for the way back, in widths; measured on ViT-L/14 without fused attention
# Frames around the person's words. What all of them share goes away when the two texts are subtracted.
TEMPLATES = (
    "{}",
    "a photo of {}.",
    "a picture of {}.",
    "an image of {}.",
    "a good photo of {}.",
    "a poor photo of {}.",
    "a small photo of {}.",
    "a large photo of {}.",
    "a bright picture of {}.",
    "a dark picture of {}.",
    "a sharp picture of {}.",
    "a blurred picture of {}.",
    "a detail of {}.",
    "a close view of {}.",
    "a distant view of {}.",
    "a cropped picture of {}.",
    "a painting of {}.",
    "a drawing of {}.",
    "a print of {}.",
    "a scan of {}.",
    "a work of art: {}.",
    "an example of {}.",
    "one of many pictures of {}.",
    "this is {}.",
)


def needs_comfyui(name: str) -> None:
    """Raise ValueError, in a sentence, on the embedded host, which has no CLIP."""
    try:
        importlib.import_module("comfy.clip_vision")
    except ImportError:
        raise ValueError(
            f"{name} asks CLIP, which needs a real ComfyUI: set COMFYUI_PATH, or send the workflow to a server"
        ) from None


# Pictures


class PictureEmbedding:
    """CLIP's vision network: pictures [B, 3, side, side] in 0..1 -> [B, width], with a gradient outside of inference mode.

    Works in float32 on the device where the weights are; what comes back is where the pictures are.
    """

    def __init__(self, clip_vision: Any, projection: Tensor) -> None:
        self.module: nn.Module = clip_vision.model.requires_grad_(False)
        self.side = int(clip_vision.image_size)
        self.width = int(projection.shape[0])
        self.mean, self.std = (
            torch.tensor(values, dtype=torch.float32).view(1, 3, 1, 1)
            for values in (clip_vision.image_mean, clip_vision.image_std)
        )
        network: Any = self.module
        self.layers = len(network.vision_model.encoder.layers)
        self.tokens, self.inner = network.vision_model.embeddings.position_embedding.weight.shape
        self.weights = sum(p.numel() for p in self.module.parameters())
        self.fingerprint = hashlib.sha256(projection.detach().cpu().float().numpy().tobytes()).hexdigest()[:16]

    def memory(self, pictures: int) -> float:
        """Bytes that so many pictures take on their way forth and back; half precision's weights are kept in float32 for it."""
        return 4.0 * (pictures * self.layers * self.tokens * self.inner * NUMBERS_PER_TOKEN + self.weights)

    def __call__(self, pictures: Tensor) -> Tensor:
        network: Any = self.module
        x = pictures.to(network.visual_projection.weight.device, torch.float32)
        x = (x - self.mean.to(x)) / self.std.to(x)
        with own_inputs(network):
            # only this output: the whole network would also carry out the additions of LLaVA
            found = network.visual_projection(network.vision_model(pixel_values=x)[2])
        return found.to(pictures)

    def __repr__(self) -> str:
        return f"CLIP vision, {self.layers} layers, {self.side} px, {self.width} wide, {self.fingerprint}"


@contextmanager
def own_inputs(network: nn.Module) -> Iterator[None]:
    """Norms work on copies: the host adds to what they have read in place, which no gradient survives."""
    hooks = []
    if torch.is_grad_enabled():
        norms = [m for m in network.modules() if isinstance(m, nn.LayerNorm)]
        hooks = [norm.register_forward_pre_hook(lambda _, inputs: (inputs[0].clone(), *inputs[1:])) for norm in norms]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def pictures_of(clip_vision: Any) -> Hosted[PictureEmbedding]:
    """The vision half of CLIP with its patcher. Raises ValueError for anything else."""
    network = getattr(clip_vision, "model", None)
    if not isinstance(network, nn.Module) or not hasattr(clip_vision, "patcher") or not hasattr(clip_vision, "image_size"):
        raise ValueError(
            f"clip_vision is not a vision model of ComfyUI's (it is {type(clip_vision).__name__}): connect Load CLIP Vision to it"
        )
    projection = getattr(getattr(network, "visual_projection", None), "weight", None)
    if projection is None:
        kind = getattr(clip_vision, "model_type", type(network).__name__)
        raise ValueError(f"clip_vision ({kind}) has no projection into the space that pictures share with texts: {EXAMPLE}")
    # Outside of inference mode for the tensors that pictures are normalized with.
    with torch.inference_mode(False), torch.no_grad():
        return Hosted(PictureEmbedding(clip_vision, projection), clip_vision.patcher)


# Texts


@dataclass(frozen=True, eq=False)
class TextEmbedding:
    """One of the CLIPs in a host's text encoder. name: such as clip_l. width: of its vectors."""

    clip: Any
    name: str
    width: int

    def __call__(self, texts: Sequence[str], name: str) -> Tensor:
        """[N, width], by CLIP's own projection. name: of the input, for the ValueError of a text that is too long."""
        everything = self.clip.cond_stage_model
        encoder = getattr(everything, self.name)
        # The host's own call gives Stable Diffusion's idea of the pooled text, which lacks the projection for CLIP-L.
        everything.reset_clip_options()
        encoder.set_clip_options({"projected_pooled": True, "execution_device": self.clip.patcher.load_device})
        try:
            self.clip.load_model()
            with torch.no_grad():
                return torch.cat([encoder.encode_token_weights([self.tokens(text, name)])[1].float().cpu() for text in texts])
        finally:
            everything.reset_clip_options()

    def tokens(self, text: str, name: str) -> list[tuple[Any, float]]:
        """What CLIP reads of a text, without weights, which would not change what is pooled."""
        sections = self.clip.tokenize(text)[self.name.removeprefix("clip_")]
        if len(sections) > 1:
            raise ValueError(f"{name} is longer than CLIP reads at once ({len(sections[0]) - 2} tokens): make it shorter")
        return [(token, 1.0) for token, *_ in sections[0]]


def texts_of(clip: Any, width: int) -> TextEmbedding:
    """The CLIP of a text encoder whose vectors are as wide as the pictures'. Raises ValueError where there is none."""
    everything: Any = getattr(clip, "cond_stage_model", None)
    if not isinstance(everything, nn.Module) or not hasattr(clip, "tokenize"):
        raise ValueError(f"clip is not a text encoder of ComfyUI's (it is {type(clip).__name__}): connect Load CLIP to it")
    found = {name: weight for name, part in everything.named_children() if (weight := projection_of(name, part)) is not None}
    if not found:
        kinds = ", ".join(name for name, _ in everything.named_children()) or type(everything).__name__
        raise ValueError(f"clip ({kinds}) is a text encoder without a CLIP in it: {EXAMPLE}")
    fitting = [name for name, weight in found.items() if weight.shape[0] == width]
    if not fitting:
        widths = " and ".join(str(weight.shape[0]) for weight in found.values())
        raise ValueError(f"clip_vision makes vectors of {width} and clip of {widths}: {EXAMPLE}")
    name = fitting[0]
    if in_files(clip, width) is False or not trained(found[name]):
        raise ValueError(
            f"clip ({name}) comes without its projection into the space that texts share with pictures, as the text encoders of "
            f"Stable Diffusion do: {WHOLE}"
        )
    return TextEmbedding(clip, name, width)


def projection_of(name: str, part: nn.Module) -> Tensor | None:
    """The projection of a part of a text encoder if that is a CLIP."""
    if not name.startswith("clip_") or not hasattr(part, "encode_token_weights"):
        return None
    return getattr(getattr(getattr(part, "transformer", None), "text_projection", None), "weight", None)


def trained(projection: Tensor) -> bool:
    """Whether it can be the result of a training: the host leaves memory as it was, or zeros, where a file has none."""
    if projection.is_meta:
        return False
    weight = projection.detach().float().cpu()
    rows = torch.linalg.vector_norm(weight, dim=1)
    plausible = bool(torch.isfinite(weight).all()) and bool(((rows > SMALLEST_ROW) & (rows < LARGEST_ROW)).all())
    return plausible and not torch.equal(weight, torch.eye(*weight.shape))


def in_files(clip: Any, width: int) -> bool | None:
    """Whether the files that a text encoder was read from have a projection of this width; None where that can't be told."""
    origin = getattr(clip.patcher, "cached_patcher_init", None)
    named = origin[1][0] if origin else None
    paths = [Path(p) for p in ([named] if isinstance(named, str) else named or [])]
    if not paths or not all(path.suffix.lower() in SAFETENSORS and path.is_file() for path in paths):
        return None
    headers = [json.loads(importlib.import_module("comfy.utils").safetensors_header(str(path)) or b"{}") for path in paths]
    tensors = {name: entry for header in headers for name, entry in header.items() if name.endswith(PROJECTION_NAMES)}
    return any(entry["shape"] == [width, width] for entry in tensors.values())
