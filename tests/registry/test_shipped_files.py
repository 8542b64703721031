"""A replica of what the registry looks for in a published pack, over the files that ship."""

from __future__ import annotations

import ast
import fnmatch
import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOWNLOADERS = {"models/weights/download.py", "models/weights/exchange.py", "models/weights/transfer.py"}
# Of the weights that come and the frames that wait, and the trainer's two generations of one file.
WRITERS = {
    "models/weights/writing.py",
    "models/weights/parts.py",
    "models/weights/download.py",
    "models/video/frame_store.py",
    "models/training/state.py",
}
WRITES = [
    r"os\.replace\(",
    r"\.write_bytes\(",
    r"fsync\(",
    r"\.write_text\(",
    r"\.replace\((path|target|file|final|now|before)\)",
]
# what the scan is known to flag, in any text file
ANYWHERE = [
    r"(?<!\w)environ(?!\w)",
    r"getenv",
    r"(?<!\w)subprocess(?!\w)",
    r"os\.system\(",
    r"(?<!\w)eval\(",
    r"(?<!\w)exec\(",
    r"(?<!\w)compile\(",
    r"raw\.githubusercontent\.com",
    r"git\+https?:",
    r"(?<!\w)cryptography(?!\w)",
]
NETWORK = [
    r"requests\.\w+\(",
    r"urllib\.request\.urlopen\(",
    r"aiohttp\.ClientSession",
    r"socket\.socket\(",
    r"\.connect\(",
    r"\.bind\(",
    r"\.send\(",
]
TEXT = {".py", ".js", ".md", ".toml", ".txt"}
LONGEST = 400


@cache
def shipped() -> tuple[Path, ...]:
    """Tracked files that .comfyignore lets through."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("no git checkout: what ships cannot be listed")
    rules = [line.strip() for line in (ROOT / ".comfyignore").read_text().splitlines() if line.strip() and line[0] != "#"]
    return tuple(Path(name) for name in listed.stdout.splitlines() if not any(ignored(name, rule) for rule in rules))


def ignored(name: str, rule: str) -> bool:
    """gitignore's two forms that .comfyignore uses: a folder, and a name."""
    if rule.endswith("/"):
        return name.startswith(rule)
    return fnmatch.fnmatch(name, rule) or fnmatch.fnmatch(Path(name).name, rule)


def shipped_python() -> list[Path]:
    return [path for path in shipped() if path.suffix == ".py"]


def found(pattern: str, allowed: set[str]) -> list[str]:
    hits = []
    for path in shipped():
        if path.suffix not in TEXT or path.as_posix() in allowed:
            continue
        for number, line in enumerate((ROOT / path).read_text(encoding="utf-8").splitlines(), 1):
            if re.search(pattern, line):
                hits.append(f"{path}:{number}: {line.strip()}")
    return hits


@pytest.mark.parametrize("pattern", ANYWHERE)
def test_nothing_that_the_scan_flags(pattern: str) -> None:
    assert found(pattern, set()) == []


@pytest.mark.parametrize("pattern", NETWORK)
def test_network_only_in_the_downloader(pattern: str) -> None:
    assert found(pattern, DOWNLOADERS) == []


@pytest.mark.parametrize("pattern", WRITES)
def test_files_are_written_by_the_one_writer(pattern: str) -> None:
    assert found(pattern, WRITERS) == []


def test_tensors_are_read_by_the_packs_own_reader() -> None:
    assert found(r"(?<!\w)safe_open\(", set()) == []


def test_no_tests_and_no_weights_but_the_built_in_ones() -> None:
    names = [path.as_posix() for path in shipped()]
    assert not [n for n in names if n.startswith(("tests/", "headless/", "benchmarks/", "docs/")) or "quickstart" in n]
    binaries = [n for n in names if n.endswith((".safetensors", ".pth", ".pt", ".ckpt", ".pkl", ".onnx"))]
    assert sorted(binaries) == [
        "models/encoders/pocket_vgg.safetensors",
        "models/families/cyclegan/night.safetensors",
        "models/families/pocket/pocket.safetensors",
        "models/metrics/heads.safetensors",
    ]


def test_files_are_small() -> None:
    long = {str(p): n for p in shipped_python() if (n := len((ROOT / p).read_text(encoding="utf-8").splitlines())) > LONGEST}
    assert long == {}


def imports(path: Path) -> list[tuple[int, str]]:
    """(level, module) of every import in a file."""
    modules = []
    for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules += [(0, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules.append((node.level, node.module or ""))
    return modules


HOST = {"comfy", "comfy_api", "comfy_execution", "folder_paths", "server", "execution", "nodes", "headless", "node_helpers"}


def test_models_know_nothing_of_the_host() -> None:
    for path in shipped_python():
        if path.parts[0] == "models":
            absolute = {module.split(".")[0] for level, module in imports(path) if level == 0}
            assert not absolute & HOST, path
            depth = len(path.parts) - 1
            assert all(level <= depth for level, _ in imports(path)), f"{path} reaches outside models/"


def test_inside_the_pack_imports_are_relative() -> None:
    own = {"models", "nodes", "headless", "style_atelier"}
    for path in shipped_python():
        absolute = {module.split(".")[0] for level, module in imports(path) if level == 0}
        assert not absolute & (own - {"nodes"} if path.parts[0] == "install.py" else own), path


def test_no_dangerous_module_is_imported() -> None:
    for path in shipped_python():
        names = {module for level, module in imports(path) if level == 0}
        assert not names & {"subprocess", "pickle", "shelve", "marshal", "ctypes", "importlib.metadata.distribution"}, path


def schemas() -> list[tuple[ast.ClassDef, ast.Call]]:
    """Node classes and the Schema(...) call of each."""
    pairs = []
    for path in shipped_python():
        if path.parts[0] != "nodes":
            continue
        for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                for call in ast.walk(node):
                    if isinstance(call, ast.Call) and getattr(call.func, "attr", "") == "Schema":
                        pairs.append((node, call))
    return pairs


def test_manager_can_find_every_node() -> None:
    """ComfyUI-Manager reads the source: a direct base and a literal id."""
    pairs = schemas()
    assert len(pairs) >= 10
    ids = []
    for node, call in pairs:
        assert [ast.unparse(base) for base in node.bases] == ["io.ComfyNode"], node.name
        value = next(keyword.value for keyword in call.keywords if keyword.arg == "node_id")
        assert isinstance(value, ast.Constant), node.name
        assert str(value.value).startswith("StyleAtelier"), node.name
        ids.append(value.value)
    assert len(set(ids)) == len(ids)
