"""The example workflows and the pictures and weights that they name."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from style_atelier.install import SAMPLES
from style_atelier.models.generation.latent_file import write_latents
from style_atelier.models.library.choices import POCKET
from style_atelier.models.library.stylizers import load_stylizer
from style_atelier.models.stylization.style_file import write_style
from style_atelier.models.weights.catalogue import load_catalogue

from ..examples import names, path_of
from . import golden_weights
from .comfy import ROOT, Comfy

SAMPLE_OF = {placed: sample for sample, placed in SAMPLES.items()}
NAMES = names()
PICTURE_SIZE = (320, 240)
NOTES = ("MarkdownNote", "Note")
BUTTONS = ("upload",)
NO_FILES: Any = None  # are needed by what is built in
MIXED, MIXED_WEIGHTS = ("painting.jpg", "painting_pond.jpg"), (2.0, 1.0)
HALF_A_SECOND = {"start_time": 1.0, "duration": 0.5}  # of a clip, there too; its second scene begins with frame 6
FEW_LESSONS = {"steps": 6, "size": 32, "batch": 2, "minutes": 0, "if_there": "begin anew"}  # of a training, likewise
FEW_STEPS = {"steps": 15, "coarse_steps": 5, "seconds": 0}  # of an optimization, where a test asks only that it runs


def shared() -> Path:
    """The folder of real weights and pictures beside the repository; it need not be there."""
    return Path(os.environ.get("STYLE_ATELIER_SHARED") or ROOT.parent / "shared")


def read(name: str) -> dict[str, Any]:
    """An example workflow in the editor's format."""
    return json.loads(path_of(name).read_text(encoding="utf-8"))


def is_diffusion(name: str) -> bool:
    """Whether it needs Stable Diffusion or CLIP, which no machine of the tests has: test_diffusion_workflows runs those."""
    return any(node["type"] in ("CheckpointLoaderSimple", "CLIPLoader") for node in read(name)["nodes"])


def place_pictures(comfy: Comfy, workflow: dict[str, Any]) -> None:
    """Put the pack's sample, else a small painted one, into the host's input folder for every picture that the workflow loads."""
    for node in workflow["nodes"]:
        if node["type"] in ("LoadImage", "LoadVideo"):
            path = comfy.base / "input" / node["widgets_values"][0]
            sample = ROOT / "samples" / SAMPLE_OF.get(path.name, "")
            if not path.exists() and sample.is_file():
                shutil.copy(sample, path)
            elif not path.exists():
                paint(path)


def place_points(comfy: Comfy, workflow: dict[str, Any]) -> None:
    """Put points of W of the golden generator where Load W looks, for every file that the workflow loads."""
    for node in workflow["nodes"]:
        if node["type"] == "StyleAtelierLoadW":
            folder = comfy.base / "output" / "style_atelier_w"
            made = golden_weights.points()
            path = folder / node["widgets_values"][0]
            if not path.exists():
                write_latents(made, folder / path.name.rsplit("_", 1)[0])


def place_styles(comfy: Comfy, workflow: dict[str, Any]) -> None:
    """Put the style that style_saved_and_reused saves where Load Style looks, for every file that a workflow loads."""
    for node in workflow["nodes"]:
        if node["type"] == "StyleAtelierLoadStyle":
            path = comfy.base / "output" / "style_atelier_styles" / node["widgets_values"][0]
            if not path.exists():
                stylizer = load_stylizer(POCKET, NO_FILES)
                styles = [stylizer.style_of(tensor_of(ROOT / "samples" / name)) for name in MIXED]
                write_style(stylizer.mix(styles, MIXED_WEIGHTS), path.with_name(path.name.rsplit("_", 1)[0]))


def place_names(comfy: Comfy, workflow: dict[str, Any]) -> None:
    """Empty files by the names of the checkpoints and LoRAs that the workflow loads, so that the page lists them."""
    folders = {"CheckpointLoaderSimple": "checkpoints", "StyleAtelierLoadLora": "loras", "StyleAtelierLoraInfo": "loras"}
    folders |= {"CLIPLoader": "text_encoders", "CLIPVisionLoader": "clip_vision"}
    for node in workflow["nodes"]:
        if node["type"] in folders:
            path = comfy.base / "models" / folders[node["type"]] / node["widgets_values"][0]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()


def tensor_of(path: Path) -> torch.Tensor:
    """A picture [1, 3, H, W] in 0..1."""
    return torch.from_numpy(np.asarray(Image.open(path).convert("RGB")).copy()).movedim(-1, 0)[None] / 255


def paint(path: Path) -> None:
    """A picture with areas, edges and a grain that its name decides on."""
    seed = sum(path.name.encode())
    width, height = PICTURE_SIZE
    waves = Image.linear_gradient("L").rotate(seed % 360).resize(PICTURE_SIZE)
    rings = Image.radial_gradient("L").resize((64, 48)).resize(PICTURE_SIZE, Image.Resampling.NEAREST)
    grain = Image.effect_noise(PICTURE_SIZE, 40 + seed % 60)
    picture = Image.merge("RGB", (waves, rings, grain))
    picture.paste((seed % 255, 80, 200), (width // 5, height // 4, width // 2, height // 2))
    picture.save(path)


def published(workflow: dict[str, Any]) -> set[str]:
    """Names of the catalogue's entries that this workflow loads."""
    chosen = {node["widgets_values"][0] for node in workflow["nodes"] if node["type"].startswith("StyleAtelierLoad")}
    chosen |= {node["widgets_values_named"].get("network") for node in workflow["nodes"] if "widgets_values_named" in node}
    return {entry.name for entry in load_catalogue().entries} & chosen


def place_weights(comfy: Comfy, name: str) -> str | None:
    """Put the published files of a catalogue entry where the host looks for them, or golden ones of the same architecture where
    the published ones are not at hand; why not, when there are neither.
    """
    folder = comfy.base / "models" / "style_atelier"
    sources = {file.name: file for file in (shared() / "weights").rglob("*") if file.is_file()}
    for spec in load_catalogue().entry(name).files:
        found = next((sources[each] for each in map(_file_name, spec.urls) if each in sources), None)
        if found is None:
            made = golden_weights.place(name, folder)
            return None if made else f"{spec.path} of {name} is not in {shared() / 'weights'}"
        path = folder / spec.path
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(found, path)
    return None


def _file_name(url: str) -> str:
    return url.split("?")[0].rsplit("/", 1)[-1]


def api_prompt(workflow: dict[str, Any]) -> dict[str, Any]:
    """The workflow in the API's format, from what the page wrote into its file; the browser tests compare it to the page's."""
    sources = {link[0]: [str(link[1]), link[2]] for link in workflow["links"]}
    prompt = {}
    for node in workflow["nodes"]:
        if node["type"] in NOTES:
            continue
        widgets = [item["name"] for item in node["inputs"] if "widget" in item]
        values = list(node.get("widgets_values", []))
        if "seed" in widgets:
            del values[widgets.index("seed") + 1]  # whether the page changes the seed after each run
        inputs = dict(zip(widgets, values, strict=True))
        inputs |= {item["name"]: sources[item["link"]] for item in node["inputs"] if item.get("link") is not None}
        for button in BUTTONS:
            inputs.pop(button, None)
        prompt[str(node["id"])] = {"class_type": node["type"], "inputs": inputs}
    return prompt


def with_stand_ins(comfy: Comfy, prompt: dict[str, Any]) -> dict[str, Any]:
    """The same with golden files where `place_weights` put them in place of published ones."""
    for node in prompt.values():
        for key in ("stylizer", "network"):
            own = golden_weights.instead_of(str(node["inputs"].get(key)))
            if (comfy.base / "models" / "style_atelier" / own).is_file():
                node["inputs"][key] = own
    return prompt


def shortened(prompt: dict[str, Any]) -> dict[str, Any]:
    """The same with few steps for its optimizations and trainings, and few frames between keyframes."""
    for node in prompt.values():
        if node["class_type"] == "Video Slice":
            node["inputs"] |= HALF_A_SECOND
        if node["class_type"] == "StyleAtelierPropagateKeyframes":
            node["inputs"]["frames"] = "0, 6"
        if node["class_type"] == "StyleAtelierTrainStylizer":
            node["inputs"] |= FEW_LESSONS
        if "seconds" in node["inputs"]:
            node["inputs"] |= {key: value for key, value in FEW_STEPS.items() if key in node["inputs"]}
    return prompt
