"""The training panel in ComfyUI's page, in both renderers: curves, samples through time, stop, and a page that is loaded anew."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from style_atelier.models.training.scenes import scene
from style_atelier.tests.browser.page import WAIT, Page
from style_atelier.tests.host.comfy import Comfy

pytestmark = [pytest.mark.host, pytest.mark.browser]
RENDERERS = {"classic": False, "nodes2": True}
PANEL = ".style-atelier-training-panel"
JOHNSON = {
    "family": "Fast network of one style (Johnson)",
    "family.width": "small",
    "family.content_weight": 1.0,
    "family.style_weight": 1.0,
}
CUTS = {"folder": "none", "every": 12, "smallest_cut": 0.5, "largest_cut": 1.0, "flip": True, "color": 0.0, "memory": 512}
PLAN = {
    "preset": "quick",
    "if_there": "begin anew",
    "minutes": 0.0,
    "size": 32,
    "batch": 2,
    "rate": 0.0,
    "style_size": 64,
    "random_seed": 5,
}
PAINTED = (
    "() => { const c = document.querySelector('.style-atelier-training-chart'); return c.width > 1 && "
    "c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some((v, i) => i % 4 === 3 && v > 0); }"
)
SHOWN = "() => { const i = document.querySelector('.style-atelier-training-picture'); return i.complete && i.naturalWidth > 0; }"


def training(name: str, steps: int) -> dict[str, Any]:
    """A painting is learned, in the API's format."""
    return {
        "1": {"class_type": "LoadImage", "inputs": {"image": "training_painting.png"}},
        "2": {"class_type": "StyleAtelierPictureSet", "inputs": {**CUTS, "images": ["1", 0]}},
        "3": {
            "class_type": "StyleAtelierTrainStylizer",
            "inputs": {"styles": ["2", 0], "contents": ["2", 0], "name": name, "steps": steps, **JOHNSON, **PLAN},
        },
        "4": {"class_type": "PreviewImage", "inputs": {"images": ["3", 1]}},
    }


class Opened(Page):
    """A page with the graph above."""

    def state(self, *states: str, timeout: int = 400_000) -> None:
        """Until the panel is in one of these states."""
        self.page.wait_for_selector(", ".join(f'{PANEL}[data-state="{state}"]' for state in states), timeout=timeout)

    def words(self) -> str:
        return self.page.locator(f"{PANEL} .style-atelier-training-line").inner_text()

    def queue(self) -> None:
        self.page.evaluate("() => window.app.queuePrompt(0, 1)")


@pytest.fixture(scope="module", params=RENDERERS)
def renderer(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def page(comfy: Comfy, browser: Any, renderer: str) -> Iterator[Opened]:
    place = comfy.base / "input" / "training_painting.png"
    place.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(scene(3, 96)).save(place)
    opened = Opened(comfy, browser, {"Comfy.VueNodes.Enabled": RENDERERS[renderer]})
    yield opened
    errors = opened.our_errors()
    opened.close()
    assert not errors


def test_a_run_is_seen_switched_scrubbed_and_seen_again(page: Opened, renderer: str, screenshots: Path) -> None:
    page.load_api(training(f"seen {renderer}", 40))
    page.fit()
    page.queue()
    page.state("running", "done")
    page.state("done")
    assert "step 40 of 40" in page.words()
    page.page.wait_for_function(PAINTED, timeout=WAIT)
    page.page.wait_for_function(SHOWN, timeout=WAIT)
    legend = page.page.locator(f"{PANEL} .style-atelier-training-switch")
    assert legend.count() >= 3
    legend.nth(1).click(timeout=WAIT)
    assert legend.nth(1).get_attribute("aria-pressed") == "false"
    slider = page.page.locator(f"{PANEL} input[type=range]")
    slider.evaluate("(e) => { e.value = 0; e.dispatchEvent(new Event('input')); }")
    assert "/sample/0" in (page.page.locator(f"{PANEL} img").get_attribute("src") or "")
    page.page.wait_for_function(SHOWN, timeout=WAIT)
    page.shot(screenshots / f"training_{renderer}.png")
    page.page.reload()
    page.page.wait_for_function("() => window.app?.graph", timeout=60_000)
    page.load_api(training(f"seen {renderer}", 40))
    page.state("done", timeout=WAIT)
    assert "step 40 of 40" in page.words()
    page.page.wait_for_function(PAINTED, timeout=WAIT)


def test_stop_keeps_what_was_learned_and_the_next_run_goes_on(page: Opened, renderer: str) -> None:
    name = f"stopped {renderer}"
    graph = training(name, 4000)
    graph["3"]["inputs"]["if_there"] = "go on"
    page.load_api(graph)
    page.fit()
    page.queue()
    page.state("running")
    page.page.wait_for_function(
        "() => /step [1-9]/.test(document.querySelector('.style-atelier-training-line').textContent)", timeout=60_000
    )
    page.page.locator(f"{PANEL} .style-atelier-training-stop").click(timeout=WAIT)
    page.state("stopped")
    assert "of 4000" in page.words()
    page.wait_for_picture("PreviewImage", RENDERERS[renderer])
    page.queue()
    page.state("running")
    page.page.wait_for_function(
        "() => /went on from step/.test(document.querySelector('.style-atelier-training-notes').textContent)", timeout=60_000
    )
    page.page.locator(f"{PANEL} .style-atelier-training-stop").click(timeout=WAIT)
    page.state("stopped")
