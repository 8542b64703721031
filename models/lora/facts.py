"""What a LoRA file says of itself: its kind, ranks, the model it is for, trigger words and the tags of its training."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from torch import Tensor

from .modules import Module, modules_of

MOST_TAGS = 500
TRIGGERS = ("modelspec.trigger_phrase", "ss_trigger_words", "trigger_words", "activation_text")
TITLES = ("modelspec.title", "ss_output_name", "name")
BASES = ("modelspec.architecture", "ss_base_model_version", "baseModel", "ss_sd_model_name")


@dataclass(frozen=True)
class LoraFacts:
    """kinds: "LoRA 256". ranks, alphas: which and how often. family: the kind of model, in words, "" where nothing tells.

    trigger: words that call it. tags: of the training, the most frequent first, with how often. others: tensors of no module.
    """

    modules: dict[str, Module]
    kinds: dict[str, int]
    ranks: dict[int, int]
    alphas: dict[float, int]
    family: str
    title: str
    trigger: str
    tags: tuple[tuple[str, int], ...]
    metadata: dict[str, str]
    others: tuple[str, ...]

    def summary(self) -> str:
        """In lines."""
        kinds = ", ".join(f"{kind} ({count} modules)" for kind, count in self.kinds.items()) or "nothing that acts on a model"
        ranks = ", ".join(map(str, sorted(self.ranks))) or "none"
        alphas = ", ".join(f"{alpha:g}" for alpha in sorted(self.alphas)) or "none stated"
        lines = [f"{kinds}; rank {ranks}; alpha {alphas}"]
        lines += [f"for {self.family}"] if self.family else []
        lines += [f"trigger: {self.trigger}"] if self.trigger else []
        return "\n".join(lines)


def facts_of(tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None) -> LoraFacts:
    """Read everything from names, shapes and the header."""
    modules, others = modules_of(tensors)
    header = {str(key): str(value) for key, value in (metadata or {}).items()}
    tags = training_tags(header.get("ss_tag_frequency", ""))
    return LoraFacts(
        modules=modules,
        kinds=dict(Counter(module.kind for module in modules.values())),
        ranks=dict(Counter(module.rank for module in modules.values() if module.rank)),
        alphas=dict(Counter(module.alpha for module in modules.values() if module.alpha is not None)),
        family=first(header, BASES) or family_by_names(modules),
        title=first(header, TITLES),
        trigger=first(header, TRIGGERS) or common_to_all(header, tags),
        tags=tags,
        metadata=header,
        others=tuple(others),
    )


def first(header: Mapping[str, str], names: Iterable[str]) -> str:
    """The first of these entries that says something."""
    found = (header.get(name, "").strip() for name in names)
    return next((text for text in found if text and text.lower() != "none"), "")


def training_tags(text: str) -> tuple[tuple[str, int], ...]:
    """kohya's ss_tag_frequency, {folder: {tag: count}} as JSON, added up over folders; () for anything else."""
    try:
        folders = json.loads(text) if text else {}
    except json.JSONDecodeError:
        return ()
    counted: Counter[str] = Counter()
    for tags in folders.values() if isinstance(folders, dict) else ():
        for tag, count in tags.items() if isinstance(tags, dict) else ():
            if isinstance(count, int):
                counted[str(tag).strip()] += count
    return tuple(counted.most_common(MOST_TAGS))


def common_to_all(header: Mapping[str, str], tags: tuple[tuple[str, int], ...]) -> str:
    """A tag that all training pictures had is what calls the LoRA, where the header has no word for it."""
    count = header.get("ss_num_train_images", "")
    if not tags or not count.isdecimal():
        return ""
    return ", ".join(tag for tag, times in tags[:5] if times >= int(count))


def family_by_names(modules: Iterable[str]) -> str:
    """The kind of model by the names of its layers."""
    text = "\n".join(modules).replace(".", "_")
    for family, marks in (
        ("Flux", ("double_blocks_", "single_transformer_blocks_", "single_blocks_")),
        ("SD3", ("joint_blocks_",)),
        ("SDXL", ("lora_te2_", "text_encoder_2_", "transformer_blocks_5_attn", "input_blocks_8_1_transformer_blocks_2_")),
        ("Wan or another video model", ("blocks_0_cross_attn_k",)),
        ("SD3 or Flux", ("transformer_transformer_blocks_",)),
        ("SD1.5", ("up_blocks_3_attentions", "output_blocks_11_", "down_blocks_0_attentions")),
    ):
        if any(mark in text for mark in marks):
            return family
    return ""
