"""Optimization in the real host: previews, stop ends the run, the next goes on, Keep this takes what there is; seconds."""

from __future__ import annotations

import io
import threading
import time
from typing import Any

import numpy as np
import pytest
from PIL import Image

from style_atelier.tests.host import workflows
from style_atelier.tests.host.comfy import Comfy, Run

pytestmark = pytest.mark.host
MOST_SECONDS_TO_STOP = 1.0
JPEG = b"\xff\xd8"


def prompt_of(comfy: Comfy, size: int = 128, **settings: Any) -> dict[str, Any]:
    """Photo and painting to Neural Style, with its report shown."""
    for name in ("photo.png", "painting.png"):
        workflows.place_pictures(comfy, {"nodes": [{"type": "LoadImage", "widgets_values": [name]}]})
    style = {"content": ["photo", 0], "styles.style0": ["painting", 0], "preset": "Gatys 2015", "strength": 1.0}
    style |= {"keep_color": "no", "size": size, "steps": 8, "seconds": 0.0, "seed": 0, "style_size": 1.0}
    style |= {"style_weights": "", "memory_budget": 0.0}
    return {
        "photo": {"class_type": "LoadImage", "inputs": {"image": "photo.png"}},
        "painting": {"class_type": "LoadImage", "inputs": {"image": "painting.png"}},
        "style": {"class_type": "StyleAtelierNeuralStyle", "inputs": {**style, **settings}},
        "save": {"class_type": "SaveImage", "inputs": {"images": ["style", 0], "filename_prefix": "optimized"}},
        "report": {"class_type": "PreviewAny", "inputs": {"source": ["style", 1]}},
    }


def report_of(run: Run) -> str:
    """The text that PreviewAny shows."""
    return next(str(d["output"]["text"]) for d in run.of("executed") if d["node"] == "report")


def pixels(comfy: Comfy, run: Run) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(comfy.picture(run.pictures()[0]))))


def pressed(comfy: Comfy, prompt: dict[str, Any], after: int, button: str, body: dict[str, Any]) -> tuple[Run, float]:
    """Run, press a button when so many steps are done, and how long the node then still took."""
    asked: list[float] = []
    left: list[float] = []

    def on_message(kind: str, data: dict[str, Any]) -> None:
        begun = kind == "executing" and data.get("node") == "style"
        reached = kind == "progress" and data["node"] == "style" and data["value"] >= after > 0
        if (begun if after == 0 else reached) and not asked:
            asked.append(time.monotonic())
            threading.Thread(target=comfy.request, args=(button, body)).start()
        ended = kind == "execution_interrupted" or (kind == "executing" and data.get("node") in ("save", "report"))
        if ended and asked and not left:
            left.append(time.monotonic() - asked[0])

    run = comfy.run(prompt, on_message=on_message)
    assert left, (run.ending, run.of("execution_error"))
    return run, left[0]


def test_a_picture_with_previews_and_a_report(comfy: Comfy) -> None:
    run = comfy.run(prompt_of(comfy))
    assert run.ending == "execution_success", run.of("execution_error")
    made = pixels(comfy, run)
    assert made.shape == (96, 128, 3)
    assert made.std() > 10
    steps = [data for data in run.of("progress") if data["node"] == "style"]
    assert steps[-1]["value"] == steps[-1]["max"]
    pictures = [frame[frame.find(JPEG) :] for frame in run.previews if JPEG in frame]
    preview = Image.open(io.BytesIO(pictures[-1]))
    assert preview.height * 128 > preview.width * 96, "the curve stands below the picture"
    assert "style, Gram" in report_of(run)
    assert "Pocket VGG" in report_of(run)


@pytest.mark.alone
@pytest.mark.parametrize("after", [0, 2, 8])
def test_stop_ends_the_run_and_the_next_goes_on(comfy: Comfy, after: int, record_property) -> None:
    settings = {"size": 256, "steps": 12 + after}
    whole = comfy.run(prompt_of(comfy, memory_budget=32.0, **settings))
    prompt = prompt_of(comfy, **settings)
    prompt["style"]["inputs"]["memory_budget"] = 33.0 + after  # never run before, and nothing else is different
    run, seconds = pressed(comfy, prompt, after, "/interrupt", {})
    record_property("seconds_to_stop", round(seconds, 3))
    print(f"the run ended {seconds:.2f} s after stop was asked for")
    assert run.ending == "execution_interrupted"
    assert not run.pictures(), "what is half done goes nowhere"
    assert seconds <= MOST_SECONDS_TO_STOP
    again = comfy.run(prompt)
    assert "went on where it was stopped" in report_of(again)
    np.testing.assert_array_equal(pixels(comfy, again), pixels(comfy, whole))


@pytest.mark.alone
def test_keep_this_gives_the_picture_so_far(comfy: Comfy) -> None:
    prompt = prompt_of(comfy, size=256, steps=5000, memory_budget=44.0)
    run, seconds = pressed(comfy, prompt, 3, "/style_atelier/keep", {"node": "style"})
    assert run.ending == "execution_success"
    assert "kept as it was" in report_of(run)
    assert pixels(comfy, run).shape == (192, 256, 3)
    assert seconds <= MOST_SECONDS_TO_STOP


@pytest.mark.alone
def test_keep_this_after_a_stop_gives_it_on_the_next_run(comfy: Comfy) -> None:
    prompt = prompt_of(comfy, size=256, steps=5000, memory_budget=45.0)
    assert pressed(comfy, prompt, 3, "/interrupt", {})[0].ending == "execution_interrupted"
    assert comfy.request("/style_atelier/keep", {"node": "style"})[0] == 202
    run = comfy.run(prompt)
    assert run.ending == "execution_success"
    assert "kept as it was" in report_of(run)
    assert pixels(comfy, run).shape == (192, 256, 3)


def test_another_sites_page_keeps_nothing(comfy: Comfy) -> None:
    assert comfy.request("/style_atelier/keep", {"node": "style"}, {"Origin": "https://elsewhere.example"})[0] == 403
    assert comfy.request("/style_atelier/keep", b"node=style", {"Content-Type": "text/plain"})[0] == 415
    assert comfy.request("/style_atelier/keep", {})[0] == 400


@pytest.mark.alone
def test_seconds_end_it(comfy: Comfy) -> None:
    run = comfy.run(prompt_of(comfy, size=192, steps=5000, seconds=3.0, seed=1))
    assert run.ending == "execution_success", run.of("execution_error")
    assert run.seconds < 10
    assert pixels(comfy, run).shape == (144, 192, 3)
