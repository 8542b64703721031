"""Makes the pack importable as `style_atelier` whatever its folder is called, and knows where test data lies."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import os
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch

ROOT = Path(__file__).resolve().parent.parent
sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != ROOT]
package = types.ModuleType("style_atelier")
package.__path__ = [str(ROOT)]
sys.modules["style_atelier"] = package

if TYPE_CHECKING:
    from .pack import Pack


# Tests that share a running ComfyUI keep together on one worker of pytest-xdist. Its own groups do nothing with pytest 9.2.
GROUPS = {"browser": "browser", "host": "host", "headless": "host"}


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    scope: Any = importlib.import_module("xdist.scheduler").LoadScopeScheduling

    class ByFolder(scope):
        def _split_scope(self, nodeid: str) -> str:
            return GROUPS.get(nodeid.split("/")[1], nodeid)

    return ByFolder(config, log)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-schema", action="store_true", help="write tests/nodes/schema.json anew from the nodes")
    parser.addoption(
        "--hostile", type=int, default=1, help="how many times as many hostile files, prompts and requests are tried"
    )
    parser.addoption("--alone", choices=("only", "never"), help="the tests that must have the machine to themselves")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    wanted = config.getoption("--alone")
    if wanted is not None:
        alone: list[pytest.Item] = []
        others: list[pytest.Item] = []
        for item in items:
            (alone if item.get_closest_marker("alone") else others).append(item)
        items[:], left_out = (alone, others) if wanted == "only" else (others, alone)
        config.hook.pytest_deselected(items=left_out)


@pytest.fixture(scope="session")
def hostile(request: pytest.FixtureRequest) -> int:
    """How many times as many seeded attacks are tried as a test does by itself."""
    return request.config.getoption("--hostile")


@pytest.fixture(scope="session")
def root() -> Path:
    """The pack's folder."""
    return ROOT


@pytest.fixture(scope="session")
def golden() -> Path:
    """Arrays made with the original authors' code."""
    return ROOT / "tests" / "golden"


@pytest.fixture(scope="session")
def shared() -> Path:
    """Real published weights and pictures, which are no part of the project; skips where they are missing."""
    folder = Path(os.environ.get("STYLE_ATELIER_SHARED", ROOT.parent / "shared"))
    if not (folder / "weights").is_dir():
        pytest.skip(f"no published weights at {folder}: set STYLE_ATELIER_SHARED")
    return folder


@pytest.fixture(scope="session")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pack]:
    """The nodes by id, on that host."""
    if importlib.util.find_spec("comfy_api") is None:
        base = tmp_path_factory.mktemp("host")
        folders = {f"{kind}_dir": base / kind for kind in ("models", "input", "output", "temp")}
        importlib.import_module("style_atelier.headless.host").install(**folders, device="cpu")
    else:
        importlib.import_module("comfy.cli_args").args.cpu = True
    folder_paths: Any = importlib.import_module("folder_paths")
    folder_paths.models_dir = str(tmp_path_factory.mktemp("models"))
    extension = asyncio.run(importlib.import_module("style_atelier.nodes").comfy_entrypoint())
    asyncio.run(extension.on_load())
    yield importlib.import_module("style_atelier.tests.pack").Pack(asyncio.run(extension.get_node_list()))
    del folder_paths.folder_names_and_paths["style_atelier"]


@pytest.fixture
def folder(pack: Pack) -> Path:
    """models/style_atelier of the host under test."""
    path = Path(importlib.import_module("folder_paths").get_folder_paths("style_atelier")[0])
    path.mkdir(exist_ok=True)
    return path


@pytest.fixture(scope="session")
def photo() -> torch.Tensor:
    """[1, 40, 56, 3]"""
    return torch.rand(1, 40, 56, 3, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="session")
def painting() -> torch.Tensor:
    """[1, 48, 33, 3]"""
    return torch.rand(1, 48, 33, 3, generator=torch.Generator().manual_seed(2))
