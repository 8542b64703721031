"""Generators in the real host: projection previews, stops and goes on; points of W are saved and loaded; bad files are named."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from style_atelier.tests.host import golden_weights, workflows
from style_atelier.tests.host.comfy import Comfy

pytestmark = pytest.mark.host
GENERATOR = "stylegan2-ada-metfaces"
LOADER = {"class_type": "StyleAtelierLoadGenerator", "inputs": {"generator": GENERATOR, "torch_compile": False}}


@pytest.fixture(scope="module", autouse=True)
def weights(comfy: Comfy) -> None:
    golden_weights.place(GENERATOR, comfy.base / "models" / "style_atelier")
    workflows.place_pictures(comfy, workflows.read("project_and_edit"))


def sampled(seeds: str = "5", **others: Any) -> dict[str, Any]:
    inputs = {
        **{"generator": ["1", 0], "seeds": seeds, "class_label": -1, "truncation_psi": 0.7, "truncation_cutoff": -1},
        **{"x_seed": 1, "x": 0.0, "y_seed": 2, "y": 0.0, "mix_layers": "none", "mix_seed": 0},
    }
    return {"class_type": "StyleAtelierSampleW", "inputs": inputs | others}


def painted(w: list[Any], **others: Any) -> dict[str, Any]:
    inputs = {"generator": ["1", 0], "w": w, "noise": "const", "seed": 0, "precision": "authors"}
    placed = {"translate_x": 0.0, "translate_y": 0.0, "rotate": 0.0}
    return {"class_type": "StyleAtelierSynthesize", "inputs": inputs | placed | others}


def saved(image: list[Any], name: str) -> dict[str, Any]:
    return {"class_type": "SaveImage", "inputs": {"images": image, "filename_prefix": name}}


def projected(steps: int) -> dict[str, Any]:
    inputs = {
        **{"generator": ["1", 0], "image": ["2", 0], "steps": steps, "space": "W", "optimise_noise": True},
        **{"seed": 303, "class_label": -1},
    }
    return {
        "1": LOADER,
        "2": {"class_type": "LoadImage", "inputs": {"image": "style_atelier_portrait.jpg"}},
        "3": {"class_type": "StyleAtelierProject", "inputs": inputs},
        "4": saved(["3", 1], "projected"),
    }


@pytest.mark.alone
def test_a_projection_previews_stops_and_goes_on(comfy: Comfy) -> None:
    steps, asked, reached = 60, [], []

    def stop_half_way(kind: str, data: dict[str, Any]) -> None:
        if kind == "progress" and data.get("node") == "3" and data["max"] >= steps:
            reached.append(data["value"] / data["max"])
            if reached[-1] > 0.4 and not asked:
                asked.append(time.monotonic())
                threading.Thread(target=comfy.request, args=("/interrupt", {})).start()

    run = comfy.run(projected(steps), on_message=stop_half_way)
    assert run.ending == "execution_interrupted"
    assert time.monotonic() - asked[0] < 5
    assert any(b"\xff\xd8\xff" in preview for preview in run.previews)
    stopped, again = max(reached), []

    def watch(kind: str, data: dict[str, Any]) -> None:
        if kind == "progress" and data.get("node") == "3":
            again.append(data["value"] / data["max"])

    run = comfy.run(projected(steps), on_message=watch)
    assert run.ending == "execution_success", run.of("execution_error")
    assert min(again) >= stopped  # it did not begin again


def test_saved_points_paint_the_same_picture(comfy: Comfy) -> None:
    saving = {
        "1": LOADER,
        "2": sampled(),
        "3": {"class_type": "StyleAtelierSaveW", "inputs": {"w": ["2", 0], "name": "faces/anna"}},
    }
    prompt = saving | {"4": painted(["3", 0]), "5": saved(["4", 0], "from_seed")}
    run = comfy.run(prompt)
    assert run.ending == "execution_success", run.of("execution_error")
    assert (comfy.base / "output" / "style_atelier_w" / "faces" / "anna_00001.safetensors").is_file()
    loading = {"1": LOADER, "2": {"class_type": "StyleAtelierLoadW", "inputs": {"name": "faces/anna_00001.safetensors"}}}
    back = comfy.run(loading | {"4": painted(["2", 0]), "5": saved(["4", 0], "from_file")})
    assert back.ending == "execution_success", back.of("execution_error")
    first, second = (comfy.picture(each.pictures()[0]) for each in (run, back))
    assert pixels(first) == pixels(second)


def pixels(png: bytes) -> bytes:
    """Without the workflow that is written into the file."""
    import io

    from PIL import Image

    return Image.open(io.BytesIO(png)).tobytes()


def test_the_same_seed_paints_the_same_picture(comfy: Comfy) -> None:
    made = []
    for name in ("one", "two"):
        prompt = {"1": LOADER, "2": sampled("7, 8"), "4": painted(["2", 0], noise="random", seed=3), "5": saved(["4", 0], name)}
        run = comfy.run(prompt)
        assert run.ending == "execution_success", run.of("execution_error")
        made.append([pixels(comfy.picture(picture)) for picture in run.pictures()])
    assert made[0] == made[1]
    assert made[0][0] != made[0][1]


@pytest.mark.parametrize("name", ["../escape", "/etc/escape", "..\\..\\escape"])
def test_names_stay_in_their_folder(comfy: Comfy, name: str) -> None:
    prompt = {"1": LOADER, "2": sampled(), "3": {"class_type": "StyleAtelierSaveW", "inputs": {"w": ["2", 0], "name": name}}}
    run = comfy.run(prompt)
    outside = [p for p in comfy.base.parent.rglob("*escape*") if "style_atelier_w" not in p.parts]
    assert not outside
    if "\\" not in name:
        assert run.ending == "execution_error"
        assert "leads out of" in run.of("execution_error")[0]["exception_message"]
