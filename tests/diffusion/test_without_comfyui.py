"""The diffusion nodes on the embedded host, which has no Stable Diffusion: a sentence that says what to do."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest
import torch

from style_atelier.tests.pack import Pack

PICTURE = torch.zeros(1, 16, 16, 3)
NODES: dict[str, dict[str, Any]] = {
    "LoadLora": {"model": object(), "lora": "a.safetensors"},
    "LoraInfo": {"lora": "a.safetensors"},
    "MergeLora": {"lora_stack": [("a.safetensors", 1.0, 1.0)]},
    "LoadControlNeXt": {"controlnext": "controlnext-sdxl-anime-canny"},
    "ControlNeXtWeights": {"model": object(), "weights": "controlnext-sdxl-anime-canny"},
    "StyleTransferSD": {
        **{"model": object(), "clip": object(), "vae": object()},
        **{"content": PICTURE, "styles": {"style0": PICTURE}},
    },
    "InvertLatent": {"model": object(), "conditioning": [], "latent": {}},
    "StyleInjection": {"model": object(), "content": object(), "styles": {}},
    "AttentionObjective": {"model": object(), "conditioning": [], "styles": {}},
    "OptimizeLatent": {"objective": object(), "vae": object()},
    "StyleGuidance": {"model": object(), "style": {}},
    "StyleNoise": {"model": object()},
    "LoadDEADiff": {"deadiff": "deadiff"},
    "ApplyDEADiff": {"model": object(), "deadiff": object(), "clip_vision": object(), "pictures": {}},
}


@pytest.mark.skipif(
    importlib.util.find_spec("comfy_api") is not None, reason="a real ComfyUI is here, which has Stable Diffusion"
)
@pytest.mark.parametrize("name", NODES)
def test_they_say_what_they_need(pack: Pack, name: str) -> None:
    with pytest.raises(ValueError, match=r"needs a real ComfyUI: set COMFYUI_PATH") as caught:
        pack.run(name, **NODES[name])
    assert "\n" not in str(caught.value)


def test_lists_have_a_word_where_there_are_no_files(pack: Pack) -> None:
    lora = next(item for item in pack.schemas["StyleAtelierLoadLora"].inputs if item.id == "lora")
    assert lora.options
    assert lora.default == lora.options[0]
