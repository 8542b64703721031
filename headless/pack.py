"""The pack's nodes, imported as ComfyUI imports them: by path, under a name of the host's choosing."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from .host.core_nodes import CORE_NODES

NAME = "style_atelier_pack"


def import_pack(root: Path) -> ModuleType:
    """The pack's package, under a fixed name; the folder may be called anything and never gets on sys.path."""
    if NAME not in sys.modules:
        spec = importlib.util.spec_from_file_location(NAME, root / "__init__.py", submodule_search_locations=[str(root)])
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[NAME] = module
        spec.loader.exec_module(module)
    return sys.modules[NAME]


def load_pack(root: Path) -> dict[str, Any]:
    """Node classes by id: the pack's and the embedded host's own. The embedded host must be installed before."""

    async def entry() -> list[Any]:
        extension = await import_pack(root).comfy_entrypoint()
        await extension.on_load()
        return await extension.get_node_list()

    classes = [*CORE_NODES, *asyncio.run(entry())]
    return {cls.GET_SCHEMA().node_id: cls for cls in classes}
