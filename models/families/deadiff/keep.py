"""What DEADiff needs of its authors' file of 7.4 GB, beside it in a file of 0.4 GB for each word."""

from __future__ import annotations

from pathlib import Path

from safetensors.torch import save_file
from torch import Tensor

from ...architecture import Tensors
from ...weights.convert import SOURCE_MODIFIED, SOURCE_SIZE
from ...weights.errors import CheckpointError
from ...weights.locks import held
from ...weights.readers import read_checkpoint
from ...weights.safetensors_file import read_safetensors
from ...weights.writing import write_over
from . import BERT, PARTS, WORDS, Word, configure, joint_places, recognize, text_rows


def kept_beside(path: Path, word: Word) -> Path:
    """A safetensors file with what `word` needs of the checkpoint at `path`: itself where it is one, else
    `NAME.WORD.converted.safetensors` beside it.

    Made on the first call, and again when the original changes. Of the original only those tensors are read. CheckpointError
    where it is damaged, another network, or a file of the other word alone.
    """
    target = path.with_name(f"{path.name}.{word}.converted.safetensors")
    if is_of(target, path):
        return target
    tensors = read_checkpoint(path).tensors
    check(tensors, path, word)
    if f"{word}_blip.text_rows" in tensors:
        return path
    with held(target.with_name(target.name + ".lock"), lambda: None):
        if not is_of(target, path):
            stat = path.stat()
            made, facts = kept(tensors, word), {SOURCE_SIZE: str(stat.st_size), SOURCE_MODIFIED: str(stat.st_mtime_ns)}
            write_over(target, lambda name: save_file(made, name, facts))
    return target


def check(tensors: Tensors, path: Path, word: Word) -> None:
    """Raise CheckpointError, in a sentence, unless the tensors are DEADiff's with this word."""
    if not recognize(tensors):
        raise CheckpointError(
            f"{path.name} is not DEADiff (its first tensors are {', '.join(list(tensors)[:2])}): choose its file"
        )
    if f"{word}_blip.query_tokens" not in tensors:
        other = next(each for each in WORDS if each != word)
        raise CheckpointError(f"{path.name} holds DEADiff for {other} alone and {word} is asked for: choose the file with both")


def kept(tensors: Tensors, word: Word) -> dict[str, Tensor]:
    """The tensors that a word needs, in half precision; the word itself in place of the vocabulary."""
    config = configure({**{k: t for k, t in tensors.items() if not k.startswith(other_words(word))}})
    blip, projection = f"{word}_blip.", f"{word}_proj_layer."
    wanted = [
        "query_tokens",
        "ln_vision.weight",
        "ln_vision.bias",
        *(f"{BERT}embeddings.LayerNorm.{end}" for end in ("weight", "bias")),
    ]
    for layer in range(config.layers):
        for theirs, ours in PARTS.items():
            if layer < config.layers - 1 or not ours.startswith("text."):
                wanted += [f"{BERT}encoder.layer.{layer}.{theirs}.{end}" for end in ("weight", "bias")]
    names = [blip + name for name in wanted]
    names += [f"{projection}{part}.{end}" for part in ("LayerNorm", "dense1", "dense2") for end in ("weight", "bias")]
    names += [f"{name}.{kind}.weight" for name in joint_places(tensors).values() for kind in ("i_to_k", "i_to_v")]
    made = {name: tensors[name].half().contiguous().clone() for name in names}
    made[f"{blip}text_rows"] = text_rows(tensors, word).half()
    return made


def other_words(word: Word) -> tuple[str, ...]:
    """How the names begin that belong to the other word."""
    return tuple(f"{other}_{part}" for other in WORDS if other != word for part in ("blip.", "proj_layer."))


def is_of(target: Path, source: Path) -> bool:
    """Whether a file was made from the source as it is now."""
    try:
        made_from = read_safetensors(target)[1]
    except CheckpointError:
        return False
    stat = source.stat()
    return (made_from.get(SOURCE_SIZE), made_from.get(SOURCE_MODIFIED)) == (str(stat.st_size), str(stat.st_mtime_ns))
