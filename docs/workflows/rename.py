"""Gives the example workflows the titles of `titles.json`: ComfyUI's template browser shows a file's name and sorts by it.

    python docs/workflows/rename.py

Tests call a workflow by its short name, the key in `titles.json`; one that is not in it is called as its file is. Links
in the README follow. It may be run again at any time.
"""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import quote

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "example_workflows"
PAGES = (ROOT / "README.md", ROOT / "docs" / "training.md", ROOT / "docs" / "headless.md")


def main() -> None:
    titles: dict[str, str] = json.loads(Path(__file__).with_name("titles.json").read_text(encoding="utf-8"))
    for name, title in titles.items():
        for suffix in (".json", ".jpg"):
            if (FOLDER / f"{name}{suffix}").exists():
                (FOLDER / f"{name}{suffix}").rename(FOLDER / f"{title}{suffix}")
        for page in PAGES:
            text = page.read_text(encoding="utf-8")
            linked = text.replace(f"example_workflows/{name}.", f"example_workflows/{quote(title)}.")
            if linked != text:
                page.write_text(linked, encoding="utf-8")


if __name__ == "__main__":
    main()
