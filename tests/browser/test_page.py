"""The pack in ComfyUI's page: workflows open and run, the weights panel tells the truth, in both renderers."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from style_atelier.models.library.choices import stylizer_choices
from style_atelier.models.weights.catalogue import load_catalogue
from style_atelier.tests.browser.page import Page
from style_atelier.tests.host import workflows
from style_atelier.tests.host.comfy import Comfy

pytestmark = [pytest.mark.host, pytest.mark.browser]
RENDERERS = {"classic": False, "nodes2": True}
MISSING = "vgg19"
REFUSED = iter(("vgg16", "vgg19-caffe", "vgg16-caffe", "vgg19-normalised"))  # each but once: the host keeps what came of it


@pytest.fixture(scope="module", params=RENDERERS)
def renderer(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module", autouse=True)
def pictures(comfy: Comfy) -> None:
    """The page marks nodes whose picture was not there when it was opened."""
    for name in workflows.NAMES:
        workflows.place_pictures(comfy, workflows.read(name))
        workflows.place_points(comfy, workflows.read(name))
        workflows.place_styles(comfy, workflows.read(name))
        workflows.place_names(comfy, workflows.read(name))


@pytest.fixture
def page(comfy: Comfy, browser: Any, renderer: str) -> Iterator[Page]:
    opened = Page(comfy, browser, {"Comfy.VueNodes.Enabled": RENDERERS[renderer]})
    yield opened
    errors = opened.our_errors()
    opened.close()
    assert not errors


@pytest.fixture(scope="module")
def gallery(comfy: Comfy, browser: Any, renderer: str) -> Iterator[Page]:
    """One tab for all workflows, as a person opens them one after the other."""
    opened = Page(comfy, browser, {"Comfy.VueNodes.Enabled": RENDERERS[renderer]})
    yield opened
    errors = opened.our_errors()
    opened.close()
    assert not errors


@pytest.fixture(scope="session")
def headless_prompts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    script = Path(__file__).with_name("headless_prompts.py")
    command = [sys.executable, str(script), str(tmp_path_factory.mktemp("headless"))]
    return json.loads(subprocess.run(command, capture_output=True, check=True, timeout=120).stdout)


def inputs(prompt: dict[str, Any]) -> dict[str, Any]:
    """A prompt without the words that only people read."""
    return {key: node["inputs"] for key, node in prompt.items()}


def without_players(sent: dict[str, Any]) -> dict[str, Any]:
    """Without what the page adds to Load Video to show it."""
    return {key: {name: value for name, value in given.items() if name != "video-preview"} for key, given in sent.items()}


def loader(choice: str) -> dict[str, Any]:
    return {"1": {"class_type": "StyleAtelierLoadEncoder", "inputs": {"encoder": choice, "pooling": "average"}}}


def test_first_picture(page: Page, renderer: str, screenshots: Path) -> None:
    page.load(workflows.read("first_picture"), "first_picture")
    kind, data = page.run()
    assert kind == "execution_success", data
    page.wait_for_picture("SaveImage", RENDERERS[renderer])
    page.fit()
    page.shot(screenshots / f"first_picture_{renderer}.png")
    assert [panel["state"] for panel in page.panels()] == ["builtIn"]


def test_panel_says_what_the_choice_is(page: Page, renderer: str, screenshots: Path) -> None:
    page.load_api(loader("Pocket (built-in)"))
    page.wait_for_panel("builtIn")
    page.choose(MISSING)
    page.wait_for_panel("missing")
    (panel,) = page.panels()
    assert panel["shown"]
    assert "575 MB" in panel["text"]
    assert "BSD-3-Clause" in panel["text"]
    assert "commercial use allowed" in panel["text"]
    page.shot(screenshots / f"panel_{renderer}.png")


def test_panel_follows_the_mouse(page: Page, renderer: str) -> None:
    first, following, *_ = stylizer_choices([])
    size = sum(file.size for file in load_catalogue().entry(following).files)
    assert 1e6 < size < 1e7, "the panel writes it with one decimal"
    page.load_api({"1": {"class_type": "StyleAtelierLoadStylizer", "inputs": {"stylizer": first}}})
    page.wait_for_panel("builtIn")
    page.choose_next_by_mouse(first, following, RENDERERS[renderer])
    page.wait_for_text(f"{size / 1e6:.1f} MB")


def test_a_refused_download_is_explained(page: Page) -> None:
    """The host of these tests runs with the offline switch on."""
    page.load_api(loader(next(REFUSED)))
    page.wait_for_panel("missing")
    page.click_panel()
    page.wait_for_text("downloads are off")
    assert "Try again" in page.panels()[0]["text"]


def test_a_late_answer_does_not_undo_what_came_of_it(page: Page) -> None:
    """The request's own answer, "downloading", arrives after the websocket has told of the end."""

    def hold_back(route: Any) -> None:
        answer = route.fetch()
        page.wait_for_text("downloads are off")
        route.fulfill(response=answer)

    page.page.route("**/download", hold_back)
    page.load_api(loader(next(REFUSED)))
    page.wait_for_panel("missing")
    assert "downloads are off" not in page.panels()[0]["text"]
    with page.page.expect_response("**/download"):
        page.click_panel()
    page.wait_for_text("downloads are off")
    page.page.wait_for_timeout(500)
    assert "Try again" in page.panels()[0]["text"]


def test_panel_speaks_chinese(comfy: Comfy, browser: Any, renderer: str) -> None:
    page = Page(comfy, browser, {"Comfy.VueNodes.Enabled": RENDERERS[renderer], "Comfy.Locale": "zh"})
    page.load_api(loader("Pocket (built-in)"))
    page.wait_for_text("内置")
    page.close()


def test_panel_is_not_saved(page: Page) -> None:
    page.load_api(loader("Pocket (built-in)"))
    assert page.prompt()["1"]["inputs"] == {"encoder": "Pocket (built-in)", "pooling": "average"}
    saved = page.serialized()
    assert saved["nodes"][0]["widgets_values"] == ["Pocket (built-in)", "average"]
    page.load(saved, "again")
    assert page.prompt()["1"]["inputs"] == {"encoder": "Pocket (built-in)", "pooling": "average"}


def test_other_nodes_are_left_alone(page: Page) -> None:
    other = {"class_type": "VAELoader", "inputs": {"vae_name": "pixel_space"}}
    page.load_api({"1": other, "2": loader("Pocket (built-in)")["1"]})
    page.wait_for_panel("builtIn")
    assert len(page.panels()) == 1


@pytest.mark.parametrize("name", workflows.NAMES)
def test_workflow_opens_and_converts_as_elsewhere(
    gallery: Page, renderer: str, name: str, headless_prompts: dict[str, Any], screenshots: Path
) -> None:
    workflow = workflows.read(name)
    gallery.load(workflow, name)
    gallery.fit()
    gallery.shot(screenshots / f"{name}_{renderer}.png")
    assert gallery.node_count() == len(workflow["nodes"])
    assert not gallery.missing_nodes()
    sent = without_players(gallery.prompt_inputs())
    assert sent == inputs(workflows.api_prompt(workflow))
    assert sent == inputs(headless_prompts[name])
