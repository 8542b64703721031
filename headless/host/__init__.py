"""The embedded host: ComfyUI's public names for a machine that has no ComfyUI.

Only what this pack's nodes use exists, under the same import names, and never where the real host is importable.
"""

from __future__ import annotations

import importlib.util
import sys
import types
from pathlib import Path

from . import folders, memory, node_io, progress

REAL = "comfy_api"


class ComfyExtension:
    """What `comfy_entrypoint` returns an instance of."""

    async def on_load(self) -> None:
        """Called once before the nodes are asked for."""

    async def get_node_list(self) -> list[type[node_io.ComfyNode]]:
        """The pack's node classes."""
        raise NotImplementedError


def real_host_present() -> bool:
    """Whether a real ComfyUI is importable here."""
    known = sys.modules.get(REAL)
    if known is not None:
        return not hasattr(known, "__embedded__")
    return importlib.util.find_spec(REAL) is not None


def install(*, models_dir: Path, input_dir: Path, output_dir: Path, temp_dir: Path, device: str = "auto") -> None:
    """Give the host's import names to the embedded host, and set its folders and device.

    May be called again with other folders. Raises RuntimeError where a real host is importable: that one is to be used then.
    """
    if real_host_present():
        raise RuntimeError("a real ComfyUI is importable here: the embedded host does not stand in for it")
    folders.place(models_dir, input_dir, output_dir, temp_dir)
    memory.choose(device)
    if REAL not in sys.modules:
        sys.modules.update(modules())


def modules() -> dict[str, types.ModuleType]:
    """The modules by the host's import names."""
    comfy, comfy_api = _module("comfy"), _module("comfy_api")
    comfy_api.__embedded__ = True  # type: ignore[attr-defined]
    latest = _module("comfy_api.latest", io=node_io, ComfyExtension=ComfyExtension)
    utils = _module("comfy.utils", ProgressBar=progress.ProgressBar)
    patcher = _module("comfy.model_patcher", CoreModelPatcher=memory.CoreModelPatcher, ModelPatcher=memory.CoreModelPatcher)
    comfy.utils, comfy.model_management, comfy.model_patcher = utils, memory, patcher  # type: ignore[attr-defined]
    comfy_api.latest = latest  # type: ignore[attr-defined]
    return {
        "comfy": comfy,
        "comfy.utils": utils,
        "comfy.model_management": memory,
        "comfy.model_patcher": patcher,
        "comfy_api": comfy_api,
        "comfy_api.latest": latest,
        "folder_paths": folders,
    }


def _module(name: str, **names: object) -> types.ModuleType:
    module = types.ModuleType(name)
    module.__dict__.update(names)
    module.__path__ = []  # a package, so that its submodules can be imported by name
    return module
