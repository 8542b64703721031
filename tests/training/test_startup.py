"""Nothing of training is imported before a node needs it."""

from __future__ import annotations

import subprocess
import sys

from style_atelier.tests.pack import ROOT

PROGRAM = """
import asyncio, importlib, sys, tempfile, types
from pathlib import Path
pack = types.ModuleType("style_atelier")
pack.__path__ = [sys.argv[1]]
sys.modules["style_atelier"] = pack
base = Path(tempfile.mkdtemp())
folders = {f"{kind}_dir": base / kind for kind in ("models", "input", "output", "temp")}
importlib.import_module("style_atelier.headless.host").install(**folders, device="cpu")
extension = asyncio.run(importlib.import_module("style_atelier.nodes").comfy_entrypoint())
asyncio.run(extension.on_load())
for node in asyncio.run(extension.get_node_list()):
    node.GET_SCHEMA()
print([name for name in sys.modules if name.startswith("style_atelier.models.training") or name.endswith(".recipes")])
"""


def test_the_list_of_nodes_reads_no_training() -> None:
    command = [sys.executable, "-c", PROGRAM, str(ROOT)]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip() == "[]"
