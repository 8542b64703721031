"""What a LoRA file says of itself: its kind, ranks, the model it is for, trigger words and the tags of its training."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from torch import Tensor

from .formats import plain
from .modules import Module, modules_of

MOST_TAGS = 500
TRIGGERS = ("modelspec.trigger_phrase", "ss_trigger_words", "trigger_words", "activation_text")
TITLES = ("modelspec.title", "ss_output_name", "name")
TEXT_WIDTHS = {768: "SD1.5", 1024: "SD2.x", 2048: "SDXL"}
STATED_AS = (
    ("SDXL", ("xl", "pony")),
    ("SD2.x", ("v2", "2.0", "2.1", "2-1", "768")),
    ("SD1.5", ("v1", "1.4", "1.5", "1-5", "sd15")),
)
BASES = ("modelspec.architecture", "ss_base_model_version", "baseModel", "ss_sd_model_name")


@dataclass(frozen=True)
class LoraFacts:
    """kinds: "LoRA 256". ranks, alphas: which and how often. family: the kind of model, in words, "" where nothing tells.

    trigger: words that call it. tags: of the training, the most frequent first, with how often. others: tensors of no module.
    embeddings: tokens of textual inversions that lie beside the LoRA. adapters: PEFT's names, of which the first is taken.
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
    embeddings: tuple[str, ...] = ()
    adapters: tuple[str, ...] = ()

    def summary(self) -> str:
        """In lines."""
        kinds = ", ".join(f"{kind} ({count} modules)" for kind, count in self.kinds.items()) or "nothing that acts on a model"
        ranks = ", ".join(map(str, sorted(self.ranks))) or "none"
        alphas = ", ".join(f"{alpha:g}" for alpha in sorted(self.alphas)) or "none stated"
        lines = [f"{kinds}; rank {ranks}; alpha {alphas}"]
        lines += [f"for {self.family}"] if self.family else []
        lines += [f"trigger: {self.trigger}"] if self.trigger else []
        if self.embeddings:
            lines.append(f"embeddings beside it, which are not loaded: {', '.join(self.embeddings)}")
        if len(self.adapters) > 1:
            lines.append(f"adapters in it: {', '.join(self.adapters)}; {self.adapters[0]} is taken")
        return "\n".join(lines)


def facts_of(tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None) -> LoraFacts:
    """Read everything from names, shapes and the header."""
    header = {str(key): str(value) for key, value in (metadata or {}).items()}
    file = plain(tensors, header)
    modules, others = modules_of(file.tensors)
    tags = training_tags(header.get("ss_tag_frequency", ""))
    return LoraFacts(
        modules=modules,
        kinds=dict(Counter("incomplete" if module.lacks else module.kind for module in modules.values())),
        ranks=dict(Counter(module.rank for module in modules.values() if module.rank)),
        alphas=dict(Counter(module.alpha for module in modules.values() if module.alpha is not None)),
        family=family_of_file(header, modules),
        title=first(header, TITLES),
        trigger=first(header, TRIGGERS) or common_to_all(header, tags),
        tags=tags,
        metadata=header,
        others=tuple(others),
        embeddings=file.embeddings,
        adapters=file.adapters,
    )


def family_of_file(header: Mapping[str, str], modules: Mapping[str, Module]) -> str:
    """What the header says of the model, unless the sizes say another; without a header by sizes, then by names."""
    stated, seen = first(header, BASES), family_by_sizes(modules)
    same = next((family for family, words in STATED_AS if any(word in stated.lower() for word in words)), "") == seen
    if stated and (same or not seen):
        return stated
    return seen or stated or family_by_names(modules)


def family_by_sizes(modules: Mapping[str, Module]) -> str:
    """The kind of model by the width of the text that cross-attention reads, "" without such layers."""
    for name, module in modules.items():
        if name.replace(".", "_").endswith(("attn2_to_k", "attn2_to_v", "attn2_processor_to_k", "attn2_processor_to_v")):
            shape = module.shape
            if shape is not None and shape[1] in TEXT_WIDTHS:
                return TEXT_WIDTHS[shape[1]]
    return ""


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
