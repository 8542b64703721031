"""Makes the pack importable as `style_atelier` whatever its folder is called, and knows where test data lies."""

from __future__ import annotations

import os
import sys
import types
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != ROOT]
pack = types.ModuleType("style_atelier")
pack.__path__ = [str(ROOT)]
sys.modules["style_atelier"] = pack


# Which worker of pytest-xdist runs a folder's tests: those that share a running ComfyUI keep together.
GROUPS = {"browser": "browser", "host": "host", "headless": "host"}


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist writes the groups into the tests' names
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        group = GROUPS.get(item.path.relative_to(ROOT / "tests").parts[0])
        if group:
            item.add_marker(pytest.mark.xdist_group(group))


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
