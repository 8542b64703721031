"""The example workflows of Stable Diffusion and CLIP in the real host, with tiny models of their shapes."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image

from style_atelier.tests.host import workflows
from style_atelier.tests.host.comfy import ROOT, Comfy, find_comfyui

pytestmark = pytest.mark.host
NAMES = [name for name in workflows.NAMES if workflows.is_diffusion(name)]
TINY = {"CLIPLoader": "TinyCLIP", "CLIPVisionLoader": "TinyCLIPVision"}
SMALLER = {"width": 256, "height": 256, "steps": 4, "size": 256}
OF_THE_PHOTO = {"styleid_photo", "styleid_two_regions"}  # as large as it is, by their shorter side
LORAS = ("sd_xl_offset_example-lora_1.0.safetensors", "my_content_b_lora.safetensors", "my_style_b_lora.safetensors")
NODE = """
import sys, types
from pathlib import Path
pack = types.ModuleType("style_atelier")
pack.__path__ = [{root!r}]
sys.modules.setdefault("style_atelier", pack)
import folder_paths
from style_atelier.tests.host.tiny_models import TinyCheckpoint, TinyCLIP, TinyCLIPVision
from style_atelier.tests.host.tiny_models import place_controlnext, place_deadiff, place_loras
models = Path(folder_paths.models_dir)
(models / "loras").mkdir(parents=True, exist_ok=True)
place_loras(models / "loras", {loras!r})
place_controlnext(models / "style_atelier" / "controlnext" / "sdxl_anime_canny")
place_deadiff(models / "style_atelier" / "deadiff" / "deadiff_v1.ckpt")
NODE_CLASS_MAPPINGS = {{"TinyCheckpoint": TinyCheckpoint, "TinyCLIP": TinyCLIP, "TinyCLIPVision": TinyCLIPVision}}
"""


@pytest.fixture(scope="module")
def tiny(comfy: Comfy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Comfy]:
    """A host of its own with the tiny models; `comfy` is asked for so that this skips where there is no ComfyUI."""
    base = tmp_path_factory.mktemp("tiny")
    (base / "custom_nodes").mkdir()
    (base / "custom_nodes" / "tiny.py").write_text(NODE.format(root=str(ROOT), loras=LORAS), encoding="utf-8")
    comfyui = find_comfyui()
    assert comfyui is not None
    host = Comfy(comfyui, base)
    yield host
    host.stop()


def smaller(name: str) -> dict[str, Any]:
    """The workflow's prompt, with the tiny model, at a small size and with few steps."""
    prompt = workflows.api_prompt(workflows.read(name))
    for node in prompt.values():
        if node["class_type"] == "CheckpointLoaderSimple":
            kind = "SDXL" if "xl" in node["inputs"]["ckpt_name"] else "DEEP_SD15"
            node |= {"class_type": "TinyCheckpoint", "inputs": {"kind": kind}}
        elif node["class_type"] in TINY:
            node |= {"class_type": TINY[node["class_type"]], "inputs": {}}
        if node["class_type"] != "SolidMask":  # whose size only says where its border is
            node["inputs"] |= {key: value for key, value in SMALLER.items() if key in node["inputs"]}
    return prompt


@pytest.mark.parametrize("name", NAMES)
def test_workflow_finishes(tiny: Comfy, name: str) -> None:
    workflows.place_pictures(tiny, workflows.read(name))
    run = tiny.run(smaller(name))
    assert run.ending == "execution_success", run.of("execution_error")
    for reference in run.pictures():
        if "_curve" in reference["filename"]:  # of a loss, of its own size
            continue
        picture = Image.open(io.BytesIO(tiny.picture(reference))).convert("L")
        assert picture.size == (256, 256) or (name in OF_THE_PHOTO and min(picture.size) == 256)
        assert len(set(picture.resize((32, 32)).tobytes())) > 20
    assert run.pictures() or name == "merge_loras"


def test_sampling_shows_previews(tiny: Comfy) -> None:
    workflow = workflows.read("controlnext_and_lora")
    workflows.place_pictures(tiny, workflow)
    prompt = smaller("controlnext_and_lora")
    sampler = next(node for node in prompt.values() if node["class_type"] == "KSampler")
    sampler["inputs"] |= {"seed": 11, "steps": 8}
    listener = tiny.listen()
    try:
        body = {"prompt": prompt, "client_id": tiny.client, "extra_data": {"preview_method": "latent2rgb"}}
        status, content = tiny.request("/prompt", body)
        assert status == 200, content
        pictures = 0
        while True:
            message = listener.receive(60)
            if isinstance(message, bytes):
                pictures += b"\xff\xd8\xff" in message
            elif json.loads(message)["type"] in ("execution_success", "execution_error"):
                break
    finally:
        listener.close()
    assert json.loads(message)["type"] == "execution_success", message
    assert pictures > 0


def test_a_report_names_what_was_done(tiny: Comfy) -> None:
    run = tiny.run(smaller("lora_by_blocks"))
    texts = [text for data in run.of("executed") for text in (data["output"] or {}).get("text", [])]
    assert any("every module is matched" in text and "OUT01" in text for text in texts), texts
