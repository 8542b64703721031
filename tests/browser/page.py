"""ComfyUI's page in a headless Chromium, with the few handles that the tests need."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from style_atelier.tests.host.comfy import Comfy

FIRST_VISIT_SETTINGS = {"Comfy.TutorialCompleted": True, "Comfy.Locale": "en"}
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync")
OURS = "/extensions/style-atelier/"
PANEL = ".style-atelier-weights"
WAIT = 20_000
CHOOSE = "(value) => { const [combo] = window.app.graph._nodes[0].widgets; combo.value = value; combo.callback?.(value); }"
UP = "() => window.app?.extensionManager?.workflow?.activeWorkflow && window.app?.graph"
NEXT_ARROW = """() => {
  const { graph, canvas } = window.app;
  const [node] = graph._nodes;
  const { ds, canvas: element } = canvas;
  const { left, top } = element.getBoundingClientRect();
  const x = node.pos[0] + node.size[0] - 24, y = node.pos[1] + node.widgets[0].last_y + 10;
  return [left + (x + ds.offset[0]) * ds.scale, top + (y + ds.offset[1]) * ds.scale];
}"""
PICTURE_ON_CANVAS = """(kind) => {
  const { imgs } = window.app.graph._nodes.find((n) => n.type === kind);
  return imgs?.some((i) => i.complete && i.naturalWidth > 0);
}"""
PICTURE_IN_DOM = """(kind) => {
  const { id } = window.app.graph._nodes.find((n) => n.type === kind);
  const pictures = document.querySelectorAll(`[data-node-id="${id}"] img`);
  return [...pictures].some((i) => i.complete && i.naturalWidth > 0 && i.src.includes("/view?"));
}"""

RUN = """async () => {
  const { api } = window.comfyAPI.api;
  const ended = new Promise((done) => {
    for (const kind of ["execution_success", "execution_error", "execution_interrupted"])
      api.addEventListener(kind, (event) => done([kind, event.detail]), { once: true });
  });
  const queued = await window.app.queuePrompt(0, 1);
  if (!queued || Object.keys(window.app.lastNodeErrors ?? {}).length) return ["refused", window.app.lastNodeErrors];
  return ended;
}"""


class Page:
    """One tab, opened with the given settings of the host and waiting until the app is up."""

    def __init__(self, comfy: Comfy, browser: Any, settings: dict[str, Any] | None = None) -> None:
        self.comfy = comfy
        for name, value in (FIRST_VISIT_SETTINGS | (settings or {})).items():
            comfy.request(f"/api/settings/{name}", value)
        self.errors: list[str] = []
        self.page = browser.new_page(viewport={"width": 1600, "height": 900})
        self.page.on("pageerror", lambda error: self.errors.append(f"{error}\n{error.stack or ''}"))
        self.page.on("console", self._console)
        self.page.goto(comfy.url)
        self.page.wait_for_function(UP, timeout=60_000)

    def _console(self, message: Any) -> None:
        if message.type == "error":
            self.errors.append(f"{message.text} at {message.location.get('url', '')}")

    def our_errors(self) -> list[str]:
        """Errors of the console that our files raised or are named in."""
        return [error for error in self.errors if OURS in error or "style_atelier" in error.lower()]

    def load(self, workflow: dict[str, Any], name: str) -> None:
        """Open a workflow in the editor's format, as a person who drops its file on the page."""
        self.page.evaluate("([json, name]) => window.app.loadGraphData(json, true, true, name)", [workflow, name])
        self.page.wait_for_timeout(500)

    def load_api(self, prompt: dict[str, Any]) -> None:
        """Open a prompt in the API's format."""
        self.page.evaluate("(json) => window.app.loadApiJson(json, 'test')", prompt)
        self.page.wait_for_timeout(500)

    def missing_nodes(self) -> list[str]:
        """Types in the open graph that the host does not know."""
        return self.page.evaluate(
            """() => window.app.graph._nodes
                 .filter((n) => n.has_errors || (!n.constructor.nodeData && !n.isVirtualNode)).map((n) => n.type)"""
        )

    def prompt(self) -> dict[str, Any]:
        """The open graph in the API's format, as the page itself converts it."""
        return self.page.evaluate("async () => (await window.app.graphToPrompt()).output")

    def prompt_inputs(self) -> dict[str, Any]:
        """The inputs of every node of the open graph, as the page sends them."""
        return {key: node["inputs"] for key, node in self.prompt().items()}

    def run(self, timeout: float = 300) -> tuple[str, Any]:
        """Queue the open graph; how it ended and the message's data."""
        self.page.set_default_timeout(timeout * 1000)
        kind, data = self.page.evaluate(RUN)
        return kind, data

    def panels(self) -> list[dict[str, str]]:
        """What each visible weights panel says."""
        return self.page.evaluate(
            """(panel) => [...document.querySelectorAll(panel)].map((e) => ({
                 state: e.dataset.state, shown: e.getClientRects().length > 0, text: e.innerText.replaceAll("\\n", " | ")}))""",
            PANEL,
        )

    def wait_for_panel(self, state: str) -> None:
        """Until some panel is in this state."""
        self.page.wait_for_selector(f'{PANEL}[data-state="{state}"]', timeout=WAIT)

    def wait_for_text(self, words: str) -> None:
        """Until some panel says these words."""
        self.page.locator(PANEL, has_text=words).first.wait_for(timeout=WAIT)

    def click_panel(self) -> None:
        """Press the panel's button with the mouse."""
        self.page.locator(f"{PANEL} button").first.click(timeout=WAIT)

    def choose(self, value: str) -> None:
        """Choose in the first node's combo, as the renderers do it."""
        self.page.evaluate(CHOOSE, value)

    def choose_next_by_mouse(self, now: str, following: str, in_dom: bool) -> None:
        """Choose what follows in the first node's combo: in its list in Nodes 2.0, with its arrow on the canvas."""
        if in_dom:
            self.page.get_by_text(now).first.click(timeout=WAIT)
            self.page.get_by_text(following, exact=True).last.click(timeout=WAIT)
        else:
            self.page.mouse.click(*self.page.evaluate(NEXT_ARROW))

    def serialized(self) -> dict[str, Any]:
        """The open graph in the editor's format, as the page saves it."""
        return self.page.evaluate("() => JSON.parse(JSON.stringify(window.app.graph.serialize()))")

    def node_count(self) -> int:
        return self.page.evaluate("() => window.app.graph._nodes.length")

    def fit(self) -> None:
        """Bring the whole graph into view."""
        self.page.evaluate("() => window.app.extensionManager.command.execute('Comfy.Canvas.FitView')")
        self.page.wait_for_timeout(1200)

    def wait_for_picture(self, kind: str, in_dom: bool) -> None:
        """Until the node of this type shows its picture: drawn on the canvas, or an <img> of the node's own in Nodes 2.0."""
        self.page.wait_for_function(PICTURE_IN_DOM if in_dom else PICTURE_ON_CANVAS, arg=kind, timeout=WAIT)

    def shot(self, path: str | Path) -> None:
        """A screenshot of the page."""
        self.page.screenshot(path=str(path))

    def close(self) -> None:
        self.page.close()
