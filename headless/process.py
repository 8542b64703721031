"""Starts a ComfyUI checkout as a child process with this pack in it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .run import ROOT

BOOT_SECONDS = 180
PACK = "style-atelier"


class HostError(Exception):
    """No ComfyUI answers."""


def python_of(checkout: Path) -> str:
    """The interpreter for a checkout: COMFYUI_PYTHON, its own environment's, else this one."""
    named = os.environ.get("COMFYUI_PYTHON")
    places = [checkout / ".venv" / part for part in ("bin/python", "Scripts/python.exe")]
    return named or str(next((place for place in places if place.is_file()), sys.executable))


@contextmanager
def started(checkout: Path, models_dir: Path, device: str) -> Iterator[str]:
    """The address of a ComfyUI that runs as long as the block does. Raises HostError when it does not start."""
    if not (checkout / "main.py").is_file():
        raise HostError(f"COMFYUI_PATH is {str(checkout)!r}, where there is no ComfyUI: there is no main.py in it.")
    with tempfile.TemporaryDirectory(prefix="style-atelier-host-") as folder:
        base, port = Path(folder), free_port()
        log = base / "comfyui.log"
        with log.open("wb") as out:
            words = command(checkout, base, port, models_dir, device)
            # A session of its own keeps the terminal's Ctrl-C from it: it is told over HTTP to stop, and ends with us.
            process = subprocess.Popen(words, cwd=checkout, stdout=out, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            yield wait(process, port, log)
        finally:
            stop(process)


def command(checkout: Path, base: Path, port: int, models_dir: Path, device: str) -> list[str]:
    """The command line of the host; its folders are made in `base`, the weights are those of models_dir."""
    for name in ("models", "input", "output", "temp", "user", "custom_nodes", "packs"):
        (base / name).mkdir()
    link_pack(base / "packs" / PACK)
    paths = base / "extra_paths.yaml"
    weights = models_dir.resolve() / "style_atelier"
    weights.mkdir(parents=True, exist_ok=True)
    paths.write_text(f"headless:\n  custom_nodes: '{base / 'packs'}'\n  style_atelier: '{weights}'\n", encoding="utf-8")
    words = [python_of(checkout), "main.py", "--listen", "127.0.0.1", "--port", str(port), "--base-directory", str(base)]
    words += ["--database-url", f"sqlite:///{base / 'user' / 'comfyui.db'}", "--extra-model-paths-config", str(paths)]
    words += ["--disable-auto-launch", "--disable-api-nodes"]
    return [*words, "--cpu"] if device == "cpu" or (device == "auto" and not has_graphics()) else words


def has_graphics() -> bool:
    """Whether torch finds a graphics card here; ComfyUI does not start without one unless told so."""
    import torch

    return torch.cuda.is_available() or torch.backends.mps.is_available()


def link_pack(place: Path) -> None:
    """The pack under a folder of its own; copied where links are not allowed."""
    try:
        place.symlink_to(ROOT, target_is_directory=True)
    except OSError:
        shutil.copytree(ROOT, place, ignore=shutil.ignore_patterns(".git", "tests", "benchmarks", "__pycache__"))


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait(process: subprocess.Popen[bytes], port: int, log: Path) -> str:
    """The address, once the host answers. Raises HostError with the end of its log when it does not."""
    address = f"http://127.0.0.1:{port}"
    end = time.monotonic() + BOOT_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/system_stats", timeout=5):
                return address
        except OSError:
            time.sleep(0.2)
    last = log.read_text(encoding="utf-8", errors="replace")[-2000:]
    raise HostError(f"ComfyUI did not start; the end of its log:\n{last}")


def stop(process: subprocess.Popen[bytes]) -> None:
    """End the host; by force after ten seconds."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
