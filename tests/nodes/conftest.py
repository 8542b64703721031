"""The nodes on whichever host is importable: a real ComfyUI on PYTHONPATH, else the pack's embedded one."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

ROOT = Path(__file__).parents[2]
POCKET = "Pocket (built-in)"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-schema", action="store_true", help="write tests/nodes/schema.json anew from the nodes")


class Pack:
    """The nodes by id, and a way to run one as the host does."""

    def __init__(self, nodes: list[type]) -> None:
        self.nodes: dict[str, Any] = {node.GET_SCHEMA().node_id: node for node in nodes}
        self.schemas = {name: node.GET_SCHEMA() for name, node in self.nodes.items()}

    def run(self, name: str, /, **inputs: object) -> Any:
        """The first output of the node StyleAtelier`name`; inputs that are left out have their defaults."""
        return self.outputs(name, **inputs)[0]

    def outputs(self, name: str, /, **inputs: object) -> tuple[Any, ...]:
        """All its outputs."""
        schema = self.schemas[f"StyleAtelier{name}"]
        defaults = {i.id: i.default for i in schema.inputs if getattr(i, "default", None) is not None}
        with torch.inference_mode():
            return self.nodes[f"StyleAtelier{name}"].execute(**{**defaults, **inputs}).result


@pytest.fixture(scope="session")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pack]:
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
    yield Pack(asyncio.run(extension.get_node_list()))
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
