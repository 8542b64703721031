"""The embedded host's names, parameters and defaults are the real host's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
TYPES = ("Image", "Mask", "Int", "Float", "String", "Boolean")
CALLABLES = {
    "comfy_api.latest": [
        "ComfyExtension.on_load",
        "ComfyExtension.get_node_list",
        *(f"io.{kind}.Input" for kind in (*TYPES, "Combo", "Autogrow", "DynamicCombo")),
        *(f"io.{kind}.Output" for kind in TYPES),
        "io.Autogrow.TemplatePrefix",
        "io.Autogrow.TemplateNames",
        "io.DynamicCombo.Option",
        "io.Custom",
        "io.Schema",
        "io.NodeOutput",
        "io.ComfyNode.GET_SCHEMA",
    ],
    "folder_paths": [
        "get_input_directory",
        "get_output_directory",
        "get_temp_directory",
        "get_folder_paths",
        "get_filename_list",
        "get_full_path",
        "get_annotated_filepath",
        "exists_annotated_filepath",
    ],
    "comfy.utils": ["ProgressBar", "ProgressBar.update", "ProgressBar.update_absolute"],
    "comfy.model_patcher": ["CoreModelPatcher"],
    "comfy.model_management": [
        "get_torch_device",
        "unet_offload_device",
        "intermediate_device",
        "intermediate_dtype",
        "get_free_memory",
        "free_memory",
        "load_models_gpu",
        "is_oom",
        "raise_non_oom",
        "soft_empty_cache",
        "throw_exception_if_processing_interrupted",
    ],
}
DUMP = """
import importlib, inspect, json, sys
{before}
found = {{}}
for module, names in json.loads({callables!r}).items():
    for name in names:
        thing = importlib.import_module(module)
        for part in name.split("."):
            thing = getattr(thing, part)
        plain = lambda d: None if d is inspect.Parameter.empty else repr(d)
        signature = inspect.signature(thing)
        found[f"{{module}}.{{name}}"] = {{
            p.name: [str(p.kind), plain(p.default)] for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD
        }}
print("DUMP" + json.dumps({{"signatures": found, "nodes": {nodes}}}))
"""
CORE = ["LoadImage", "LoadImageMask", "SaveImage", "PreviewImage", "ImageBatch", "BatchImagesNode", "ImageScale"]
CORE += ["SolidMask", "InvertMask", "MaskComposite", "MaskToImage", "ImageToMask", "PreviewAny", "SaveSVGNode"]
REAL_NODES = """
import asyncio, nodes
asyncio.run(nodes.init_extra_nodes(init_custom_nodes=False, init_api_nodes=False))
def facts(cls):
    inputs = [(k, v) for part in ("required", "optional") for k, v in cls.INPUT_TYPES().get(part, {}).items()]
    keep = ("default", "min", "max", "step")
    kind = lambda v: "COMBO" if isinstance(v[0], list) else v[0]
    plain = ("INT", "FLOAT", "STRING")
    bounds = lambda v: {k: w for k, w in (v[1] if len(v) > 1 else {}).items() if k in keep and kind(v) in plain}
    return [[k, kind(v), bounds(v)] for k, v in inputs], list(cls.RETURN_TYPES)
"""
OURS_NODES = """
import dataclasses
from style_atelier.headless.host.core_nodes import CORE_NODES
from style_atelier.headless.host.schema import describe
infos = {i.node_id: i for i in map(describe, CORE_NODES)}
def bounds(i):
    return {k: getattr(i, k) for k in ("default", "min", "max", "step") if getattr(i, k) is not None and i.type != "COMBO"}
def facts(i):
    return [[x.id, x.type, bounds(x)] for x in i.inputs], [o.type for o in i.outputs]
"""


def dump(python: Path | str, folder: Path, before: str, nodes: str) -> dict[str, Any]:
    code = DUMP.format(before=before, callables=json.dumps(CALLABLES), nodes=nodes)
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    command = [str(python), "-c", code]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, env=environment, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("DUMP")]
    assert lines, done.stderr[-2000:]
    return json.loads(lines[-1].removeprefix("DUMP"))


def checkout() -> Path | None:
    """A real ComfyUI: COMFYUI_PATH, a parent folder, the home folder."""
    places = [Path(os.environ.get("COMFYUI_PATH", "/nowhere")), *ROOT.parents, Path.home() / "ComfyUI"]
    return next((p for p in places if (p / "main.py").exists() and (p / "comfy_api").is_dir()), None)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], dict[str, Any]]:
    comfy = checkout()
    if comfy is None:
        pytest.skip("no ComfyUI checkout found: the embedded host was not compared with the real one")
    python = comfy / ".venv" / "bin" / "python"
    base = tmp_path_factory.mktemp("embedded")
    before = f"""
import types
from pathlib import Path
pack = types.ModuleType("style_atelier"); pack.__path__ = [{str(ROOT)!r}]; sys.modules["style_atelier"] = pack
from style_atelier.headless import host
base = Path({str(base)!r})
host.install(models_dir=base/"m", input_dir=base/"i", output_dir=base/"o", temp_dir=base/"t", device="cpu")
{OURS_NODES}"""
    ours = dump(sys.executable, base, before, "{n: facts(i) for n, i in infos.items()}")
    start = f"sys.path.insert(0, {str(comfy)!r})\nimport comfy.cli_args; comfy.cli_args.args.cpu = True\n{REAL_NODES}"
    executable = python if python.exists() else sys.executable
    real = dump(executable, comfy, start, f"{{n: facts(nodes.NODE_CLASS_MAPPINGS[n]) for n in {CORE!r}}}")
    return ours, real


@pytest.mark.host
def test_parameters_and_defaults(both: tuple[dict[str, Any], dict[str, Any]]) -> None:
    ours, real = (side["signatures"] for side in both)
    for name, parameters in ours.items():
        for parameter, (kind, default) in parameters.items():
            if parameter in ("args", "kwargs"):
                continue
            assert parameter in real[name], f"{name}({parameter}=) is unknown to the real host"
            wanted_kind, wanted = real[name][parameter]
            assert kind == wanted_kind, f"{name}({parameter}=)"
            alike = {default, wanted} in ({"None", "False"}, {"()", "[]"}) or "factory" in f"{default}{wanted}"
            assert default == wanted or alike, f"{name}({parameter}={default}), really {wanted}"


@pytest.mark.host
def test_core_nodes(both: tuple[dict[str, Any], dict[str, Any]]) -> None:
    ours, real = (side["nodes"] for side in both)
    assert set(ours) == set(CORE)
    for name in CORE:
        assert ours[name] == real[name], name
