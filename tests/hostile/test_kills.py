"""Whenever a process is killed, no file is cut short under its final name, and what it left is gone after the next start.

`--hostile 20` kills twenty times as often.
"""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image

from style_atelier.headless.host.core_images import saved
from style_atelier.models.metrics import features
from style_atelier.models.training import state
from style_atelier.models.weights import writing
from style_atelier.models.weights.convert import safetensors_beside
from style_atelier.models.weights.kept import kept, write_kept
from style_atelier.models.weights.ledger import write_json
from style_atelier.models.weights.readers import read_checkpoint

KILLS = 8
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")


def keeps(folder: Path) -> None:
    write_kept(folder / "style", {"w": torch.ones(200_000)}, "x", {"a": 1})


def notes(folder: Path) -> None:
    write_json(folder / "note.json", list(range(20_000)))


def pictures(folder: Path) -> None:
    saved(torch.rand(2, 200, 200, 3), str(folder), "sub/picture", "output", 1)


def converts(folder: Path) -> None:
    torch.save({"w": torch.rand(200_000)}, folder / "new.tmp.pth")
    os.replace(folder / "new.tmp.pth", folder / "x.pth")
    safetensors_beside(folder / "x.pth")


def looks(folder: Path) -> None:
    features.write(folder / "features.npy", torch.ones(2000, 64))


def trains(folder: Path) -> None:
    state.save(state.State({"w": torch.ones(200_000)}, {"step": 1}), folder)


def check(folder: Path) -> None:
    """Every file under a final name is whole."""
    for path in folder.rglob("*"):
        if path.suffix == ".safetensors" and path.name.startswith("style"):
            with kept(path, "x", "kept thing") as (facts, tensors):
                assert facts == {"a": 1}
                assert len(tensors["w"]) == 200_000
        elif path.suffix == ".safetensors":
            read_checkpoint(path)
        elif path.suffix == ".json":
            assert len(json.loads(path.read_text())) == 20_000
        elif path.suffix == ".npy":
            assert features.usable(path, 2000, 64)
        elif path.suffix == ".training":
            assert len(state._read(path).tensors["w"]) == 200_000
        elif path.suffix == ".png":
            with Image.open(path) as picture:
                picture.load()


def killed(folder: Path, work: Callable[[Path], None], seconds: float) -> None:
    """A process that works over and over, and is killed after a while."""
    child = os.fork()
    if child == 0:
        try:
            while True:
                work(folder)
        finally:
            os._exit(1)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


@pytest.mark.parametrize("work", [keeps, notes, pictures, converts, looks, trains])
def test_no_file_is_cut(tmp_path: Path, work: Callable[[Path], None], hostile: int) -> None:
    rng = random.Random(3)
    for _ in range(KILLS * hostile):
        killed(tmp_path, work, rng.uniform(0.001, 0.06))
        check(tmp_path)
    left = list(tmp_path.rglob("*.tmp"))
    writing._swept.clear()
    # a child draws the numbers that its parent will: the copy might be of the very next file
    for copy in tmp_path.glob("*.converted.safetensors"):
        copy.unlink()
    work(tmp_path)
    assert [path for path in left if path.exists()] == []


def test_another_machines_and_living_processes_files_stay(tmp_path: Path) -> None:
    mine = tmp_path / f"a.{writing._MACHINE}-{os.getppid()}-1.tmp"
    theirs = tmp_path / "a.00000000-1-1.tmp"
    other = tmp_path / "a.tmp"
    dead = tmp_path / f"a.{writing._MACHINE}-999999999-1.tmp"
    for path in (mine, theirs, other, dead):
        path.touch()
    writing.sweep(tmp_path)
    assert [path.exists() for path in (mine, theirs, other, dead)] == [True, True, True, False]
    os.utime(theirs, (1, 1))
    writing.sweep(tmp_path)
    assert not theirs.exists()


def test_a_taken_number_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "style_00001.safetensors").write_text("mine")
    made = write_kept(tmp_path / "style", {"w": torch.ones(3)}, "x", {"a": 1})
    assert made.name == "style_00002.safetensors"
    assert (tmp_path / "style_00001.safetensors").read_text() == "mine"


def test_a_writer_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def fails(name: str) -> None:
        Path(name).write_text("half")
        raise ValueError("no")

    for write in (writing.write_over, lambda target, work: writing.write_new([target], work)):
        with pytest.raises(ValueError, match="no"):
            write(tmp_path / "x", fails)
    assert list(tmp_path.iterdir()) == []


def test_disks_without_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*_: object) -> None:
        raise OSError(95, "not supported")

    monkeypatch.setattr(os, "link", refuses)
    names = [writing.write_numbered(tmp_path / "a", ".txt", lambda name: Path(name).write_text("x")).name for _ in "ab"]
    assert names == ["a_00001.txt", "a_00002.txt"]
