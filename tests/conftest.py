"""Makes the pack importable as `style_atelier` whatever its folder is called, and knows where test data lies."""

from __future__ import annotations

import importlib
import os
import sys
import types
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != ROOT]
pack = types.ModuleType("style_atelier")
pack.__path__ = [str(ROOT)]
sys.modules["style_atelier"] = pack


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
