"""The person's own files on a running ComfyUI: what the page says of them, and which loader lists them."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import torch

from style_atelier.tests.families.translator_files import small
from style_atelier.tests.host.comfy import Comfy

pytestmark = pytest.mark.host
STATUS = "/style_atelier/weights"
SECONDS = 60.0


def listed(comfy: Comfy, node: str, name: str) -> list[str]:
    """The choices of a loader's list."""
    found = comfy.get(f"/object_info/{node}")[node]["input"]["required"][name]
    return found[1]["options"] if found[0] == "COMBO" else found[0]


def test_loaders_list_what_they_can_load(comfy: Comfy) -> None:
    folder: Path = comfy.base / "models" / "style_atelier" / "people"
    folder.mkdir(parents=True, exist_ok=True)
    torch.save({f"_orig_mod.{k}": t for k, t in small("cyclegan-resnet").items()}, folder / "painter.pth")
    torch.save({"lora_unet_x.lora_down.weight": torch.zeros(2, 2)}, folder / "a_lora.pth.tar")
    painter, lora = "people/painter.pth", "people/a_lora.pth.tar"
    try:
        comfy.get(STATUS)  # the page asks, and the files are looked into
        until = time.monotonic() + SECONDS
        words: dict[str, str] = {}
        while not {painter, lora} <= words.keys() and time.monotonic() < until:
            time.sleep(0.5)
            words = comfy.get(STATUS)["own_words"]
        assert words[painter].startswith("CycleGAN (translator), width 4")
        assert words[lora].startswith("a_lora.pth.tar seems to be a LoRA: put it into models/loras")
        assert painter in listed(comfy, "StyleAtelierLoadTranslator", "translator")
        assert painter not in listed(comfy, "StyleAtelierLoadStylizer", "stylizer")
        for node, name in (("LoadTranslator", "translator"), ("LoadStylizer", "stylizer"), ("LoadGenerator", "generator")):
            assert lora not in listed(comfy, f"StyleAtelier{node}", name)
    finally:
        for path in folder.iterdir():
            path.unlink()
