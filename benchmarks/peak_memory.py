"""Peak memory of one run of one side, in processes of their own (Linux)."""

from __future__ import annotations

import ctypes
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

SAMPLES = Path(__file__).resolve().parent.parent / "samples"


def pictures(size: int) -> tuple[Tensor, Tensor]:
    """Content and style of this size, in 0..1: the pack's samples."""
    from PIL import Image
    from torchvision.transforms.functional import to_tensor

    opened = [Image.open(SAMPLES / name).convert("RGB").resize((size, size)) for name in ("photo.jpg", "painting.jpg")]
    content, style = (to_tensor(picture)[None] for picture in opened)
    return content, style


def resident(name: str) -> int:
    """A line of /proc/self/status, KiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def forget_peak() -> None:
    """What loading has taken or freed shall not count, nor serve a run unseen."""
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")


def print_growth(run: Callable[[], Any], warm_up: Callable[[], Any] | None = None) -> None:
    """The growth of peak resident memory in a run, MiB. warm_up: what is done before and does not count."""
    with torch.inference_mode():
        if warm_up:
            warm_up()
        forget_peak()
        before = resident("VmRSS")
        run()
    print((resident("VmHWM") - before) / 1024)


def growth_of(script: str, arguments: list[str], processes: int = 5) -> float:
    """What `print_growth` says in processes of their own, the median: the allocator alone moves it by a fifth either way."""
    command = [sys.executable, script, *arguments]
    said = [subprocess.run(command, check=True, capture_output=True, text=True).stdout for _ in range(processes)]
    return statistics.median(float(text.split()[-1]) for text in said)
