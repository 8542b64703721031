"""Run in a process of its own: every example workflow as the headless runner converts it to the API's format."""

import json
import sys
import types
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
folder = Path(sys.argv[1])
pack = types.ModuleType("style_atelier")
pack.__path__ = [str(ROOT)]
sys.modules["style_atelier"] = pack

from style_atelier.headless import host
from style_atelier.headless.graph import to_prompt
from style_atelier.headless.host.schema import describe
from style_atelier.headless.pack import load_pack
from style_atelier.tests.examples import names, path_of

host.install(models_dir=folder, input_dir=folder, output_dir=folder, temp_dir=folder, device="cpu")
nodes = {name: describe(cls) for name, cls in load_pack(ROOT).items()}
print(json.dumps({name: to_prompt(json.loads(path_of(name).read_text(encoding="utf-8")), nodes.get) for name in names()}))
