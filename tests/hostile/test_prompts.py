"""Workflows that lie: names never become paths outside, a sentence comes back, and nothing is read that was not named.

`--hostile 20` tries twenty times as many.
"""

from __future__ import annotations

import importlib
import json
import os
import random
import time
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from style_atelier.headless.cli import fail
from style_atelier.headless.graph import WorkflowError, to_prompt
from style_atelier.headless.host.schema import describe
from style_atelier.headless.overrides import find_picture
from style_atelier.headless.run import Invalid, Job, place, prepare
from style_atelier.tests.hostile.values import NAMES, hostile_value, prompt
from style_atelier.tests.pack import Pack

COUNT = 150
SECONDS = 2.0
SENTENCES = (ValueError, RuntimeError, MemoryError)


@pytest.fixture
def nodes(pack: Pack) -> dict[str, Any]:
    core = importlib.import_module("style_atelier.headless.host.core_nodes").CORE_NODES
    return {**pack.nodes, **{node.GET_SCHEMA().node_id: node for node in core}}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A workflow's folder with a picture, and a secret beside it."""
    folder = tmp_path / "work" / "flows"
    folder.mkdir(parents=True)
    Image.new("RGB", (8, 8)).save(folder / "photo.png")
    Image.new("RGB", (8, 8)).save(tmp_path / "work" / "secret.png")
    (folder / "link.png").symlink_to(tmp_path / "work" / "secret.png")
    (folder / "notes.txt").write_text("secret")
    return folder


def job(path: Path, *inputs: str) -> Job:
    return Job(path, [], inputs, path.parent / "out", path.parent / "models", "cpu")


def everything(folder: Path) -> set[str]:
    return {str(path) for path in folder.rglob("*")}


def assert_sentences(error: BaseException) -> None:
    for line in str(error).split("\n"):
        assert 10 < len(line) < 600, line
        assert line.isprintable(), line


def test_prompts_of_lies(nodes: dict[str, Any], home: Path, tmp_path: Path, hostile: int) -> None:
    kinds = {name: [i.id for i in describe(node).inputs] for name, node in nodes.items()}
    rng, inputs, flow = random.Random(5), tmp_path / "input", home / "flow.json"
    inputs.mkdir()
    flow.touch()
    before = everything(tmp_path)
    for number in range(COUNT * hostile):
        flow.write_text(json.dumps(prompt(rng, kinds)), encoding="utf-8", errors="surrogatepass")
        began = time.process_time()
        try:
            prepare(job(flow), nodes, inputs)
        except (WorkflowError, Invalid) as error:
            assert_sentences(error)
        assert time.process_time() - began < SECONDS, number
        assert {name for name in everything(tmp_path) - before if not name.startswith(str(inputs) + os.sep)} == set()


@pytest.mark.parametrize("name", ["../secret.png", "link.png", "/etc/hostname", "x/../../secret.png"])
def test_pictures_are_taken_only_from_beside_the_workflow(home: Path, name: str) -> None:
    with pytest.raises(WorkflowError, match="leads out of"):
        find_picture(name, [home])
    assert find_picture("photo.png", [home]) == home / "photo.png"
    assert find_picture("notes.txt", [home]) is None


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_placed_inside_or_nowhere(tmp_path: Path, name: str) -> None:
    source, inputs = tmp_path / "a.png", tmp_path / "w" / "input"
    source.write_bytes(b"x")
    inputs.mkdir(parents=True)
    before = everything(tmp_path)
    try:
        place(source, inputs, name)
    except WorkflowError as error:
        assert_sentences(error)
    assert all(path.startswith(str(inputs)) for path in everything(tmp_path) - before)


def test_node_ids_and_names_of_pictures_of_the_command_line(nodes: dict[str, Any], home: Path, tmp_path: Path) -> None:
    picture = tmp_path / "a b;\x1b c.png"
    Image.new("RGB", (8, 8)).save(picture)
    inputs = Path(importlib.import_module("folder_paths").get_input_directory())
    flow = home / "flow.json"
    save = {"class_type": "SaveImage", "inputs": {"images": ["../../x", 0], "filename_prefix": "y"}}
    flow.write_text(json.dumps({"../../x": {"class_type": "LoadImage", "inputs": {"image": "?"}}, "2": save}))
    made = prepare(job(flow, str(picture)), nodes, inputs)
    assert (inputs / made["../../x"]["inputs"]["image"]).is_file()
    assert (inputs / made["../../x"]["inputs"]["image"]).parent == inputs
    assert not (inputs.parent.parent / "x").exists()


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, '{"1":' * 50_000, "9" * 10_000, "NaN", "\ud800", "", '{"nodes": [5]}', '{"nodes": [{"id": [], "type": {}}]}'],
)
def test_texts_that_are_no_workflow(home: Path, text: str) -> None:
    flow = home / "flow.json"
    flow.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(WorkflowError) as caught:
        job(flow).prompt(lambda name: None)
    assert_sentences(caught.value)


def test_subgraphs_that_double() -> None:
    graphs = [
        {"id": f"g{i}", "nodes": [{"id": n, "type": f"g{i + 1}", "inputs": [], "outputs": []} for n in (1, 2)], "links": []}
        for i in range(30)
    ]
    flow = {"nodes": [{"id": 1, "type": "g0"}], "links": [], "definitions": {"subgraphs": graphs}}
    flow["definitions"]["subgraphs"].append({"id": "g30", "nodes": [{"id": 1, "type": "SaveImage"}], "links": []})
    began = time.process_time()
    with pytest.raises(WorkflowError, match="nodes that any has"):
        to_prompt(flow, lambda name: None)
    assert time.process_time() - began < SECONDS


def test_a_chain_of_a_thousand_nodes(nodes: dict[str, Any], home: Path, tmp_path: Path) -> None:
    made: dict[str, Any] = {"0": {"class_type": "LoadImage", "inputs": {"image": "photo.png"}}}
    for i in range(1, 2000):
        scale = {"image": [str(i - 1), 0], "upscale_method": "area", "width": 8, "height": 8, "crop": "disabled"}
        made[str(i)] = {"class_type": "ImageScale", "inputs": scale}
    made["end"] = {"class_type": "SaveImage", "inputs": {"images": ["1999", 0], "filename_prefix": "x"}}
    flow = home / "flow.json"
    flow.write_text(json.dumps(made))
    with pytest.raises(Invalid, match="Too many nodes") as caught:
        prepare(job(flow), nodes, tmp_path / "input")
    assert_sentences(caught.value)


def test_what_is_said_is_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert fail("a\x1b[2J\x07b" + "c" * 10_000, 2) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert said.strip().isprintable()
    assert len(said) < 600


def hostile_inputs(node: Any, rng: random.Random) -> dict[str, Any]:
    """A value for every input; on wires nothing that the node could work with for long."""
    return {item.id: hostile_value(rng) for item in node.GET_SCHEMA().inputs}


def test_every_node_with_values_that_it_cannot_have(pack: Pack, hostile: int) -> None:
    rng = random.Random(11)
    faults = []
    for name, node in pack.nodes.items():
        for _ in range(6 * hostile):
            values = hostile_inputs(node, rng)
            began = time.process_time()
            try:
                node.execute(**values)
            except SENTENCES as error:
                if not (10 < len(str(error)) < 600 and str(error).isprintable()):
                    faults.append((name, str(error)[:200]))
            except Exception as error:
                if type(error).__module__.startswith("builtins") or not str(error).isprintable():
                    faults.append((name, repr(error)[:200]))
            if time.process_time() - began > SECONDS:
                faults.append((name, "slow"))
    assert faults == []
