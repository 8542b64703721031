"""The latent explorer in ComfyUI's page, in both renderers: what it sets, what it shows, and how often it asks the server."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from copy import deepcopy
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from style_atelier.tests.browser.page import WAIT, Page
from style_atelier.tests.host import golden_weights
from style_atelier.tests.host.comfy import Comfy

pytestmark = [pytest.mark.host, pytest.mark.browser]
RENDERERS = {"classic": False, "nodes2": True}
NAME = "stylegan2-ada-metfaces"
ABSENT = "stylegan2-ada-brecahad"
SAMPLE = {
    "seeds": "85",
    "class_label": -1,
    "truncation_psi": 0.7,
    "truncation_cutoff": -1,
    "x_seed": 1,
    "x": 0.0,
    "y_seed": 2,
    "y": 0.0,
    "mix_layers": "none",
    "mix_seed": 0,
}
EDIT = {"direction": 0, "amount": 0.0, "second_direction": 1, "second_amount": 0.0, "layers": "all", "steps": 1}
PROMPT: dict[str, Any] = {
    "1": {"class_type": "StyleAtelierLoadGenerator", "inputs": {"generator": NAME, "torch_compile": False}},
    "2": {"class_type": "StyleAtelierSampleW", "inputs": {"generator": ["1", 0], **SAMPLE}},
}
EDITING = PROMPT | {
    "3": {
        "class_type": "StyleAtelierDirections",
        "inputs": {"generator": ["1", 0], "method": "SeFa", "layers": "all", "count": 16, "samples": 1000, "seed": 0},
    },
    "4": {"class_type": "StyleAtelierEditW", "inputs": {"w": ["2", 0], "directions": ["3", 0], **EDIT}},
}
PICTURE = {
    "1": {"class_type": "EmptyImage", "inputs": {"width": 16, "height": 16, "batch_size": 1, "color": 0}},
    "2": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}},
}
REFUSED = tuple(f"Failed to load resource: the server responded with a status of {status} " for status in (400, 409, 423))
MOST_PER_SECOND = 11
LONGEST_FRAME = 1000  # ms; some tens where nothing else runs
PANEL = ".style-atelier-explorer-panel"
PAD = ".style-atelier-explorer-pad"
CELLS = ".style-atelier-explorer-grid button"
# Notes every wish that the page sends; `window.lag` makes the server slow, `window.busy` makes it run a workflow.
WATCH = """() => {
  const { fetch } = window;
  Object.assign(window, { wishes: [], lag: 0, busy: false });
  window.fetch = async (address, options) => {
    if (!String(address).includes("/style_atelier/explore")) return fetch(address, options);
    const wish = { start: performance.now(), ...JSON.parse(options.body) };
    window.wishes.push(wish);
    try {
      if (window.lag) await new Promise((done, fail) => {
        setTimeout(done, window.lag);
        options.signal.addEventListener("abort", () => fail(options.signal.reason));
      });
      const answer = window.busy ? new Response("{}", { status: 423 }) : await fetch(address, options);
      if (answer.ok) wish.picture = [...new Uint8Array(await answer.clone().arrayBuffer())].join();
      wish.status = answer.status;
      return answer;
    } finally {
      wish.end = performance.now();
    }
  };
}"""
HEARTBEAT = """() => {
  let before = performance.now();
  window.longest = 0;
  const beat = (now) => {
    window.longest = Math.max(window.longest, now - before);
    before = now;
    requestAnimationFrame(beat);
  };
  requestAnimationFrame(beat);
}"""
SPREAD = """() => {
  let x = 100;
  for (const node of window.app.graph._nodes) {
    node.pos = [x, 100];
    x += node.size[0] + 60;
  }
}"""
SET = """([kind, name, value]) => {
  const node = window.app.graph._nodes.find((n) => n.type === kind);
  const widget = node.widgets.find((w) => w.name === name);
  widget.value = value;
  widget.callback?.(value);
}"""
# Whether the pad shows the picture of these bytes. The page's rules forbid to fetch what a blob's address names.
SHOWS = """async ([selector, bytes]) => {
  const pixels = (image) => {
    const { naturalWidth: width, naturalHeight: height } = image;
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    canvas.getContext("2d").drawImage(image, 0, 0);
    return canvas.toDataURL();
  };
  const wanted = new Image();
  wanted.src = "data:image/jpeg;base64," + btoa(String.fromCharCode(...bytes.split(",")));
  await wanted.decode();
  return pixels(document.querySelector(selector + " img")) === pixels(wanted);
}"""
OVERFLOWS = """(panel) => [...document.querySelectorAll(panel)].some(
  (e) => e.scrollHeight > e.clientHeight || e.scrollWidth > e.clientWidth)"""
PAINTED = """([selector, count]) =>
  [...document.querySelectorAll(selector + " img")].filter((i) => i.naturalWidth > 0).length === count"""


class Opened(Page):
    """The page with what these tests do in it."""

    def open(self, prompt: dict[str, Any]) -> None:
        self.load_api(prompt)
        self.page.evaluate(SPREAD)
        self.fit()

    def pad(self, number: int = 0) -> Any:
        return self.page.locator(PAD).nth(number)

    def drag(self, ways: list[tuple[float, float]], number: int = 0, release: bool = True, pause: float = 0) -> None:
        """Press at the first point of the pad, in parts of it from its left and bottom, and move to the others."""
        box = self.pad(number).bounding_box()
        for index, (right, up) in enumerate(ways):
            self.page.mouse.move(box["x"] + right * box["width"], box["y"] + (1 - up) * box["height"])
            if index == 0:
                self.page.mouse.down()
            if pause:
                time.sleep(pause)
        if release:
            self.page.mouse.up()

    def inputs(self, node: str = "2") -> dict[str, Any]:
        return self.prompt_inputs()[node]

    def wishes(self) -> list[dict[str, Any]]:
        return self.page.evaluate("() => window.wishes")

    def sent(self, name: str, node: str = "2") -> Any:
        """What the last wish asked for."""
        return self.wishes()[-1]["prompt"][node]["inputs"][name]

    def wait_for_calm(self) -> None:
        """Until no wish is under way, and none came for a while."""
        script = """() => window.wishes.every((w) => w.end) && performance.now() - (window.wishes.at(-1)?.end ?? 0) > 400"""
        self.page.wait_for_function(script, timeout=WAIT)

    def wait_for_painting(self, selector: str = PAD) -> None:
        self.page.wait_for_function("(s) => document.querySelector(s + ' img')?.naturalWidth > 0", arg=selector, timeout=WAIT)

    def choose_in(self, kind: str, name: str, value: Any) -> None:
        """Turn a widget of a node, as the renderers do it."""
        self.page.evaluate(SET, [kind, name, value])

    def slider(self, name: str) -> Any:
        return self.page.locator(f"{PANEL} [data-widget={name}]")

    def saved_widgets(self, kind: str) -> list[Any]:
        return next(node["widgets_values"] for node in self.serialized()["nodes"] if node["type"] == kind)

    def grid(self) -> None:
        self.page.get_by_role("button", name="Mixing grid").click(timeout=WAIT)

    def wait_for_grid(self, cells: int) -> None:
        self.page.wait_for_function(PAINTED, arg=[CELLS, cells], timeout=60_000)


def of_sample(prompt: dict[str, Any] = PROMPT, **values: Any) -> dict[str, Any]:
    changed = deepcopy(prompt)
    changed["2"]["inputs"] |= values
    return changed


@pytest.fixture(scope="module", params=RENDERERS)
def renderer(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module", autouse=True)
def generator(comfy: Comfy) -> None:
    assert golden_weights.place(NAME, comfy.base / "models" / "style_atelier")


@pytest.fixture
def page(comfy: Comfy, browser: Any, renderer: str) -> Iterator[Opened]:
    opened = Opened(comfy, browser, {"Comfy.VueNodes.Enabled": RENDERERS[renderer]})
    opened.page.evaluate(WATCH)
    yield opened
    errors = opened.our_errors()
    opened.close()
    assert not [error for error in errors if not error.startswith(REFUSED)]


def test_pad_sets_the_widgets_and_shows_a_picture(page: Opened, renderer: str, screenshots: Path) -> None:
    page.open(PROMPT)
    page.drag([(0.2, 0.3), (0.4, 0.5), (0.75, 0.25)])
    page.wait_for_painting()
    page.wait_for_calm()
    sent = page.inputs()
    assert sent["x"] == pytest.approx(0.75, abs=0.011)
    assert sent["y"] == pytest.approx(0.25, abs=0.011)
    assert sent | {"x": 0.0, "y": 0.0} == {"generator": ["1", 0], **SAMPLE}
    names = list(SAMPLE)
    saved = page.saved_widgets("StyleAtelierSampleW")
    assert [saved[names.index(name)] for name in "xy"] == [sent["x"], sent["y"]]
    assert [page.sent(name) for name in "xy"] == [sent["x"], sent["y"]]
    assert not page.page.evaluate(OVERFLOWS, PANEL)
    page.shot(screenshots / f"explorer_{renderer}.png")


def test_a_drag_can_be_undone_in_one_step(page: Opened) -> None:
    page.open(PROMPT)
    page.drag([(0.2, 0.3), (0.5, 0.6)])
    page.page.wait_for_timeout(800)  # the host gathers changes that follow one another at once
    page.drag([(0.5, 0.6), (0.9, 0.1)])
    page.wait_for_painting()
    assert page.inputs()["x"] == pytest.approx(0.9, abs=0.011)
    page.page.keyboard.press("Control+z")
    page.page.wait_for_timeout(800)
    assert page.inputs()["x"] == pytest.approx(0.5, abs=0.011)
    page.wait_for_painting()
    page.wait_for_calm()
    assert page.sent("x") == page.inputs()["x"]
    page.page.evaluate("() => window.app.extensionManager.workflow.activeWorkflow.changeTracker.undo()")
    page.page.wait_for_timeout(800)
    assert (page.inputs()["x"], page.inputs()["y"]) == (0, 0)


def test_keys_and_double_click(page: Opened) -> None:
    page.open(PROMPT)
    page.pad().focus()
    for key in ("ArrowRight", "Shift+ArrowRight", "ArrowUp", "ArrowLeft"):
        page.page.keyboard.press(key)
    assert (page.inputs()["x"], page.inputs()["y"]) == (0.1, 0.02)
    assert page.pad().get_attribute("aria-valuetext") == "seed 1: 0.1; seed 2: 0.02"
    page.page.keyboard.press("Home")
    assert (page.inputs()["x"], page.inputs()["y"]) == (0, 0)
    page.drag([(0.5, 0.5)])
    page.pad().dblclick()
    assert (page.inputs()["x"], page.inputs()["y"]) == (0, 0)
    assert page.node_count() == 2


def test_sliders_and_widgets_follow_each_other(page: Opened) -> None:
    page.open(PROMPT)
    page.slider("truncation_psi").fill("1.2")
    page.slider("truncation_cutoff").fill("3")
    page.wait_for_painting()
    page.wait_for_calm()
    assert page.inputs()["truncation_psi"] == page.sent("truncation_psi") == 1.2
    assert page.inputs()["truncation_cutoff"] == page.sent("truncation_cutoff") == 3
    page.choose_in("StyleAtelierSampleW", "truncation_psi", -0.25)
    page.choose_in("StyleAtelierSampleW", "x_seed", 77)
    assert page.slider("truncation_psi").input_value() == "-0.25"
    assert "seed 77" in page.pad().inner_text()
    page.wait_for_calm()
    assert (page.sent("truncation_psi"), page.sent("x_seed")) == (-0.25, 77)


def test_edit_w(page: Opened, renderer: str, screenshots: Path) -> None:
    page.open(EDITING)
    page.drag([(0.5, 0.5), (0.9, 0.3)], number=1)
    page.wait_for_painting(f"{PAD}[aria-valuemin='-5']")
    page.wait_for_calm()
    sent = page.inputs("4")
    assert sent["amount"] == pytest.approx(4, abs=0.11)
    assert sent["second_amount"] == pytest.approx(-2, abs=0.11)
    assert page.sent("amount", "4") == sent["amount"]
    page.slider("direction").fill("5")
    page.slider("second_direction").fill("6")
    page.slider("layers").select_option("coarse")
    sent = page.inputs("4")
    assert [sent[name] for name in ("direction", "second_direction", "layers")] == [5, 6, "coarse"]
    assert "direction 5" in page.pad(1).inner_text()
    page.choose_in("StyleAtelierEditW", "layers", "0-3, 5")
    assert page.slider("layers").input_value() == "0-3, 5"
    page.pad(1).dblclick()
    assert (page.inputs("4")["amount"], page.inputs("4")["second_amount"]) == (0, 0)
    page.wait_for_calm()
    assert page.page.locator(f"{PANEL} [role=alert]").all_inner_texts() == ["", ""]
    page.shot(screenshots / f"explorer_edit_{renderer}.png")


def test_grid_fills_and_a_click_takes_a_cell(page: Opened, renderer: str, screenshots: Path) -> None:
    page.open(of_sample(x=0.5, y=0.25))
    height = page.page.evaluate("() => window.app.graph._nodes[1].size[1]")
    page.grid()
    page.wait_for_grid(16)
    page.fit()
    page.shot(screenshots / f"explorer_grid_{renderer}.png")
    assert not page.page.evaluate(OVERFLOWS, PANEL)
    page.page.locator(f"{PANEL} input[type=text]").nth(0).fill("3, 10-11")
    page.page.locator(f"{PANEL} input[type=text]").nth(1).fill("20-40")
    page.page.get_by_label("Column gives").select_option("middle, fine")
    page.wait_for_grid(18)
    page.fit()
    asked = page.wishes()
    assert all(wish["prompt"]["2"]["inputs"]["x"] == 0 for wish in asked)
    page.page.get_by_role("button", name="row seed 10, column seed 25").click()
    page.wait_for_painting()
    page.wait_for_calm()
    taken = {"seeds": "10", "mix_seed": 25, "mix_layers": "middle, fine", "x": 0, "y": 0}
    assert {name: page.inputs()[name] for name in taken} == taken
    assert {name: page.sent(name) for name in taken} == taken
    assert not overlaps(asked)
    assert not page.page.evaluate(OVERFLOWS, PANEL)
    page.grid()
    page.page.wait_for_timeout(500)
    assert page.page.evaluate("() => window.app.graph._nodes[1].size[1]") == pytest.approx(height, abs=16)


def test_a_new_grid_gives_up_the_old_one(page: Opened) -> None:
    page.open(PROMPT)
    page.page.evaluate("() => { window.lag = 200; }")
    page.grid()
    page.page.wait_for_timeout(700)
    page.page.locator(f"{PANEL} input[type=text]").nth(0).fill("50")
    page.page.keyboard.press("Enter")
    page.wait_for_grid(4)
    page.wait_for_calm()
    asked = page.wishes()
    assert len(asked) < 12
    assert [wish["prompt"]["2"]["inputs"]["seeds"] for wish in asked[-4:]] == ["50"] * 4
    assert not overlaps(asked)


def test_seeds_that_are_none_are_explained(page: Opened) -> None:
    page.open(PROMPT)
    page.grid()
    page.wait_for_grid(16)
    page.page.locator(f"{PANEL} input[type=text]").nth(0).fill("five")
    page.page.keyboard.press("Enter")
    page.page.get_by_role("alert").get_by_text("whole numbers").wait_for(timeout=WAIT)
    assert page.page.locator(CELLS).count() == 0


def overlaps(wishes: list[dict[str, Any]]) -> bool:
    """Whether a wish was sent before the one before it had ended."""
    return any(after["start"] < before["end"] for before, after in pairwise(wishes))


def most_in_a_second(wishes: list[dict[str, Any]]) -> int:
    starts = [wish["start"] for wish in wishes]
    return max(sum(start <= other < start + 1000 for other in starts) for start in starts)


@pytest.mark.parametrize("lag", [0, 350])
def test_many_quick_moves(page: Opened, lag: int) -> None:
    page.open(EDITING)
    page.drag([(0.5, 0.5)])
    page.wait_for_painting()
    page.wait_for_calm()
    page.page.evaluate("(lag) => { window.wishes.length = 0; window.lag = lag; }", lag)
    page.page.evaluate(HEARTBEAT)
    page.drag([(0.1 + 0.02 * step, 0.9 - 0.02 * step) for step in range(40)], pause=0.045)
    longest = page.page.evaluate("() => window.longest")
    page.wait_for_calm()
    asked = page.wishes()
    print(f"lag {lag}: {len(asked)} requests, {most_in_a_second(asked)} in a second, longest frame {longest:.0f} ms")
    assert len(asked) >= 3
    assert most_in_a_second(asked) <= MOST_PER_SECOND
    assert not overlaps(asked)
    assert sum("picture" in wish for wish in asked) >= 3, "nothing was to be seen on the way"
    assert [page.sent(name) for name in "xy"] == [page.inputs()[name] for name in "xy"]
    assert page.page.evaluate(SHOWS, [PAD, asked[-1]["picture"]])
    assert longest < LONGEST_FRAME


def test_a_slow_picture_of_an_older_point_is_not_waited_for(page: Opened) -> None:
    page.open(PROMPT)
    page.page.evaluate("() => { window.lag = 5000; }")
    page.drag([(0.1, 0.1), (0.5, 0.5)], release=False)
    page.page.wait_for_timeout(300)
    page.page.evaluate("() => { window.lag = 0; }")
    page.drag([(0.8, 0.8)])
    page.wait_for_painting()
    page.wait_for_calm()
    first, last = page.wishes()
    assert first["end"] - first["start"] < 3000
    assert "status" not in first
    assert last["prompt"]["2"]["inputs"]["x"] == page.inputs()["x"]


def test_the_preview_goes_on_when_a_run_has_ended(page: Opened, comfy: Comfy) -> None:
    page.open(PROMPT)
    page.page.evaluate("() => { window.busy = true; }")
    page.page.get_by_role("button", name="Preview", exact=True).click()
    page.page.get_by_text("Waiting for the run").wait_for(timeout=WAIT)
    page.page.evaluate("() => { window.busy = false; }")
    assert comfy.run(PICTURE).ending == "execution_success"
    page.wait_for_painting()
    page.wait_for_calm()
    assert page.page.locator(f"{PANEL} [role=status]").inner_text() == ""


def test_the_explorer_is_not_saved(page: Opened) -> None:
    page.open(EDITING)
    page.drag([(0.3, 0.3)])
    page.grid()
    page.wait_for_grid(16)
    page.pad().dblclick()
    assert page.saved_widgets("StyleAtelierSampleW") == list(SAMPLE.values())
    assert page.saved_widgets("StyleAtelierEditW") == list(EDIT.values())
    assert set(page.inputs()) == {"generator", *SAMPLE}
    assert set(page.inputs("4")) == {"w", "directions", *EDIT}
    saved = page.serialized()
    assert "blob:" not in json.dumps(saved)
    page.load(saved, "again")
    assert page.inputs() == {"generator": ["1", 0], **SAMPLE}


def test_opening_a_workflow_computes_nothing(page: Opened) -> None:
    page.open(of_sample(EDITING, x=0.4))
    page.drag([(0.3, 0.3)])
    page.wait_for_painting()
    page.wait_for_calm()
    before = len(page.wishes())
    page.load(page.serialized(), "again")
    page.load_api(PROMPT)
    page.choose_in("StyleAtelierSampleW", "seeds", "9")
    page.page.wait_for_timeout(1500)
    assert len(page.wishes()) == before


def test_a_missing_generator_is_explained(page: Opened, comfy: Comfy, renderer: str, screenshots: Path) -> None:
    prompt = deepcopy(PROMPT)
    prompt["1"]["inputs"]["generator"] = ABSENT
    page.open(prompt)
    page.page.get_by_role("button", name="Preview", exact=True).click()
    page.page.locator(PANEL, has_text="not downloaded yet").wait_for(timeout=WAIT)
    assert not page.page.evaluate(OVERFLOWS, PANEL)
    page.shot(screenshots / f"explorer_missing_{renderer}.png")
    page.choose("stylegan2-ada-metfaces")
    page.page.get_by_role("button", name="Preview", exact=True).click()
    page.wait_for_painting()
    assert page.page.locator(f"{PANEL} [role=alert]").inner_text() == ""


def test_an_axis_that_is_wired_is_left_alone(page: Opened) -> None:
    prompt = of_sample(x=["9", 0]) | {"9": {"class_type": "PrimitiveFloat", "inputs": {"value": 0.3}}}
    page.open(prompt)
    page.drag([(0.6, 0.7)])
    assert page.inputs()["x"] == ["9", 0]
    assert page.inputs()["y"] == pytest.approx(0.7, abs=0.011)
    assert "x is wired" in page.pad().inner_text()
    page.page.locator(PANEL, has_text="what comes out of PrimitiveFloat").wait_for(timeout=WAIT)


def test_a_muted_node_says_so(page: Opened) -> None:
    page.open(PROMPT)
    page.page.evaluate("() => { window.app.graph._nodes.find((n) => n.type === 'StyleAtelierSampleW').mode = 2; }")
    page.page.get_by_role("button", name="Preview", exact=True).click()
    page.page.locator(PANEL, has_text="muted or bypassed").wait_for(timeout=WAIT)
    assert not page.wishes()


def test_other_parts_of_the_graph_are_not_sent(page: Opened) -> None:
    page.open(PROMPT | {"7": {"class_type": "EmptyImage", "inputs": PICTURE["1"]["inputs"]}})
    page.drag([(0.6, 0.7)])
    page.wait_for_painting()
    assert set(page.wishes()[-1]["prompt"]) == {"1", "2"}


def test_in_chinese(comfy: Comfy, browser: Any, renderer: str, screenshots: Path) -> None:
    page = Opened(comfy, browser, {"Comfy.VueNodes.Enabled": RENDERERS[renderer], "Comfy.Locale": "zh"})
    try:
        page.page.evaluate(WATCH)
        page.open(PROMPT)
        page.page.get_by_role("button", name="混合网格").click()
        page.wait_for_grid(16)
        assert "截断" in page.page.locator(PANEL).inner_text()
        page.shot(screenshots / f"explorer_chinese_{renderer}.png")
    finally:
        comfy.request("/api/settings/Comfy.Locale", "en")
        page.close()
