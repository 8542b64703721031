"""How long each node that takes pictures goes on after the person pressed stop, on one random picture of 8000x6000.

Each node runs in a process of its own on the embedded host; stop is pressed after a random time. Said for each: the seconds
until it is heard, the longest time before that without a look, and where in the pack the node was then.

    python benchmarks/stop.py [the start of a case ...]
"""

from __future__ import annotations

import asyncio
import importlib
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import types
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

ROOT = Path(__file__).resolve().parent.parent
HEIGHT, WIDTH = 6000, 8000
EARLIEST, LATEST = 0.5, 4.0  # seconds until stop is pressed
LONGEST = 25.0  # seconds for a case: what has not stopped by then is ended
SLOW = 0.9
POCKET = "Pocket (built-in)"
FEATURES = {"kind": "features", "scale": "relative"}
GRAM = {"statistic": "Gram", "scale": "relative", "centred": False}
PATCHES = {"method": "patches", "guide_weight": 4.0, "patch": 5, "uniformity": 500.0}
ADAM = {"optimizer": "Adam", "learning_rate": 0.01}
Run = Callable[..., Any]


def large() -> Tensor:
    """[1, 6000, 8000, 3]"""
    return torch.rand(1, HEIGHT, WIDTH, 3, generator=torch.Generator().manual_seed(1))


def small() -> Tensor:
    """[1, 400, 600, 3]"""
    return torch.rand(1, 400, 600, 3, generator=torch.Generator().manual_seed(2))


def stylizing(name: str = POCKET, **inputs: object) -> Callable[[Run], Any]:
    """Stylize with that network."""

    def case(run: Run) -> Any:
        stylizer = run("LoadStylizer", stylizer=name)
        return lambda: run("Stylize", stylizer=stylizer, content=large(), styles={"style0": small()}, **inputs)

    return case


def of_features(name: str) -> Callable[[Run], Any]:
    """A part of WCT on features of that size, which are those of a small picture again and again."""

    def case(run: Run) -> Any:
        encoder = run("LoadEncoder", encoder=POCKET)
        style = run("Encode", encoder=encoder, image=small())
        levels = {tap: level.repeat(1, 1, 15, 13) for tap, level in style.levels.items()}
        content = replace(style, levels=levels, height=15 * style.height, width=13 * style.width)
        if name == "Decode":
            return lambda: run("Decode", decoder=run("LoadDecoder", decoder=POCKET), features=content)
        if name == "BlendFeatures":
            return lambda: run(name, features={"features0": content, "features1": content})
        return lambda: run(name, content=content, style=style)

    return case


def simple(name: str, **inputs: object) -> Callable[[Run], Any]:
    """A node whose inputs are pictures and values; "large" and "small" stand for the pictures."""

    def given(value: object) -> object:
        if isinstance(value, dict):
            return {key: given(part) for key, part in value.items()}
        made = {"large": large, "small": small, "two large": lambda: large().expand(2, -1, -1, -1)}.get(str(value))
        return made() if made else value

    def case(run: Run) -> Any:
        values = {key: given(value) for key, value in inputs.items()}
        return lambda: run(name, **values)

    return case


def pasting(run: Run) -> Any:
    picture = large()
    face, crop = run.outputs("FaceCrop", image=picture, size=256, margin=0.4, background="keep")  # type: ignore[attr-defined]
    return lambda: run("PasteFace", image=picture, face=face, crop=crop)


def optimizing(name: str, **inputs: object) -> Callable[[Run], Any]:
    """Optimize with one objective of the large picture."""

    def case(run: Run) -> Any:
        def go() -> Any:
            objective = run(f"{name}Objective", image=large(), **inputs)
            return run("Optimize", objective=objective, start_image=large(), optimizer=ADAM, steps=5, coarse_steps=5)

        return go

    return case


def measuring(measures: str) -> Callable[[Run], Any]:
    return simple("MeasurePair", image="large", content="large", style="small", measures=measures)


CASES: dict[str, Callable[[Run], Any]] = {
    **{f"KeepColor {m}": simple("KeepColor", image="large", reference="small", method=m)
       for m in ("luminance", "coral", "mean_std", "histogram")},
    "FaceCrop": simple("FaceCrop", image="large", size=256, margin=0.4, background="keep"),
    "PasteFace": pasting,
    "Encode": lambda run: lambda: run("Encode", encoder=run("LoadEncoder", encoder=POCKET), image=large()),
    **{name: of_features(name) for name in ("AdaIN", "WCT", "BlendFeatures", "Decode")},
    "Stylize Pocket": stylizing(),
    "Stylize Pocket coral": stylizing(keep_color="coral"),
    "EncodeStyle": lambda run: lambda: run("EncodeStyle", stylizer=run("LoadStylizer", stylizer=POCKET), image=large()),
    **{f"StyleFilter {f}": simple("StyleFilter", images="large", filter={"filter": f, "look": {"look": look}})
       for f, look in (
           ("anisotropic kuwahara", "painted"), ("xdog", "ink"), ("kuwahara", "standard"), ("oil", "oil"),
           ("watercolor", "watercolor"), ("cartoon", "comic"), ("pencil", "graphite"), ("hatching", "form lines"),
           ("stipple", "pen"), ("halftone", "comic print"), ("low poly", "facets"), ("mosaic", "stones"),
           ("line integral", "flowing"))},
    "PaintStrokes impressionist": simple("PaintStrokes", images="large", method={"method": "impressionist"}),
    "SynthesizeTexture": simple("SynthesizeTexture", texture="large", width=600, height=600, method={**PATCHES, "patch": 7}),
    "TextureTransfer": simple("TextureTransfer", texture="small", images="large"),
    "StylizeByExample": simple("StylizeByExample", style="small", images="large"),
    "ImageAnalogy": simple("ImageAnalogy", before="small", after="small", images="large", method=PATCHES),
    "PropagateKeyframes": simple("PropagateKeyframes", images="large", painted={"painted0": "large"}),
    "TemporalError": simple("TemporalError", source="two large", stylized="two large"),
    "MeasurePair ssim": measuring("ssim"),
    "MeasurePair ms_ssim": measuring("ms_ssim"),
    "MeasurePair psnr": measuring("psnr"),
    "MeasurePair available": measuring("available"),
    "CompareStylizers": lambda run: lambda: run(
        "CompareStylizers", content=large(), style=large(), stylizers={"stylizer0": run("LoadStylizer", stylizer=POCKET)}),
    "Optimize content": optimizing("Content", kind=FEATURES),
    "Optimize edges": optimizing("Content", kind={"kind": "Laplacian"}),
    "Optimize style": optimizing("Style", statistic=GRAM),
    "NeuralStyle": simple("NeuralStyle", content="large", styles={"style0": "large"}, size=0, steps=5),
}  # fmt: skip


def load_pack() -> Any:
    """The nodes on the embedded host, and the host's module that hears of the stop."""
    package = types.ModuleType("style_atelier")
    package.__path__ = [str(ROOT)]
    sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != ROOT]
    sys.modules["style_atelier"] = package
    base = Path(tempfile.mkdtemp())
    folders = {f"{kind}_dir": base / kind for kind in ("models", "input", "output", "temp")}
    importlib.import_module("style_atelier.headless.host").install(**folders, device="cpu")
    extension = asyncio.run(importlib.import_module("style_atelier.nodes").comfy_entrypoint())
    asyncio.run(extension.on_load())
    return importlib.import_module("style_atelier.tests.pack").Pack(asyncio.run(extension.get_node_list()))


class Watcher:
    """Notes when the node looks for the stop, presses it, and finds where the node was while it did not look."""

    def __init__(self, mm: Any) -> None:
        self.mm, self.look = mm, mm.throw_exception_if_processing_interrupted
        mm.throw_exception_if_processing_interrupted = self.looked
        self.main = threading.main_thread().ident
        self.last, self.gap, self.where, self.pressed = time.monotonic(), 0.0, "", 0.0
        self.worked = self.spent = 0.0
        self.over = threading.Event()

    def looked(self) -> None:
        self.last, self.worked = time.monotonic(), time.process_time()
        self.look()

    def start(self, delay: float) -> None:
        self.last = self.began = time.monotonic()
        self.worked = time.process_time()
        threading.Thread(target=self.watch, args=(delay,), daemon=True).start()

    def watch(self, delay: float) -> None:
        while not self.over.wait(0.05):
            now = time.monotonic()
            if now - self.began > LONGEST:
                print(f"not stopped after {now - self.pressed:.0f} s; {self.where}", flush=True)
                os._exit(1)
            if not self.pressed and now - self.began > delay:
                self.pressed = now
                self.mm.interrupt()
            if now - self.last > max(self.gap, SLOW) and self.main:
                self.gap, self.spent = now - self.last, time.process_time() - self.worked
                frames = [f for f in traceback.extract_stack(sys._current_frames()[self.main]) if str(ROOT) in f.filename]
                self.where = " < ".join(f"{Path(f.filename).name}:{f.lineno}" for f in frames[:-5:-1])


def measure(case: str) -> None:
    """Run one case in this process and say what was seen."""
    pack = load_pack()
    mm: Any = importlib.import_module("comfy.model_management")

    def run(name: str, **inputs: object) -> Any:
        return pack.run(name, **inputs)

    run.outputs = pack.outputs  # type: ignore[attr-defined]
    work = CASES[case](run)
    watcher = Watcher(mm)
    delay = random.uniform(EARLIEST, LATEST)
    watcher.start(delay)
    try:
        work()
        heard = f"done after {time.monotonic() - watcher.began:.1f} s"
    except mm.InterruptProcessingException:
        heard = f"heard {time.monotonic() - watcher.pressed:.2f} s after stop at {delay:.1f} s"
    watcher.over.set()
    print(
        f"{heard}; longest without a look {watcher.gap:.1f} s (of the processor: {watcher.spent:.1f} s) {watcher.where}",
        flush=True,
    )


def main() -> None:
    """Run every case whose name starts as one of the arguments does, one after another."""
    if sys.argv[1:2] == ["--one"]:
        return measure(sys.argv[2])
    for case in CASES:
        if not sys.argv[1:] or any(case.startswith(start) for start in sys.argv[1:]):
            ended = subprocess.run([sys.executable, __file__, "--one", case], capture_output=True, text=True)
            said = ended.stdout.strip().splitlines() or ended.stderr.strip().splitlines()[-1:] or [f"ended {ended.returncode}"]
            print(f"{case}: {said[-1][:400]}", flush=True)


if __name__ == "__main__":
    main()
