"""Painted frames carried through a clip on the real host: with its sound and rate, and a stop that keeps what is done."""

from __future__ import annotations

from typing import Any

import pytest

from style_atelier.tests.host.comfy import Comfy
from style_atelier.tests.host.test_video import FRAMES, HEIGHT, LONG, RATE, SECONDS, WIDTH, clip, report, saved

pytestmark = pytest.mark.host


def prompt(comfy: Comfy, name: str, frames: tuple[int, ...], **inputs: Any) -> dict[str, Any]:
    """Frames of the clip, inverted, to Propagate Keyframes to Save Video."""
    given = {"video": ["video", 0], "frames": ", ".join(map(str, frames)), "image_weight": 6.0, "position_weight": 2.0}
    given |= {"edge_weight": 1.0, "previous_weight": 0.5, "patch": 5, "uniformity": 3500.0, "polish": False, "size": 0}
    given |= {"cut_sensitivity": 1.0, "keep_images": False, "frame_rate": 24.0, "crf": 12, "seed": 0}
    asked: dict[str, Any] = {
        "video": {"class_type": "LoadVideo", "inputs": {"file": name}},
        "parts": {"class_type": "GetVideoComponents", "inputs": {"video": ["video", 0]}},
        "paint": {"class_type": "StyleAtelierPropagateKeyframes", "inputs": given},
        "save": {"class_type": "SaveVideo", "inputs": {"video": ["paint", 0], "filename_prefix": "keys", "format": "auto"}},
        "report": {"class_type": "PreviewAny", "inputs": {"source": ["paint", 2]}},
    }
    for number, frame in enumerate(frames):
        one = {"image": ["parts", 0], "batch_index": frame, "length": 1}
        asked[f"frame{number}"] = {"class_type": "ImageFromBatch", "inputs": one}
        asked[f"inverted{number}"] = {"class_type": "ImageInvert", "inputs": {"image": [f"frame{number}", 0]}}
        given[f"painted.painted{number}"] = [f"inverted{number}", 0]
    given |= inputs
    return asked


def test_a_clip_is_painted_from_two_frames_with_its_sound_and_rate(comfy: Comfy) -> None:
    run = comfy.run(prompt(comfy, clip(comfy, "clip.mp4"), (2, FRAMES - 1)))
    assert run.ending == "execution_success", run.of("execution_error")
    found = saved(comfy, run)
    assert (found["frames"], found["rate"], found["size"]) == (FRAMES, str(RATE), [WIDTH, HEIGHT])
    assert found["codec"] == "aac"
    assert found["sound"] == pytest.approx(SECONDS, abs=0.2)
    assert report(run).startswith(f"{FRAMES} frames of {WIDTH}x{HEIGHT} at {RATE} a second")
    assert f"painted frames: 2, {FRAMES - 1}" in report(run)
    steps = [data["value"] / data["max"] for data in run.of("progress") if data["node"] == "paint"]
    assert steps == sorted(steps)
    assert run.previews
    assert not list((comfy.base / "temp").glob("*.frames"))


def test_what_is_done_can_be_kept_after_a_stop(comfy: Comfy) -> None:
    name = clip(comfy, "long.mp4", LONG, 160, 128)
    asked: list[bool] = []

    def on_message(kind: str, data: dict[str, Any]) -> None:
        if kind == "progress" and data["node"] == "paint" and data["value"] > 0.02 * data["max"] and not asked:
            asked.append(True)
            comfy.request("/interrupt", {})

    stopped = comfy.run(prompt(comfy, name, (0,), size=32), on_message=on_message)
    assert stopped.ending == "execution_interrupted"
    assert comfy.request("/style_atelier/keep", {"node": "paint"})[0] == 202
    kept = comfy.run(prompt(comfy, name, (0,), size=32))
    assert kept.ending == "execution_success", kept.of("execution_error")
    found = saved(comfy, kept)
    assert 0 < found["frames"] < LONG
    assert found["sound"] == pytest.approx(found["frames"] / RATE, abs=0.2)
    assert f"stopped after {found['frames']} of about {LONG} frames" in report(kept)
