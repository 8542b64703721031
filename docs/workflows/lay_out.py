"""Lays out the example workflows: from left to right, in groups, with room for what a run shows on the nodes.

    python docs/workflows/lay_out.py [NAME ...]

Without names all of them. It needs what `pytest -m browser` needs (ComfyUI and Chromium): every workflow is opened in both
renderers, and each node gets the room that it takes there, before and after a run. `tests/browser/test_layout.py` checks it.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
import tempfile
import types
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
package = types.ModuleType("style_atelier")
package.__path__ = [str(ROOT)]
sys.modules["style_atelier"] = package

from style_atelier.docs.workflows.columns import Node, placed  # noqa: E402
from style_atelier.tests.browser import geometry  # noqa: E402
from style_atelier.tests.browser.page import FLAGS, Page  # noqa: E402
from style_atelier.tests.examples import path_of  # noqa: E402
from style_atelier.tests.host import workflows  # noqa: E402
from style_atelier.tests.host.comfy import Comfy, find_comfyui  # noqa: E402

NOTE_WIDTH = 380
NOTE_MARGIN = 70  # its title is above, what remains is below the text
LARGER_TEXT = 1.3  # of notes in Nodes 2.0 against the classic renderer
GIVEN = ("LoadImage", "LoadVideo", "LoadAudio")
COLORS = {"given": ("#232", "#353"), "loader": ("#223", "#335")}
GROUPS = {"given": "#3f789e", "work": "#666666", "results": "#8a6a2f"}
WORK = {  # what the middle of a workflow is called, by what is in it
    "Train": "Train",
    "MergeLora": "Merge",
    "PathLength|Separability|MeasurePair|MeasureSets|RankStylizers": "Measure",
    "LoadGenerator|LoadW": "Generate",
    "Translat": "Translate",
}
TITLE_BAR = 30


def role(node: dict[str, Any]) -> str:
    """What the artist does with a node: gives a picture, chooses a method, or nothing."""
    if node["type"] in GIVEN:
        return "given"
    loads = node["type"].startswith("StyleAtelierLoad") or node["type"].endswith(("Loader", "LoaderSimple"))
    return "loader" if loads and "Objective" not in node["type"] else ""


def measured(page: Page, workflow: dict[str, Any], name: str, in_dom: bool) -> dict[int, tuple[float, float]]:
    """(width, height) that each node takes, title bar included, before and after a run."""
    page.load(workflow, name)
    page.fit()
    before = geometry.boxes(page, in_dom)
    geometry.show_a_run(page)
    after = geometry.boxes(page, in_dom)
    return {int(id): (max(b.width, after[id].width), max(b.height, after[id].height)) for id, b in before.items()}


def sized(page: Page, workflow: dict[str, Any], name: str) -> None:
    """Give the note the size of its text."""
    for node in workflow["nodes"]:
        if node["type"] == "MarkdownNote":
            node["size"] = [NOTE_WIDTH, 200]
    page.load(workflow, name)
    heights = {int(id): height for id, height in geometry.note_heights(page).items()}
    for node in workflow["nodes"]:
        if node["id"] in heights:
            node["size"] = [NOTE_WIDTH, round(heights[node["id"]] * LARGER_TEXT + NOTE_MARGIN, -1)]


def laid_out(workflow: dict[str, Any], sizes: dict[int, tuple[float, float]]) -> dict[str, Any]:
    """The workflow with positions, colors and groups."""
    nodes = {node["id"]: node for node in workflow["nodes"]}
    links = [(link[1], link[3], link[4]) for link in workflow["links"]]
    plan = placed([Node(id, *sizes[id]) for id in nodes], links)
    for id, (x, y) in plan.positions.items():
        nodes[id]["pos"] = [x, y + TITLE_BAR]
        color = COLORS.get(role(nodes[id]))
        if color:
            nodes[id]["color"], nodes[id]["bgcolor"] = color
    types = " ".join(node["type"] for node in workflow["nodes"])
    work = next((title for pattern, title in WORK.items() if re.search(pattern, types)), "Paint")
    titles = {"given": "Choose", "work": work, "results": "Result"}
    workflow["groups"] = [
        {
            **{"id": i, "title": f"{i} · {titles[kind]}", "bounding": list(box), "color": GROUPS[kind]},
            **{"font_size": 24, "flags": {}},
        }
        for i, (kind, box) in enumerate(plan.groups, 1)
    ]
    workflow["extra"] = {"ds": {"scale": 0.6, "offset": [560, 120]}}
    return workflow


def main(names: list[str]) -> None:
    from playwright.sync_api import sync_playwright

    comfyui = find_comfyui()
    if comfyui is None:
        raise SystemExit("No ComfyUI was found: set COMFYUI_PATH.")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        comfy = Comfy(comfyui, Path(folder))
        try:
            for name in names:
                workflow = workflows.read(name)
                workflows.place_pictures(comfy, workflow)
                workflows.place_points(comfy, workflow)
                workflows.place_styles(comfy, workflow)
                workflows.place_names(comfy, workflow)
            workflows.place_pictures(comfy, geometry.SHOWN)
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(FLAGS))
            classic = Page(comfy, browser, {"Comfy.VueNodes.Enabled": False})
            found: dict[str, dict[str, Any]] = {name: workflows.read(name) for name in names}
            sizes: dict[str, dict[int, tuple[float, float]]] = {}
            for name, workflow in found.items():
                sized(classic, workflow, name)
                sizes[name] = measured(classic, workflow, name, False)
            classic.close()
            in_dom = Page(comfy, browser, {"Comfy.VueNodes.Enabled": True})
            for name, workflow in found.items():
                seen = measured(in_dom, workflow, name, True)
                both = {id: (max(w, seen[id][0]), max(h, seen[id][1])) for id, (w, h) in sizes[name].items()}
                text = json.dumps(laid_out(workflow, both), indent=1, ensure_ascii=False)
                path_of(name).write_text(text + "\n", encoding="utf-8")
                print(name)
        finally:
            comfy.stop()


if __name__ == "__main__":
    main(sys.argv[1:] or workflows.NAMES)
