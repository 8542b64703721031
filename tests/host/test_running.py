"""A person's run in the real host: pictures come out, progress and previews arrive, stop stops, networks stay loaded."""

from __future__ import annotations

import io
import threading
import time
from typing import Any

import pytest
from PIL import Image

from style_atelier.tests.host import workflows
from style_atelier.tests.host.comfy import Comfy, Run

pytestmark = pytest.mark.host
MOST_SECONDS_TO_STOP = 1.0
BIG = 2048
STYLIZER = "Pocket (built-in)"


def loaded(comfy: Comfy, node: str, name: str) -> None:
    """Make sure that a picture of this name can be loaded."""
    workflows.place_pictures(comfy, {"nodes": [{"type": node, "widgets_values": [name]}]})


def stylize_prompt(comfy: Comfy, strength: float = 1.0, side: int = 0) -> dict[str, Any]:
    """Photo and painting to Stylize to SaveImage; `side` enlarges the photo to a square of so many pixels."""
    for name in ("photo.png", "painting.png"):
        loaded(comfy, "LoadImage", name)
    content = "big" if side else "photo"
    big = {"image": ["photo", 0], "upscale_method": "bilinear", "width": side, "height": side, "crop": "disabled"}
    stylize = {"stylizer": ["loader", 0], "content": [content, 0], "styles.style0": ["painting", 0], "strength": strength}
    stylize |= {"style_weights": "", "keep_color": "no", "transform": "own", "size": 0, "memory_budget": 0.0}
    prompt = {
        "photo": {"class_type": "LoadImage", "inputs": {"image": "photo.png"}},
        "painting": {"class_type": "LoadImage", "inputs": {"image": "painting.png"}},
        "loader": {"class_type": "StyleAtelierLoadStylizer", "inputs": {"stylizer": STYLIZER}},
        "stylize": {"class_type": "StyleAtelierStylize", "inputs": stylize},
        "save": {"class_type": "SaveImage", "inputs": {"images": ["stylize", 0], "filename_prefix": "host"}},
    }
    if side:
        prompt["big"] = {"class_type": "ImageScale", "inputs": big}
    return prompt


@pytest.fixture(scope="module")
def first(comfy: Comfy) -> Run:
    return comfy.run(stylize_prompt(comfy))


def test_a_picture_comes_out(comfy: Comfy, first: Run) -> None:
    assert first.ending == "execution_success", first.of("execution_error")
    (reference,) = first.pictures()
    picture = Image.open(io.BytesIO(comfy.picture(reference)))
    assert picture.size == workflows.PICTURE_SIZE
    assert len(set(picture.convert("L").resize((32, 32)).tobytes())) > 20, "the picture is flat"


def test_progress_arrives(first: Run) -> None:
    steps = [data for data in first.of("progress") if data["node"] == "stylize"]
    assert steps
    assert steps[-1]["value"] == steps[-1]["max"]


def test_a_preview_of_the_picture_arrives(first: Run) -> None:
    assert first.previews
    start = first.previews[-1].find(b"\xff\xd8")
    preview = Image.open(io.BytesIO(first.previews[-1][start:]))
    width, height = workflows.PICTURE_SIZE
    assert preview.width * height == preview.height * width
    assert len(set(preview.convert("L").resize((32, 32)).tobytes())) > 20, "the preview is flat"


def test_networks_stay_loaded(comfy: Comfy, first: Run) -> None:
    assert "Requested to load" in comfy.log()
    before = len(comfy.log())
    second = comfy.run(stylize_prompt(comfy, strength=0.5))
    assert second.ending == "execution_success"
    assert "loader" in second.of("execution_cached")[0]["nodes"]
    assert "stylize" not in second.of("execution_cached")[0]["nodes"]
    assert "Requested to load" not in comfy.log()[before:]


def test_networks_stay_loaded_when_the_loader_runs_again(comfy: Comfy, first: Run) -> None:
    """Two loaders of one file in a graph, and a loader after another prompt, share what is in memory."""
    prompt = stylize_prompt(comfy, strength=0.25)
    prompt["another"] = {"class_type": "StyleAtelierLoadStylizer", "inputs": prompt["loader"]["inputs"]}
    prompt["stylize"]["inputs"]["stylizer"] = ["another", 0]
    del prompt["loader"]
    before = len(comfy.log())
    assert comfy.run(prompt).ending == "execution_success"
    assert "Requested to load" not in comfy.log()[before:]


def test_an_unchanged_prompt_is_not_run_again(comfy: Comfy) -> None:
    prompt = stylize_prompt(comfy, strength=0.75)
    comfy.run(prompt)
    again = comfy.run(prompt)
    assert "stylize" in again.of("execution_cached")[0]["nodes"]


@pytest.mark.alone
@pytest.mark.parametrize("delay", [0.3, 1.0, 2.0])
def test_stop_takes_effect_at_once(comfy: Comfy, delay: float, record_property) -> None:
    asked: list[float] = []

    def stop() -> None:
        asked.append(time.monotonic())
        comfy.request("/interrupt", {})

    def on_message(kind: str, data: dict[str, Any]) -> None:
        if kind == "executing" and data.get("node") == "stylize":
            threading.Timer(delay, stop).start()

    run = comfy.run(stylize_prompt(comfy, side=BIG), on_message=on_message)
    seconds = time.monotonic() - asked[0]
    record_property("seconds_to_stop", round(seconds, 3))
    print(f"stopped {seconds:.2f} s after it was asked for")
    assert run.ending == "execution_interrupted"
    assert seconds <= MOST_SECONDS_TO_STOP


def test_the_host_works_on_after_a_stop(comfy: Comfy) -> None:
    assert comfy.run(stylize_prompt(comfy, strength=0.6)).ending == "execution_success"
