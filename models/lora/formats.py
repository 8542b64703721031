"""LoRA files as their trainers write them, brought to the names that `modules` reads.

PEFT: named adapters, alphas in the header (huggingface/peft, utils/save_and_load.py). cloneofsimo/lora: layers by number, as a
dict or as a bare list (lora_diffusion/lora.py). OneTrainer: embeddings beside the LoRA.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

ADAPTER = r"(?<=\.)(lora_A|lora_B|lora_embedding_A|lora_embedding_B|lora_magnitude_vector)\.(?!weight$|bias$)([^.]+)(?=\.|$)"
EMBEDDING = r"^(?:bundle_emb\.([^.]+)|<([^>]+)>)"
NUMBERED = r"^(unet|text_encoder):(\d+):(up|down)$"
PEFT_HEADER = "lora_adapter_metadata"
KOHYA_ALPHA, KOHYA_MODULE = "ss_network_alpha", "ss_network_module"
PARTS = ("unet", "transformer", "text_encoder_2", "text_encoder")

# cloneofsimo's layers in the order of diffusers' modules, with how many of attn1, (GEGLU), attn2 stand behind one another
ATTENTION = ("to_q", "to_k", "to_v", "to_out.0")
CLIP_ATTENTION = ("k_proj", "v_proj", "q_proj", "out_proj")
DOWN = tuple(f"down_blocks.{b}.attentions.{a}" for b in (0, 1, 2) for a in (0, 1))
MIDDLE = ("mid_block.attentions.0",)
UP = tuple(f"up_blocks.{b}.attentions.{a}" for b in (1, 2, 3) for a in (0, 1, 2))
GEGLU = "ff.net.0.proj"
WITHOUT_GEGLU = 2 * len(ATTENTION)


@dataclass(frozen=True)
class Plain:
    """tensors: under names that `modules_of` reads, with every alpha that the file states anywhere. embeddings: tokens of textual
    inversions that lie beside the LoRA. adapters: names of PEFT's adapters, of which the first is taken.
    """

    tensors: dict[str, Tensor]
    embeddings: tuple[str, ...] = ()
    adapters: tuple[str, ...] = ()


def plain(tensors: Mapping[str, Tensor], header: Mapping[str, str]) -> Plain:
    """The file's modules under names that `modules_of` reads."""
    tokens = {found[1] or found[2] for found in (re.match(EMBEDDING, key) for key in tensors) if found}
    own = {key: tensor for key, tensor in tensors.items() if not re.match(EMBEDDING, key)}
    own, adapters = _of_one_adapter(_named(own))
    return Plain(own | _alphas(own, header), tuple(sorted(tokens)), adapters)


# PEFT


def _of_one_adapter(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """Without the adapter's name in every key; of several adapters the first."""
    names = list(dict.fromkeys(found[2] for found in (re.search(ADAPTER, key) for key in tensors) if found))
    made: dict[str, Tensor] = {}
    for key, tensor in tensors.items():
        found = re.search(ADAPTER, key)
        if found is None or found[2] == names[0]:
            made[re.sub(ADAPTER, r"\1", key)] = tensor
    return made, tuple(names)


def _alphas(tensors: Mapping[str, Tensor], header: Mapping[str, str]) -> dict[str, Tensor]:
    """Alphas that only the header states, as tensors `NAME.alpha`."""
    ranks = dict(_ranks(tensors))
    settings = _settings(header)
    made = {}
    for name, rank in ranks.items():
        if f"{name}.alpha" in tensors:
            continue
        alpha = _peft_alpha(name, rank, settings) if settings else _kohya_alpha(header)
        if alpha is not None:
            made[f"{name}.alpha"] = torch.tensor(alpha)
    return made


def _ranks(tensors: Mapping[str, Tensor]) -> Iterator[tuple[str, int]]:
    for key, tensor in tensors.items():
        for end in (".lora_A.weight", ".lora_A", ".lora_down.weight"):
            if key.endswith(end) and tensor.dim() > 1:
                yield key.removesuffix(end), tensor.shape[0]


def _settings(header: Mapping[str, str]) -> dict[str, Any]:
    try:
        found = json.loads(header.get(PEFT_HEADER, "") or "{}")
    except json.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _peft_alpha(name: str, rank: int, settings: Mapping[str, Any]) -> float | None:
    """What makes alpha / rank the strength that PEFT trained with; patterns name the ends of layers or are expressions."""
    part = next((part for part in PARTS if name.startswith(f"{part}.")), "")
    own = {key.removeprefix(f"{part}."): value for key, value in settings.items() if not part or key.startswith(f"{part}.")}
    own = own or {key: value for key, value in settings.items() if not key.startswith(tuple(f"{p}." for p in PARTS))}
    alpha = own.get("lora_alpha")
    patterns = own.get("alpha_pattern")
    for pattern, value in patterns.items() if isinstance(patterns, dict) else ():
        if name == pattern or name.endswith(f".{pattern}"):
            alpha = value
    if isinstance(alpha, bool) or not isinstance(alpha, (int, float)):
        return None
    return float(alpha) * (rank**0.5 if own.get("use_rslora") else 1.0)


def _kohya_alpha(header: Mapping[str, str]) -> float | None:
    """kohya's scripts state one for the whole network."""
    try:
        alpha = float(header[KOHYA_ALPHA]) if KOHYA_MODULE in header else 0.0
    except (KeyError, ValueError):
        return None
    return alpha or None


# cloneofsimo


def _named(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Layers by number under diffusers' names; everything else as it is."""
    found = {key: re.match(NUMBERED, key) for key in tensors}
    numbered: dict[str, dict[int, dict[str, Tensor]]] = {}
    for key, match in found.items():
        if match is not None:
            numbered.setdefault(match[1], {}).setdefault(int(match[2]), {})[match[3]] = tensors[key]
    if not numbered and _is_list(tensors):
        pairs = [tensors[str(number)] for number in range(len(tensors))]
        layers = {i: {"up": up, "down": down} for i, (up, down) in enumerate(zip(pairs[::2], pairs[1::2], strict=True))}
        numbered = {"text_encoder" if _all_square(layers) else "unet": layers}
    elif not numbered:
        return dict(tensors)
    made = {key: tensor for key, tensor in tensors.items() if found[key] is None and not key.isdecimal()}
    for part, layers in numbered.items():
        ordered = [layers[number] for number in sorted(layers)]
        names = _unet_names(ordered) if part == "unet" else _clip_names(len(ordered))
        for number, layer in enumerate(ordered):
            name = names[number] if number < len(names) else f"layer {number}"
            made |= {f"{part}.{name}.lora_{what}.weight": tensor for what, tensor in layer.items()}
    return made


def _is_list(tensors: Mapping[str, Tensor]) -> bool:
    """up, down, up, down ... by number."""
    if not tensors or len(tensors) % 2 or any(str(number) not in tensors for number in range(len(tensors))):
        return False
    pairs = [(tensors[str(2 * i)], tensors[str(2 * i + 1)]) for i in range(len(tensors) // 2)]
    return all(up.dim() == down.dim() and up.dim() in (2, 4) and up.shape[1] == down.shape[0] for up, down in pairs)


def _all_square(layers: Mapping[int, Mapping[str, Tensor]]) -> bool:
    return len({(layer["up"].shape[0], layer["down"].shape[1]) for layer in layers.values()}) == 1


def _clip_names(count: int) -> list[str]:
    layers = range(-(-count // len(CLIP_ATTENTION)))
    return [f"text_model.encoder.layers.{layer}.self_attn.{name}" for layer in layers for name in CLIP_ATTENTION]


def _unet_names(layers: Sequence[Mapping[str, Tensor]]) -> list[str]:
    """The order is read from the widths: where the middle block stands, and where GEGLU, eight times as wide, does."""
    blocks = len(DOWN + MIDDLE + UP)
    each, rest = divmod(len(layers), blocks)
    if rest or each not in (WITHOUT_GEGLU, WITHOUT_GEGLU + 1) or any(len(layer) < 2 for layer in layers):
        return []
    sizes = [(layer["up"].shape[0], layer["down"].shape[1]) for layer in layers]
    inside = [f"{attn}.{name}" for attn in ("attn1", "attn2") for name in ATTENTION]
    if each > WITHOUT_GEGLU:
        inside.insert(next((i for i in range(each) if sizes[i][0] == 8 * sizes[i][1]), len(ATTENTION)), GEGLU)
    order = DOWN + UP + MIDDLE if sizes[-1][0] > sizes[0][0] else DOWN + MIDDLE + UP
    return [f"{block}.transformer_blocks.0.{name}" for block in order for name in inside]
