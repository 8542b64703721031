"""The command line, as a person starts it: another process, any folder, the pack under any name."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from style_atelier.headless.graph import WorkflowError
from style_atelier.headless.host.schema import describe
from style_atelier.headless.overrides import assign_pictures, set_value
from style_atelier.headless.terminal import Lines, Screen, half_blocks
from style_atelier.tests.headless.fakes import NODES, number, prompt


def known(name: str) -> Any:
    return describe(NODES[name]) if name in NODES else None


def start(pack: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the command line of `pack` in `folder`, without a ComfyUI."""
    environment = {key: value for key, value in os.environ.items() if key != "COMFYUI_PATH"} | {"OMP_NUM_THREADS": "1"}
    environment["XDG_CACHE_HOME"] = str(folder / "cache")
    command = [sys.executable, str(pack / "headless"), *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a picture and a workflow that halves it."""
    Image.radial_gradient("L").resize((64, 48)).convert("RGB").save(tmp_path / "photo.png")
    scale = {"image": ["1", 0], "upscale_method": "area", "width": 32, "height": 24, "crop": "disabled"}
    nodes = prompt(
        **{
            "1": ("LoadImage", {"image": "photo.png"}),
            "2": ("ImageScale", scale),
            "3": ("SaveImage", {"images": ["2", 0], "filename_prefix": "small/half"}),
        }
    )
    (tmp_path / "half.json").write_text(json.dumps(nodes))
    return tmp_path


def test_run_prints_the_paths_of_what_it_saved(folder: Path, root: Path) -> None:
    renamed = folder / "my pack-1.0"
    renamed.symlink_to(root, target_is_directory=True)
    ran = start(renamed, folder, "run", "half.json", "--device", "cpu", "--set", "ImageScale.width=16")
    assert ran.returncode == 0, ran.stderr
    (path,) = map(Path, ran.stdout.split("\n")[:-1])
    assert path == folder / "out" / "small" / "half_00001_.png"
    assert Image.open(path).size == (16, 24)


def test_a_picture_from_elsewhere(folder: Path, root: Path) -> None:
    (folder / "other").mkdir()
    Image.new("RGB", (64, 48), "red").save(folder / "other" / "photo.png")
    ran = start(root, folder, "run", "half.json", "--input", "other/photo.png", "--output-dir", "o", "--device", "cpu")
    assert ran.returncode == 0, ran.stderr
    with Image.open(folder / "o" / "small" / "half_00001_.png") as saved:
        assert saved.getpixel((5, 5)) == (255, 0, 0)


def test_what_is_wrong_is_said_with_code_2(folder: Path, root: Path) -> None:
    ran = start(root, folder, "validate", "half.json", "--set", "2.width=-5")
    assert ran.returncode == 2
    assert "smaller than min of 0" in ran.stderr
    assert not (folder / "out").exists()


def test_a_node_that_fails_is_code_1(folder: Path, root: Path) -> None:
    ran = start(root, folder, "run", "half.json", "--set", '3.filename_prefix="../../x"', "--device", "cpu")
    assert ran.returncode == 1
    assert "(node 3, SaveImage) failed:" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_server_that_is_not_there_is_code_3(folder: Path, root: Path) -> None:
    ran = start(root, folder, "run", "half.json", "--server", "http://127.0.0.1:9")
    assert ran.returncode == 3
    assert "127.0.0.1:9 does not answer" in ran.stderr


def test_list_names_examples_and_nodes(folder: Path, root: Path) -> None:
    ran = start(root, folder, "list")
    assert ran.returncode == 0, ran.stderr
    assert {"first_picture", "StyleAtelierStylize", "LoadImage"} <= set(ran.stdout.split())


@pytest.mark.parametrize(
    ("assignment", "words"),
    [("a.value", "form NODE.INPUT=VALUE"), ("z.value=1", "no node 'z'"), ("a.size=1", "its values are: value, unit, note"),
     ("c.terms.term0=1", "has no value"), ("Number.value=1", "names several nodes")],
)  # fmt: skip
def test_set_that_fits_nothing(assignment: str, words: str) -> None:
    given = prompt(a=number(1), b=number(2), c=("Sum", {"terms.term0": ["a", 0]}))
    with pytest.raises(WorkflowError, match=words):
        set_value(given, assignment, known)


def test_set_by_title_and_as_text() -> None:
    given = prompt(a=number(1))
    given["a"]["_meta"] = {"title": "v1.5 of it"}
    set_value(given, "v1.5 of it.value=4", known)
    set_value(given, "a.note=2, 1=x", known)
    set_value(given, "a.unit=inch", known)
    assert given["a"]["inputs"] == {"value": 4, "unit": "inch", "note": "2, 1=x"}
    set_value(given, "a.note=12", known)
    assert given["a"]["inputs"]["note"] == "12"


def test_pictures_go_to_the_loaders_in_order_or_by_name(tmp_path: Path) -> None:
    x, y = tmp_path / "x.png", tmp_path / "y=1.png"
    for path in (x, y):
        path.touch()
    given = prompt(a=("LoadImage", {"image": "p"}), b=("LoadImage", {"image": "q"}), c=number(1))
    assert assign_pictures(given, [str(x), str(y)]) == {"a": x, "b": y}
    assert assign_pictures(given, [f"b={x}"]) == {"b": x}
    for wrong, words in ((f"c={x}", "no LoadImage"), ("b=nowhere.png", "no file"), ("nowhere.png", "no file")):
        with pytest.raises(WorkflowError, match=words):
            assign_pictures(given, [wrong])
    with pytest.raises(WorkflowError, match="one too many"):
        assign_pictures(given, [str(x)] * 3)


def test_the_preview_is_half_as_many_lines_as_pixels() -> None:
    lines = half_blocks(Image.new("RGB", (40, 20), (1, 2, 3)), 8)
    assert len(lines) == 2
    assert lines[0].count("38;2;1;2;3;48;2;1;2;3") == 8


def test_terminal_draws_and_pipe_does_not() -> None:
    for kind in (Screen, Lines):
        out = io.StringIO()
        screen = kind(out)
        screen.started("1", "Stylize")
        screen.drawn = 0.0  # draw at once
        screen.progressed("1", 1, 2, Image.new("RGB", (8, 8)))
        screen.finished("1", 1.5)
        assert ("\x1b[" in out.getvalue()) == (kind is Screen)
        assert ("50%" in out.getvalue()) == (kind is Screen)
        assert "1.5 s" in out.getvalue()
