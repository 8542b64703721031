"""DEADiff (Qi et al., CVPR 2024, arXiv:2403.06951; bytedance/DEADiff): a picture's style, or its content, for SD1.5.

The authors' file is a whole model of 7.4 GB. `keep.kept` takes from it what one of the two words needs, in half precision.
"""

from __future__ import annotations

import re

from torch import Tensor

from ...architecture import Architecture, Tensors, shape
from .network import CONTENT_PLACES, WORDS, DEADiff, DEADiffConfig, Place, Word

__all__ = ["ARCHITECTURES", "CONTENT_PLACES", "IDS", "WORDS", "DEADiff", "DEADiffConfig", "Place", "Word", "joint_places"]

IDS: dict[Word, tuple[int, ...]] = {"style": (101, 2806, 102), "content": (101, 4180, 102)}  # of bert-base-uncased, with marks
ORDER = ("input", "middle", "output")
JOINT = r"model\.diffusion_model\.(input|middle|output)_blocks?\.(\d+)\.(?:1\.)?transformer_blocks\.0\.attn2\.i_to_k\.weight"
HEAD_WIDTH = 64
BERT = "Qformer.bert."
PARTS = {
    **{f"attention.self.{part}": f"both.{part}" for part in ("query", "key", "value")},
    **{f"crossattention.self.{part}": f"picture.{part}" for part in ("query", "key", "value")},
    **{"attention.output.dense": "both.dense", "attention.output.LayerNorm": "both.norm"},
    **{"crossattention.output.dense": "picture.dense", "crossattention.output.LayerNorm": "picture.norm"},
    **{
        "intermediate_query.dense": "queries.wide",
        "output_query.dense": "queries.narrow",
        "output_query.LayerNorm": "queries.norm",
    },
    **{"intermediate.dense": "text.wide", "output.dense": "text.narrow", "output.LayerNorm": "text.norm"},
}


def joint_places(tensors: Tensors) -> dict[Place, str]:
    """The UNet's blocks with keys of pictures, in its order, and how the file names their cross attention."""
    found = {}
    for name in tensors:
        match = re.fullmatch(JOINT, name)
        if match:
            group, number = match.group(1), int(match.group(2))
            found[group, 0 if group == "middle" else number] = name.removesuffix(".i_to_k.weight")
    return dict(sorted(found.items(), key=lambda item: (ORDER.index(item[0][0]), item[0][1])))


def word_of(tensors: Tensors) -> Word | None:
    """The word that a file is for; a file of both is read for style."""
    return next((word for word in WORDS if f"{word}_blip.query_tokens" in tensors), None)


def recognize(tensors: Tensors) -> bool:
    """A Q-Former for a word, and keys of pictures beside those of texts."""
    return word_of(tensors) is not None and any(re.fullmatch(JOINT, name) for name in tensors)


def configure(tensors: Tensors) -> DEADiffConfig:
    """Widths and layers from shapes; heads are 64 wide, as BERT's."""
    word = word_of(tensors)
    if word is None:
        raise KeyError("style_blip.query_tokens")
    bert = f"{word}_blip.{BERT}encoder.layer."
    _, queries, width = shape(tensors, f"{word}_blip.query_tokens")
    places = joint_places(tensors)
    return DEADiffConfig(
        word,
        width,
        1 + max(int(name.removeprefix(bert).split(".")[0]) for name in tensors if name.startswith(bert)),
        max(1, width // HEAD_WIDTH),
        shape(tensors, f"{bert}0.intermediate_query.dense.weight")[0],
        shape(tensors, f"{word}_blip.ln_vision.weight")[0],
        queries,
        shape(tensors, f"{word}_proj_layer.dense1.weight")[0],
        tuple((place, shape(tensors, f"{name}.i_to_k.weight")[0]) for place, name in places.items()),
    )


def rename(tensors: Tensors, config: DEADiffConfig) -> dict[str, Tensor]:
    """The published names, or those of `keep.kept`; what is not needed is left out."""
    blip, projection = f"{config.word}_blip.", f"{config.word}_proj_layer."
    embeddings = f"{blip}{BERT}embeddings."
    found = {name: tensors[blip + name] for name in ("query_tokens", "ln_vision.weight", "ln_vision.bias")}
    found["text_rows"] = text_rows(tensors, config.word)
    for end in ("weight", "bias"):
        found[f"norm.{end}"] = tensors[f"{embeddings}LayerNorm.{end}"]
        found[f"projection_norm.{end}"] = tensors[f"{projection}LayerNorm.{end}"]
        for dense in ("dense1", "dense2"):
            found[f"{dense}.{end}"] = tensors[f"{projection}{dense}.{end}"]
        for layer in range(config.layers):
            for theirs, ours in PARTS.items():
                if layer < config.layers - 1 or not ours.startswith("text."):
                    found[f"layers.{layer}.{ours}.{end}"] = tensors[f"{blip}{BERT}encoder.layer.{layer}.{theirs}.{end}"]
    for place, name in joint_places(tensors).items():
        for kind in ("i_to_k", "i_to_v"):
            found[f"{kind}.{place[0]}_{place[1]}.weight"] = tensors[f"{name}.{kind}.weight"]
    return found


def text_rows(tensors: Tensors, word: Word) -> Tensor:
    """What the Q-Former reads of the word, [3, width]: rows of the vocabulary and of positions, added."""
    kept = f"{word}_blip.text_rows"
    if kept in tensors:
        return tensors[kept]
    embeddings = f"{word}_blip.{BERT}embeddings."
    words, positions = (tensors[f"{embeddings}{kind}_embeddings.weight"] for kind in ("word", "position"))
    return words[list(IDS[word])].float() + positions[: len(IDS[word])].float()


ARCHITECTURES = (
    Architecture(
        id="deadiff",
        kind="adapter",
        title="DEADiff",
        recognize=recognize,
        configure=configure,
        build=DEADiff,
        rename=rename,
        license="personal, research and non-commercial use",
    ),
)
