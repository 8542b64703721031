"""A clip through the real host: from Load Video to Save Video with its sound and frame rate, previews, and a stop that keeps."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from style_atelier.tests.host.comfy import Comfy, Run, python_of
from style_atelier.tests.host.test_running import STYLIZER, loaded

pytestmark = pytest.mark.host
FRAMES, RATE, WIDTH, HEIGHT, SECONDS = 12, 15, 96, 64, 0.8
LONG = 400
# Runs in the host's own environment, which has PyAV.
MAKE = """
import sys, av, numpy as np
from fractions import Fraction
path, frames, width, height, rate = sys.argv[1], *map(int, sys.argv[2:])
with av.open(path, "w") as output:
    stream, sound = output.add_stream("h264", rate=rate), output.add_stream("aac", rate=16000, layout="mono")
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    for t in range(frames):
        picture = np.zeros((height, width, 3), np.uint8)
        picture[:, :, 0], picture[:, :, 1] = np.linspace(20, 200, width), 90
        picture[8:30, t % (width - 20) : t % (width - 20) + 20] = (240, 200, 30)
        output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
    output.mux(stream.encode(None))
    tone = np.sin(np.arange(16000 * frames // rate) * 0.2)[None].astype(np.float32)
    for start in range(0, tone.shape[1], 1024):
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(tone[:, start : start + 1024]), "fltp", "mono")
        frame.sample_rate, frame.pts = 16000, start
        output.mux(sound.encode(frame))
    output.mux(sound.encode(None))
"""
LOOK = """
import sys, av, json
with av.open(sys.argv[1]) as container:
    video, sounds = container.streams.video[0], container.streams.audio
    found = {"rate": str(video.average_rate), "size": [video.width, video.height]}
    found["codec"] = sounds[0].codec_context.name if sounds else ""
    pictures = [frame.to_ndarray(format="rgb24") for frame in container.decode(video)]
with av.open(sys.argv[1]) as container:
    streams = container.streams.audio
    found["sound"] = sum(f.samples / f.sample_rate for f in container.decode(streams[0])) if streams else 0
found |= {"frames": len(pictures), "spread": float(pictures[0].std())}
print(json.dumps(found))
"""


def helper(comfy: Comfy, code: str, *arguments: object) -> str:
    command = [python_of(comfy.comfyui), "-c", code, *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def clip(comfy: Comfy, name: str, frames: int = FRAMES, width: int = WIDTH, height: int = HEIGHT) -> str:
    """The name of a clip in the input folder."""
    path = comfy.base / "input" / name
    if not path.exists():
        helper(comfy, MAKE, path, frames, width, height, RATE)
    return name


def prompt(comfy: Comfy, name: str, **inputs: Any) -> dict[str, Any]:
    """Load Video and a painting to Stylize Video to Save Video."""
    loaded(comfy, "LoadImage", "painting.png")
    given = {"stylizer": ["loader", 0], "video": ["video", 0], "styles.style0": ["painting", 0], "strength": 1.0}
    given |= {"style_weights": "", "keep_color": "no", "statistics": "running", "statistics.smoothing": 0.9}
    given |= {"statistics.cut_sensitivity": 1.0, "size": 0, "keep_images": False, "frame_rate": 24.0, "crf": 12}
    given |= {"precision": "full", "memory_budget": 0.0}
    return {
        "video": {"class_type": "LoadVideo", "inputs": {"file": name}},
        "painting": {"class_type": "LoadImage", "inputs": {"image": "painting.png"}},
        "loader": {"class_type": "StyleAtelierLoadStylizer", "inputs": {"stylizer": STYLIZER}},
        "stylize": {"class_type": "StyleAtelierStylizeVideo", "inputs": given | inputs},
        "save": {"class_type": "SaveVideo", "inputs": {"video": ["stylize", 0], "filename_prefix": "clip", "format": "auto"}},
        "report": {"class_type": "PreviewAny", "inputs": {"source": ["stylize", 2]}},
    }


def saved(comfy: Comfy, run: Run) -> dict[str, Any]:
    """Facts about the file that Save Video wrote."""
    (reference,) = (picture for picture in run.pictures() if picture["filename"].endswith(".mp4"))
    path = Path(comfy.base, "output", reference["subfolder"], reference["filename"])
    return json.loads(helper(comfy, LOOK, path))


def report(run: Run) -> str:
    return next(data["output"]["text"][0] for data in run.of("executed") if "text" in (data["output"] or {}))


@pytest.fixture(scope="module")
def first(comfy: Comfy) -> Run:
    return comfy.run(prompt(comfy, clip(comfy, "clip.mp4")))


def test_a_clip_comes_out_with_its_sound_and_rate(comfy: Comfy, first: Run) -> None:
    assert first.ending == "execution_success", first.of("execution_error")
    found = saved(comfy, first)
    assert (found["frames"], found["rate"], found["size"]) == (FRAMES, str(RATE), [WIDTH, HEIGHT])
    assert found["codec"] == "aac"
    assert found["sound"] == pytest.approx(SECONDS, abs=0.2)
    assert found["spread"] > 5
    assert report(first).startswith(f"{FRAMES} frames of {WIDTH}x{HEIGHT} at {RATE} a second")


def test_progress_and_previews_arrive(first: Run) -> None:
    steps = [data for data in first.of("progress") if data["node"] == "stylize"]
    assert steps[-1]["value"] == steps[-1]["max"]
    assert first.previews


def test_an_unchanged_clip_is_not_painted_again(comfy: Comfy, first: Run) -> None:
    again = comfy.run(prompt(comfy, "clip.mp4"))
    assert "stylize" in again.of("execution_cached")[0]["nodes"]


def test_frames_as_images_are_asked_for(comfy: Comfy, first: Run) -> None:
    asked = prompt(comfy, "clip.mp4", keep_images=True, size=32)
    asked["frames"] = {"class_type": "PreviewImage", "inputs": {"images": ["stylize", 1]}}
    run = comfy.run(asked)
    assert run.ending == "execution_success", run.of("execution_error")
    assert len([p for p in run.pictures() if p["filename"].endswith(".png")]) == FRAMES
    assert saved(comfy, run)["size"] == [48, 32]
    asked["stylize"]["inputs"]["keep_images"] = False
    run = comfy.run(asked)
    assert not [p for p in run.pictures() if p["filename"].endswith(".png")]
    assert any("keep_images" in data["exception_message"] for data in run.of("execution_error"))


def test_images_go_in_and_a_video_comes_out(comfy: Comfy, first: Run) -> None:
    asked = prompt(comfy, "clip.mp4", images=["parts", 0], frame_rate=10.0)
    asked["parts"] = {"class_type": "GetVideoComponents", "inputs": {"video": ["video", 0]}}
    del asked["stylize"]["inputs"]["video"]
    run = comfy.run(asked)
    assert run.ending == "execution_success", run.of("execution_error")
    found = saved(comfy, run)
    assert (found["frames"], found["rate"], found["sound"]) == (FRAMES, "10", 0)


def test_a_video_made_of_pictures_keeps_its_sound(comfy: Comfy, first: Run) -> None:
    asked = prompt(comfy, "clip.mp4", video=["made", 0])
    asked["parts"] = {"class_type": "GetVideoComponents", "inputs": {"video": ["video", 0]}}
    asked["made"] = {
        "class_type": "CreateVideo",
        "inputs": {"images": ["parts", 0], "audio": ["parts", 1], "fps": 12.0},
    }
    run = comfy.run(asked)
    assert run.ending == "execution_success", run.of("execution_error")
    found = saved(comfy, run)
    assert (found["frames"], found["rate"], found["codec"]) == (FRAMES, "12", "aac")


def test_a_part_of_a_clip_is_painted(comfy: Comfy, first: Run) -> None:
    asked = prompt(comfy, "clip.mp4", video=["part", 0])
    trim = {"video": ["video", 0], "start_time": 0.2, "duration": 0.4, "strict_duration": False}
    asked["part"] = {"class_type": "Video Slice", "inputs": trim}
    run = comfy.run(asked)
    assert run.ending == "execution_success", run.of("execution_error")
    assert saved(comfy, run)["frames"] == 6


@pytest.mark.parametrize("button", ["stop, then keep", "keep"])
def test_what_is_done_of_a_clip_can_be_kept(comfy: Comfy, button: str) -> None:
    name = clip(comfy, f"long {button}.mp4", LONG, 160, 128)
    asked: list[bool] = []
    keep = ("/style_atelier/keep", {"node": "stylize"})

    at_once = {"size": 32, "statistics.cut_sensitivity": 0.0}  # no look for cuts before: the bar is that of painting

    def on_message(kind: str, data: dict[str, Any]) -> None:
        if kind == "progress" and data["node"] == "stylize" and data["value"] > 0.02 * data["max"] and not asked:
            asked.append(True)
            comfy.request(*(keep if button == "keep" else ("/interrupt", {})))

    run = comfy.run(prompt(comfy, name, **at_once), on_message=on_message)
    if button != "keep":
        assert run.ending == "execution_interrupted"
        assert comfy.request(*keep)[0] == 202
        run = comfy.run(prompt(comfy, name, **at_once))
    assert run.ending == "execution_success", run.of("execution_error")
    found = saved(comfy, run)
    assert 0 < found["frames"] < LONG
    assert found["sound"] == pytest.approx(found["frames"] / RATE, abs=0.2)
    assert f"stopped after {found['frames']} of about {LONG} frames" in report(run)


def test_the_run_after_a_stop_does_it_all(comfy: Comfy) -> None:
    name = clip(comfy, "whole.mp4", LONG, 160, 128)
    asked: list[bool] = []

    def on_message(kind: str, data: dict[str, Any]) -> None:
        if kind == "progress" and data["node"] == "stylize" and data["value"] > 0.02 * data["max"] and not asked:
            asked.append(True)
            comfy.request("/interrupt", {})

    assert comfy.run(prompt(comfy, name, size=32), on_message=on_message).ending == "execution_interrupted"
    whole = comfy.run(prompt(comfy, name, size=32))
    assert saved(comfy, whole)["frames"] == LONG
