"""Loading once, staying in the budget, progress, interrupt, and files that stay where they belong."""

from __future__ import annotations

import gc
import importlib
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from style_atelier.tests.pack import POCKET, Pack

GIB = 1024**3


@pytest.fixture
def host(pack: Pack) -> SimpleNamespace:
    """The modules of nodes/host, which can be imported once there is a host."""
    names = ("folders", "networks", "memory", "feedback")
    return SimpleNamespace(**{name: importlib.import_module(f"style_atelier.nodes.host.{name}") for name in names})


@pytest.fixture
def said(host: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was written on the node."""
    lines: list[str] = []
    server = SimpleNamespace(last_node_id="7", send_progress_text=lambda text, node: lines.append(f"{node}: {text}"))
    monkeypatch.setitem(
        importlib.import_module("sys").modules, "server", SimpleNamespace(PromptServer=SimpleNamespace(instance=server))
    )
    return lines


def test_a_network_is_read_once_while_it_is_in_use(pack: Pack, host: Any) -> None:
    first = pack.run("LoadStylizer", stylizer=POCKET)
    assert pack.run("LoadStylizer", stylizer=POCKET) is first
    assert first.patcher.model is first.model.module
    assert repr(first).startswith("Stylizer(")
    assert ("stylizer", POCKET) in host.networks._loaded
    del first
    gc.collect()
    assert ("stylizer", POCKET) not in host.networks._loaded


def test_another_pooling_is_the_same_network(pack: Pack) -> None:
    bank = pack.run("LoadEncoder", encoder="Filter bank (built-in)")
    average = pack.run("LoadEncoder", encoder="Filter bank (built-in)", pooling="average")
    assert average.patcher is bank.patcher
    assert average.model.module.convs is bank.model.module.convs
    weights = average.origin
    del bank
    gc.collect()
    assert pack.run("LoadEncoder", encoder="Filter bank (built-in)") is weights


def test_a_changed_file_is_read_again(pack: Pack, host: Any, folder: Path) -> None:
    path = folder / "own.txt"
    path.write_text("1")

    def read(choice: str, locate: Any) -> SimpleNamespace:
        return SimpleNamespace(module=torch.nn.Linear(1, 1), text=locate.file(choice).read_text())

    first = host.networks.load("text", "own.txt", read)
    assert host.networks.load("text", "own.txt", read) is first
    path.write_text("2")
    os.utime(path, ns=(1, 1))
    assert host.networks.load("text", "own.txt", read).model.text == "2"


def test_the_fingerprint_follows_the_file(pack: Pack, folder: Path) -> None:
    node = pack.nodes["StyleAtelierLoadStylizer"]
    assert node.fingerprint_inputs(stylizer=POCKET) == node.fingerprint_inputs(stylizer=None) == 0
    path = folder / "mine.safetensors"
    path.write_bytes(b"1")
    before = node.fingerprint_inputs(stylizer="mine.safetensors")
    os.utime(path, ns=(5, 5))
    assert before != node.fingerprint_inputs(stylizer="mine.safetensors") == 5


def test_own_files_are_listed_and_links_out_of_the_folder_are_refused(
    pack: Pack, host: Any, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "secret.pth").write_bytes(b"1")
    (folder / "sub").mkdir(exist_ok=True)
    (folder / "sub" / "mine.pth").write_bytes(b"1")
    (folder / "link.pth").symlink_to(tmp_path / "secret.pth")
    (folder / "notes.txt").write_text("")
    assert "sub/mine.pth" in host.folders.model_files()
    assert "notes.txt" not in host.folders.model_files()
    assert host.folders.Locator().file("sub/mine.pth") == (folder / "sub" / "mine.pth").resolve()
    for name in ("link.pth", "../secret.pth", str(tmp_path / "secret.pth")):
        with pytest.raises(ValueError, match="There is no file"):
            host.folders.Locator().file(name)


def test_the_folder_is_registered_once_beside_the_persons_own(host: Any) -> None:
    paths = importlib.import_module("folder_paths").folder_names_and_paths
    before = paths["style_atelier"]
    try:
        paths["style_atelier"] = (["/elsewhere"], set())
        host.folders.register_folder()
        host.folders.register_folder()
        folders, extensions = paths["style_atelier"]
        assert folders[0] == "/elsewhere"
        assert len(folders) == 2
        assert ".safetensors" in extensions
        assert ".pkl" in extensions  # the official generators, which are read as data
        assert not {".py", ".pyc", ".zip"} & extensions
    finally:
        paths["style_atelier"] = before


def test_the_plan_is_shown_on_the_node(host: Any, said: list[str]) -> None:
    plans: list[tuple[int, int]] = []
    host.memory.pieces((2000, 3000), 1, 400.0, 0.6, lambda *plan: plans.append(plan))
    together, tile = plans[0]
    assert together == 1
    assert tile > 0
    tiles = -(-2000 // tile) * -(-3000 // tile)
    assert said == [f"7: {tiles} tiles of {tile} px, about {400 * tile**2 / GIB:.1f} GiB"]


def test_small_pictures_go_together_and_large_ones_alone(host: Any) -> None:
    plan = lambda *plan: plan  # noqa: E731
    assert host.memory.pieces((100, 100), 20, 400.0, 1.0, plan) == (8, 0)
    assert host.memory.pieces((1000, 1000), 20, 400.0, 1.0, plan) == (2, 0)
    assert host.memory.pieces((1000, 1000), 1, 400.0, 1.0, plan) == (1, 0)


def test_when_memory_runs_out_the_tiles_are_halved(host: Any, said: list[str]) -> None:
    plans: list[tuple[int, int]] = []

    def work(together: int, tile: int) -> str:
        plans.append((together, tile))
        if len(plans) < 4:
            raise MemoryError
        return "picture"

    assert host.memory.pieces((1000, 3000), 9, 10.0, 8.0, work) == "picture"
    assert plans == [(8, 0), (1, 1472), (1, 736), (1, 352)]
    assert len(said) == 4


def test_when_the_smallest_tile_does_not_fit_it_says_so(host: Any) -> None:
    def work(together: int, tile: int) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")

    with pytest.raises(ValueError, match="not enough memory for a picture of 3000x1000 pixels"):
        host.memory.pieces((1000, 3000), 1, 10.0, 8.0, work)


def test_other_errors_pass(host: Any) -> None:
    def work(together: int, tile: int) -> None:
        raise KeyError("a bug")

    with pytest.raises(KeyError, match="a bug"):
        host.memory.pieces((100, 100), 1, 10.0, 8.0, work)


def test_a_small_budget_gives_the_same_picture(pack: Pack) -> None:
    photo = torch.rand(1, 300, 420, 3, generator=torch.Generator().manual_seed(3))
    painting = torch.rand(1, 90, 200, 3, generator=torch.Generator().manual_seed(4))
    stylizer = pack.run("LoadStylizer", stylizer=POCKET)
    inputs = {"stylizer": stylizer, "content": photo, "styles": {"style0": painting}}
    whole = pack.run("Stylize", **inputs)
    tiled = pack.run("Stylize", **inputs, memory_budget=1e-4)
    torch.testing.assert_close(tiled, whole, atol=1e-3, rtol=0)


def test_a_batch_is_each_picture_on_its_own(pack: Pack) -> None:
    photos = torch.rand(10, 40, 48, 3, generator=torch.Generator().manual_seed(5))
    paintings = torch.rand(10, 32, 32, 3, generator=torch.Generator().manual_seed(6))
    stylizer = pack.run("LoadStylizer", stylizer=POCKET)
    together = pack.run("Stylize", stylizer=stylizer, content=photos, styles={"style0": paintings})
    alone = pack.run("Stylize", stylizer=stylizer, content=photos[9:], styles={"style0": paintings[9:]})
    torch.testing.assert_close(together[9:], alone, atol=1e-4, rtol=0)
    encoder = pack.run("LoadEncoder", encoder=POCKET)
    assert pack.run("Encode", encoder=encoder, image=photos).batch == 10


def test_size_is_the_results_shorter_side(pack: Pack) -> None:
    stylizer = pack.run("LoadStylizer", stylizer=POCKET)
    photo = torch.rand(1, 60, 90, 4)
    made = pack.run("Stylize", stylizer=stylizer, content=photo, styles={"style0": photo}, size=40)
    assert made.shape == (1, 40, 60, 4)


def test_progress_has_a_preview_and_ends_at_the_end(pack: Pack, host: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    reports: list[tuple[int, int, Any]] = []

    class Bar:
        def __init__(self, total: int) -> None: ...

        def update_absolute(self, value: int, total: int, preview: Any = None) -> None:
            reports.append((value, total, preview))

    monkeypatch.setattr(host.feedback.comfy.utils, "ProgressBar", Bar)
    stylizer = pack.run("LoadStylizer", stylizer=POCKET)
    photo = torch.rand(9, 40, 56, 3)
    pack.run("Stylize", stylizer=stylizer, content=photo, styles={"style0": photo[:1]})
    assert [value for value, *_ in reports] == sorted(value for value, *_ in reports)
    value, total, preview = reports[-1]
    assert value == total
    kind, picture, side = preview
    assert (kind, picture.size, side) == ("JPEG", (56, 40), 512)


def test_every_layer_listens_to_the_interrupt(pack: Pack, host: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stop(BaseException): ...

    stylizer = pack.run("LoadStylizer", stylizer=POCKET)
    calls: list[int] = []

    def interrupt() -> None:
        calls.append(1)
        if len(calls) == 3:
            raise Stop

    monkeypatch.setattr(host.feedback.mm, "throw_exception_if_processing_interrupted", interrupt)
    photo = torch.rand(1, 32, 32, 3)
    with pytest.raises(Stop):
        pack.run("Stylize", stylizer=stylizer, content=photo, styles={"style0": photo})
    assert not any(layer._forward_pre_hooks for layer in stylizer.model.module.modules())
