"""Which wing may import which: data flows one way, from the ground up, and no circle is possible."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# A wing may import from the floors below its own, and from itself. Those of one floor know nothing of each other.
MODELS = (
    ("progress",),
    ("ops", "weights"),
    ("canvas", "diffusion", "encoders", "lora", "video"),
    ("classical", "decoders", "generation", "objectives", "translation"),
    ("metrics", "optimization", "stylization"),
    ("training",),
    ("architecture",),
    ("families",),
    ("library",),
)
NODES = (
    ("host",),
    ("classical", "generation", "stylization"),
    ("diffusion", "optimization", "page", "translation"),
    ("measures",),
    ("training",),
    ("__init__",),
)
FLOORS = pytest.mark.parametrize(("top", "floors"), [("models", MODELS), ("nodes", NODES)])


def wing(parts: tuple[str, ...]) -> str:
    """The folder under models/ or nodes/, or the name of a file that stands there itself."""
    return parts[1].removesuffix(".py") if len(parts) > 1 else "__init__"


def imports(top: str) -> Iterator[tuple[Path, str, str, str]]:
    """(file, its wing, "models" or "nodes", the wing that it imports)."""
    for path in sorted((ROOT / top).rglob("*.py")):
        parts = path.relative_to(ROOT).parts
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.ImportFrom) or not node.level:
                continue
            found = (*parts[: len(parts) - node.level], *(node.module.split(".") if node.module else ()))
            for alias in node.names:
                target = found if len(found) > 1 else (*found, alias.name)
                yield path.relative_to(ROOT), wing(parts), target[0], wing(target)


@FLOORS
def test_nothing_imports_from_a_higher_floor(top: str, floors: tuple[tuple[str, ...], ...]) -> None:
    floor = {name: number for number, names in enumerate(floors) for name in names}
    assert [
        f"{path} imports {other}"
        for path, own, where, other in imports(top)
        if where == top and own != other and floor[own] <= floor[other]
    ] == []


def test_models_import_no_node() -> None:
    assert {where for _, _, where, _ in imports("models")} == {"models"}


@FLOORS
def test_every_wing_has_its_floor_and_a_map(top: str, floors: tuple[tuple[str, ...], ...]) -> None:
    folders = {path.name for path in (ROOT / top).iterdir() if path.is_dir() and any(path.glob("*.py"))}
    files = {path.stem for path in (ROOT / top).glob("*.py")}
    assert {name for names in floors for name in names} - {"__init__"} == (folders | files) - {"__init__"}
    assert files == ({"__init__", "architecture", "progress"} if top == "models" else {"__init__"})
    for folder in folders:
        tree = ast.parse((ROOT / top / folder / "__init__.py").read_text(encoding="utf-8"))
        assert ast.get_docstring(tree), f"{top}/{folder}/__init__.py says nothing of what is there"
