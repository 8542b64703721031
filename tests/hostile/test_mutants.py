"""Changed files and bombs: an error in a sentence or a checkpoint, in little time and memory, and nothing else.

`--hostile 20` reads twenty times as many.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from style_atelier.models.weights.errors import CheckpointError
from style_atelier.models.weights.readers import read_checkpoint
from style_atelier.tests.hostile.harness import fault
from style_atelier.tests.hostile.mutants import FORMS, bombs, mutants, shared_bytes, write_sound

COUNT = 40
# These are odd but hold together: they may be read, if it costs little.
HARMLESS = (
    *("one storage 3,000 times", "ordered pairs", "a module in itself", "twice the same, forty times"),
    *("a header of names", "a wide letter", "wide and empty", "networks of networks"),
)


@pytest.mark.parametrize("form", FORMS)
def test_mutants(tmp_path: Path, form: str, hostile: int) -> None:
    path = write_sound(tmp_path, form)
    read_checkpoint(path)
    for victim in [file for file in tmp_path.iterdir() if file.is_file()]:
        sound = victim.read_bytes()
        faults = {}
        for number, content in enumerate(mutants(sound, len(form), COUNT * hostile)):
            victim.write_bytes(content)
            found = fault(path, may_load=True, deep=number % 4 == 0)
            if found:
                faults[number] = found
        victim.write_bytes(sound)
        for extra in tmp_path.glob("*converted*"):
            extra.unlink()
        assert faults == {}, victim


@pytest.mark.alone
def test_bombs(tmp_path: Path) -> None:
    faults = {}
    for name, (file, content) in bombs().items():
        path = tmp_path / file
        path.write_bytes(content)
        for deep in (False, True):
            faults[name, deep] = fault(path, may_load=name in HARMLESS, deep=deep)
    assert {name: what for name, what in faults.items() if what} == {}


def test_tensors_over_the_same_bytes(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="over the same bytes"):
        read_checkpoint(shared_bytes(tmp_path))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
@pytest.mark.parametrize("name", ["x.pth", "net.index", "net.data-00000-of-00001", "s", "x.pth.converted.safetensors"])
def test_pipes_keep_nobody_waiting(tmp_path: Path, name: str) -> None:
    form = {"net.index": "net.index", "net.data-00000-of-00001": "net.index", "s": "model.json"}.get(name, "zip.pth")
    path = write_sound(tmp_path, form)
    if name.startswith("x.pth"):
        path = path.rename(tmp_path / "x.pth")
    (tmp_path / name).unlink(missing_ok=True)
    os.mkfifo(tmp_path / name)
    assert fault(path, may_load=name.endswith(".converted.safetensors"), deep=True) == ""


@pytest.mark.parametrize("name", ["net.data-00000-of-00001", "s"])
def test_links_out_of_the_folder_are_not_followed(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    path = write_sound(folder, "model.json" if name == "s" else "net.index")
    (folder / name).rename(tmp_path / "secret")
    (folder / name).symlink_to(tmp_path / "secret")
    with pytest.raises(CheckpointError, match="leads out of its folder"):
        read_checkpoint(path)
