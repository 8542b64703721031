"""The example workflows by their short names: their files are called as the template browser is to show them."""

from __future__ import annotations

import json
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "example_workflows"
TITLES: dict[str, str] = json.loads((ROOT / "docs" / "workflows" / "titles.json").read_text(encoding="utf-8"))
SHORT = {title: name for name, title in TITLES.items()}


def path_of(name: str, suffix: str = ".json") -> Path:
    """The file of the workflow with this short name, or its thumbnail."""
    return FOLDER / f"{TITLES.get(name, name)}{suffix}"


def names() -> list[str]:
    """All short names, in the order in which the template browser shows them."""
    return [SHORT.get(path.stem, path.stem) for path in sorted(FOLDER.glob("*.json"))]
