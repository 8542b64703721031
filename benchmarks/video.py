"""Memory and speed of Stylize Video over a long clip, through the node as a ComfyUI runs it.

    python benchmarks/video.py [--comfyui ~/ComfyUI] [--frames 600] [--size 1280x720] [--stylizer "Pocket (built-in)"]
        [--models DIR] [--statistics running] [--shorter-side 0] [--budget 0] [--threads 1]

Run it with ComfyUI's own Python. A clip with sound is made, decoded, painted and written; resident memory of the process is
looked at ten times a second (Linux) and printed for every tenth of the clip, with the growth from the end of the first tenth,
and the peak that the system itself has seen. --models: a folder with the stylizer's files, beside ComfyUI's own.
--shorter-side paints at another size, to see the memory of the stream alone in less time.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import sys
import tempfile
import threading
import time
import types
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
MIB = 1024**2
RATE = 24
SOUND_RATE = 44100


def make_clip(path: Path, frames: int, width: int, height: int) -> None:
    """A moving pattern with two cuts and a tone."""
    import av
    import numpy as np

    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    with av.open(str(path), "w") as output:
        stream: Any = output.add_stream("h264", rate=RATE, options={"crf": "20", "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        sound: Any = output.add_stream("aac", rate=SOUND_RATE, layout="mono")
        for t in range(frames):
            scene = 3 * t // frames
            waves = np.sin((columns + 4 * t) / (30 + 20 * scene)) * np.cos((rows - 2 * t) / (50 - 10 * scene))
            picture = np.stack([waves * (80 - 20 * c * scene) + 60 + 50 * scene + 20 * c for c in range(3)], axis=-1)
            frame = av.VideoFrame.from_ndarray(picture.clip(0, 255).astype(np.uint8), format="rgb24")
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
        tone = np.sin(np.arange(SOUND_RATE * frames // RATE) * 0.06).astype(np.float32)[None]
        for start in range(0, tone.shape[1], 1024):
            part = av.AudioFrame.from_ndarray(np.ascontiguousarray(tone[:, start : start + 1024]), "fltp", "mono")
            part.sample_rate, part.pts = SOUND_RATE, start
            output.mux(sound.encode(part))
        output.mux(sound.encode(None))


def resident() -> int:
    """Bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def peak() -> int:
    """The most that was in memory since it was forgotten."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


class Curve:
    """Resident memory over the part of the clip that is done."""

    def __init__(self) -> None:
        self.at: list[tuple[float, int]] = []
        self.part = 0.0
        self.stop = threading.Event()

    def watch(self) -> None:
        """Look until told to stop."""
        while not self.stop.wait(0.1):
            self.at.append((self.part, resident()))

    def tenths(self) -> list[int]:
        """The most in each tenth of the clip."""
        return [max((m for part, m in self.at if i / 10 <= part < (i + 1) / 10), default=0) for i in range(10)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--comfyui", type=Path, default=Path.home() / "ComfyUI")
    parser.add_argument("--frames", type=int, default=600)
    parser.add_argument("--size", default="1280x720")
    parser.add_argument("--stylizer", default="Pocket (built-in)")
    parser.add_argument("--models", type=Path)
    parser.add_argument("--statistics", choices=["automatic", "running", "per scene", "fixed", "every frame"], default="running")
    parser.add_argument("--shorter-side", type=int, default=0)
    parser.add_argument("--budget", type=float, default=0.0)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    width, height = map(int, given.size.split("x"))

    sys.path.insert(0, str(given.comfyui))
    importlib.import_module("comfy.cli_args").args.cpu = True
    pack = types.ModuleType("style_atelier")
    pack.__path__ = [str(ROOT)]
    sys.modules["style_atelier"] = pack
    torch = importlib.import_module("torch")
    torch.set_num_threads(given.threads)
    extension = asyncio.run(importlib.import_module("style_atelier.nodes").comfy_entrypoint())
    asyncio.run(extension.on_load())
    nodes = {cls.GET_SCHEMA().node_id: cls for cls in asyncio.run(extension.get_node_list())}
    utils, latest = importlib.import_module("comfy.utils"), importlib.import_module("comfy_api.latest")

    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        path = Path(folder, "clip.mp4")
        folders = importlib.import_module("folder_paths")
        folders.set_temp_directory(folder)
        if given.models:
            folders.add_model_folder_path("style_atelier", str(given.models))
        make_clip(path, given.frames, width, height)
        curve = Curve()

        def hook(value: float, total: float, *_: Any, **__: Any) -> None:
            curve.part = value / total

        utils.set_progress_bar_global_hook(hook)
        stylizer = nodes["StyleAtelierLoadStylizer"].execute(stylizer=given.stylizer).result[0]
        settings = {"statistics": given.statistics, "smoothing": 0.9, "cut_sensitivity": 1.0}
        Path("/proc/self/clear_refs").write_text("5")  # forget the peak of making the clip
        before, began, worked = resident(), time.monotonic(), time.process_time()
        watcher = threading.Thread(target=curve.watch, daemon=True)
        watcher.start()
        made = nodes["StyleAtelierStylizeVideo"].execute(
            stylizer=stylizer,
            video=latest.InputImpl.VideoFromFile(str(path)),
            styles={"style0": torch.rand(1, 256, 256, 3)},
            strength=1.0,
            style_weights="",
            keep_color="no",
            statistics=settings,
            size=given.shorter_side,
            keep_images=False,
            frame_rate=24.0,
            crf=12,
            precision="full",
            memory_budget=given.budget,
        )
        seconds, worked = time.monotonic() - began, time.process_time() - worked
        curve.stop.set()
        watcher.join()
        video, _, report = made.result
        tenths = curve.tenths()
        print(report)
        print(f"source of {given.frames} frames of {width}x{height}: {given.frames * width * height * 12 / MIB:.0f} MiB as IMAGE")
        print(f"before {before / MIB:.0f} MiB; most in each tenth: {' '.join(f'{m / MIB:.0f}' for m in tenths)} MiB")
        print(f"growth after the first tenth {(max(tenths) - tenths[0]) / MIB:.0f} MiB; {seconds:.0f} s in all")
        print(f"peak {peak() / MIB:.0f} MiB; {worked / given.frames:.2f} s of processor time a frame")
        print(f"result: {video.get_frame_count()} frames at {video.get_frame_rate()} a second, {video.get_duration():.2f} s")


if __name__ == "__main__":
    main()
