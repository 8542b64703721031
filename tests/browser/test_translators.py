"""Translators from the page: heat map, codes and toggles, set on the nodes and run with the button."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops

from style_atelier.tests.browser.page import Page
from style_atelier.tests.host import workflows
from style_atelier.tests.host.comfy import Comfy

pytestmark = [pytest.mark.host, pytest.mark.browser, pytest.mark.slow]
SET = """([kind, name, value]) => {
  const node = window.app.graph._nodes.find((n) => n.type === kind);
  const widget = node.widgets.find((w) => w.name === name);
  widget.value = value;
  widget.callback?.(value);
}"""
OUTPUTS = """() => Object.fromEntries(Object.entries(window.app.nodeOutputs ?? {}).map(([id, out]) => [id, out.images ?? []]))"""


@pytest.fixture(scope="module", params=[False, True], ids=["classic", "nodes2"])
def in_dom(request: pytest.FixtureRequest) -> bool:
    return request.param


@pytest.fixture
def page(comfy: Comfy, browser: Any, in_dom: bool) -> Iterator[Page]:
    opened = Page(comfy, browser, {"Comfy.VueNodes.Enabled": in_dom})
    yield opened
    errors = opened.our_errors()
    opened.close()
    assert not errors


def open_workflow(page: Page, comfy: Comfy, name: str) -> dict[str, Any]:
    workflow = workflows.read(name)
    workflows.place_pictures(comfy, workflow)
    for entry in workflows.published(workflow):
        assert workflows.place_weights(comfy, entry) is None
    page.load(workflow, name)
    return workflow


def pictures(page: Page, comfy: Comfy) -> dict[str, list[Image.Image]]:
    """What each Save Image showed after a run, by its id."""
    shown = {k: [p for p in ps if p["type"] == "output"] for k, ps in page.page.evaluate(OUTPUTS).items()}
    return {k: [Image.open(io.BytesIO(comfy.picture(p))).convert("RGB") for p in ps] for k, ps in shown.items() if ps}


def run(page: Page, comfy: Comfy) -> dict[str, list[Image.Image]]:
    kind, data = page.run()
    assert kind == "execution_success", data
    page.page.wait_for_timeout(300)
    return pictures(page, comfy)


def differ(a: Image.Image, b: Image.Image) -> bool:
    return ImageChops.difference(a, b).getbbox() is not None


def test_heat_map(page: Page, comfy: Comfy, in_dom: bool, screenshots: Path) -> None:
    workflow = open_workflow(page, comfy, "selfie_to_anime")
    made = run(page, comfy)
    titles = {str(node["id"]): node.get("title") for node in workflow["nodes"]}
    heat = next(images[0] for key, images in made.items() if titles[key] == "Where the network looked")
    red, _, blue = heat.resize((64, 64)).split()
    assert red.getextrema()[1] > 150
    assert blue.getextrema()[1] > 150
    page.fit()
    page.shot(screenshots / f"heat_map_{'nodes2' if in_dom else 'classic'}.png")


def test_toggles(page: Page, comfy: Comfy) -> None:
    open_workflow(page, comfy, "stargan_face_attributes")
    (before,) = next(iter(run(page, comfy).values()))
    for name, value in (("hair", "black"), ("young", False)):
        page.page.evaluate(SET, ["StyleAtelierFaceAttributes", name, value])
        sent = next(n["inputs"] for n in page.prompt().values() if n["class_type"] == "StyleAtelierFaceAttributes")
        assert sent[name] == value
        (after,) = next(iter(run(page, comfy).values()))
        assert differ(before, after)
        before = after


def test_codes(page: Page, comfy: Comfy) -> None:
    open_workflow(page, comfy, "munit_one_photo_many_styles")
    first = run(page, comfy)
    assert sorted(len(images) for images in first.values()) == [4, 12]
    page.page.evaluate(SET, ["StyleAtelierStyleCode", "count", 2])
    page.page.evaluate(SET, ["StyleAtelierStyleCode", "seed", 8])
    page.page.evaluate(SET, ["StyleAtelierInterpolateStyleCodes", "frames", 5])
    second = run(page, comfy)
    assert sorted(len(images) for images in second.values()) == [2, 5]
    four, two = (next(i for i in made.values() if len(i) in (4, 2)) for made in (first, second))
    assert differ(four[0], two[0])
