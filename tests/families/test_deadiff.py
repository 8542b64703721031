"""DEADiff's Q-Former and projection against the authors' numbers, and what is kept of their file."""

from __future__ import annotations

import json
import runpy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from style_atelier.models.families.deadiff import WORDS, Word, configure, rename
from style_atelier.models.families.deadiff.network import DEADiff
from style_atelier.models.library.adapters import load_adapter
from style_atelier.models.library.registry import recognize
from style_atelier.models.weights.errors import WeightsError
from style_atelier.tests.families.deadiff_files import WIDTH, deadiff_file

GOLDEN = Path(__file__).parents[1] / "golden"
fill = runpy.run_path(str(GOLDEN / "fill.py"))["fill"]


@pytest.mark.parametrize("word", WORDS)
@torch.inference_mode()
def test_the_authors_numbers(word: Word) -> None:
    golden: dict[str, Any] = torch.load(GOLDEN / "diffusion" / "deadiff_qformer_tiny.golden.pt", weights_only=True)
    meta = json.loads(golden["meta"])
    assert meta["ids"]["style"] == [101, 2806, 102]
    tensors = {name: torch.zeros(size, dtype=torch.long if "ids" in name else None) for name, size in meta["keys"].items()}
    fill({name: tensor for name, tensor in tensors.items() if tensor.is_floating_point()}, meta["seed"], meta["gain"])
    tensors["model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.i_to_k.weight"] = torch.zeros(8, 64)
    tensors["model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.i_to_v.weight"] = torch.zeros(8, 64)
    own = {name.replace("style", word): tensor for name, tensor in tensors.items()}  # both words were asked of one network
    config = replace(configure(own), heads=meta["heads"])
    network = DEADiff(config)
    network.load_state_dict(rename(own, config))
    asked = network.ask(golden["image_embeds"])  # behind ln_vision
    assert float((asked - golden[f"tokens_{word}"]).abs().max()) <= 1e-4
    assert float((network.project(asked) - golden[f"context_{word}"]).abs().max()) <= 1e-4


class Folder:
    """Finds files in one folder; nothing is fetched."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def file(self, name: str) -> Path:
        return self.folder / name

    def fetch(self, spec: Any) -> Path:
        raise AssertionError(spec)

    def find(self, spec: Any) -> None:
        return None


def written(folder: Path, tensors: dict[str, Tensor]) -> Path:
    path = folder / "deadiff_v1.ckpt"
    torch.save({"state_dict": tensors, "global_step": 7}, path)
    return path


@pytest.mark.parametrize("word", WORDS)
@torch.inference_mode()
def test_what_is_kept_is_what_the_word_needs(tmp_path: Path, word: Word) -> None:
    whole = deadiff_file()
    path = written(tmp_path, whole)
    found = load_adapter(path.name, word, Folder(tmp_path))
    assert found.word == word
    kept = path.with_name(f"{path.name}.{word}.converted.safetensors")
    assert kept.is_file()
    assert kept.stat().st_size < path.stat().st_size / 4
    config = configure(
        {name: tensor for name, tensor in whole.items() if not name.startswith("style" if word == "content" else "content")}
    )
    exact = DEADiff(config)
    exact.load_state_dict(rename(whole, config))
    seen = torch.randn(1, 5, config.vision, generator=torch.Generator().manual_seed(0))
    made, wanted = found.module(seen), exact(seen)
    assert float((made - wanted).abs().max()) < 2e-2  # half precision
    then = kept.stat().st_mtime_ns
    load_adapter(path.name, word, Folder(tmp_path))
    assert kept.stat().st_mtime_ns == then
    path.unlink()
    alone = load_adapter(kept.name, word, Folder(tmp_path))  # the small file serves by itself
    assert torch.equal(alone.module(seen), made)
    with pytest.raises(WeightsError, match="alone"):
        load_adapter(kept.name, "style" if word == "content" else "content", Folder(tmp_path))


@torch.inference_mode()
def test_layers_take_their_words_tokens(tmp_path: Path) -> None:
    written(tmp_path, deadiff_file())
    places = {}
    for word in WORDS:
        module = load_adapter("deadiff_v1.ckpt", word, Folder(tmp_path)).module
        tokens = torch.randn(3, 4, WIDTH, generator=torch.Generator().manual_seed(0))
        found = module.keys_values(tokens)
        places[word] = {place for place, pair in found.items() if pair is not None}
        for place in places[word]:
            k, v = found[place] or (None, None)
            assert k is not None
            assert v is not None
            weight = module.i_to_k[f"{place[0]}_{place[1]}"].weight
            torch.testing.assert_close(k, tokens.mean(0, keepdim=True) @ weight.T)
    assert len(places["style"]) == 11
    assert places["content"] == {("input", 7), ("input", 8), ("middle", 0), ("output", 3), ("output", 4)}


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path, {"model.weight": torch.zeros(2, 2)})
    with pytest.raises(WeightsError, match="is not DEADiff"):
        load_adapter(path.name, "style", Folder(tmp_path))


def test_it_is_recognized() -> None:
    known = recognize(deadiff_file())
    assert known is not None
    assert known.id == "deadiff"
