"""One folder per published family.

`families.adain` is imported when it is first asked for: the start of ComfyUI reads no networks.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from types import ModuleType


def __getattr__(name: str) -> ModuleType:
    if not Path(__file__).with_name(name).is_dir():
        raise AttributeError(f"there is no family {name!r}")
    return import_module(f".{name}", __name__)
