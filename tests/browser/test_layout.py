"""Every example stands up in the page, in both renderers: no node covers another, before or after a run, no wire goes back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from style_atelier.tests.browser import geometry
from style_atelier.tests.browser.page import Page
from style_atelier.tests.host import workflows
from style_atelier.tests.host.comfy import Comfy

pytestmark = [pytest.mark.host, pytest.mark.browser]
RENDERERS = {"classic": False, "nodes2": True}
GOOD = {"overlaps": [], "backward": []}


@pytest.fixture(scope="module", params=RENDERERS)
def gallery(comfy: Comfy, browser: Any, request: pytest.FixtureRequest) -> Iterator[tuple[Page, bool]]:
    """One tab for all workflows, and whether its nodes are in the DOM."""
    for name in workflows.NAMES:
        workflow = workflows.read(name)
        workflows.place_pictures(comfy, workflow)
        workflows.place_points(comfy, workflow)
        workflows.place_styles(comfy, workflow)
        workflows.place_names(comfy, workflow)
    workflows.place_pictures(comfy, geometry.SHOWN)
    in_dom = RENDERERS[request.param]
    page = Page(comfy, browser, {"Comfy.VueNodes.Enabled": in_dom})
    yield page, in_dom
    page.close()


@pytest.mark.parametrize("name", workflows.NAMES)
def test_a_workflow_stands_up(gallery: tuple[Page, bool], name: str) -> None:
    page, in_dom = gallery
    page.load(workflows.read(name), name)
    assert geometry.state(page, in_dom) == GOOD
    geometry.show_a_run(page)
    assert geometry.state(page, in_dom) == GOOD, "after a run; docs/workflows/lay_out.py lays it out"


def test_a_real_run_leaves_it_standing(gallery: tuple[Page, bool]) -> None:
    page, in_dom = gallery
    page.load(workflows.read("first_picture"), "first_picture")
    kind, data = page.run()
    assert kind == "execution_success", data
    page.wait_for_picture("SaveImage", in_dom)
    assert geometry.state(page, in_dom) == GOOD


def test_sockets_that_grow_have_names(comfy: Comfy, browser: Any) -> None:
    for language, wanted in (("en", ["style 1", "style 2", "style 3"]), ("zh", ["风格 1", "风格 2", "风格 3"])):
        page = Page(comfy, browser, {"Comfy.VueNodes.Enabled": False, "Comfy.Locale": language})
        page.load(workflows.read("two_styles_mixed"), "two_styles_mixed")
        labels = page.page.evaluate(
            """() => window.app.graph._nodes.find((n) => n.type === "StyleAtelierStylize").inputs
                 .filter((i) => i.name.startsWith("styles.")).map((i) => i.label)"""
        )
        page.close()
        assert labels == wanted
