"""Where nodes stand on ComfyUI's page, before a run and as a run leaves them: with pictures, previews and status texts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from style_atelier.tests.browser.page import Page

PICTURE = "style_atelier_painting.jpg"  # square: the tallest that examples show
STATUS = "a line of what is done\nand of what it took: 384 x 256, 12.3 s\nPocket (built-in), the whole picture at once"
CLIP = "style_atelier_clip.mp4"
SHOWN = {"nodes": [{"type": "LoadImage", "widgets_values": [name]} for name in (PICTURE, CLIP)]}
SAVERS = ("SaveImage", "PreviewImage")
TEXTS = ("PreviewAny",)
PAINTED = ("IMAGE", "VIDEO", "AUDIO")  # what a node makes that shows a picture of it on the way
SHOW_A_RUN = """async ([picture, clip, status, savers, texts, painted]) => {
  const { api } = window.comfyAPI.api;
  const blob = await (await fetch(`/view?filename=${picture}&type=input`)).blob();
  for (const node of window.app.graph._nodes) {
    const id = String(node.id);
    const executed = (output) => api.dispatchCustomEvent("executed", { node: id, display_node: id, prompt_id: "none", output });
    if (savers.includes(node.type)) executed({ images: [{ filename: picture, subfolder: "", type: "input" }] });
    if (node.type === "SaveVideo") executed({ images: [{ filename: clip, subfolder: "", type: "input" }], animated: [true] });
    if (texts.includes(node.type)) executed({ text: [status] });
    if (!node.type.startsWith("StyleAtelier")) continue;
    api.dispatchCustomEvent("progress_text", { nodeId: id, text: status, prompt_id: "none" });
    if (node.outputs.some((o) => painted.includes(o.type)) && !node.type.includes("Load"))
      api.dispatchCustomEvent("b_preview_with_metadata",
        { blob, nodeId: id, displayNodeId: id, parentNodeId: id, realNodeId: id, jobId: "none", promptId: "none" });
  }
}"""
BOXES = """(inDom) => {
  const { graph, canvas } = window.app;
  const { ds } = canvas;
  const origin = canvas.canvas.getBoundingClientRect();
  return graph._nodes.map((node) => {
    const [x, y, width, height] = [node.pos[0], node.pos[1] - 30, node.size[0], node.size[1] + 30];
    const element = inDom && document.querySelector(`[data-node-id="${node.id}"]`);
    if (!element) return { id: node.id, type: node.type, x, y, width, height };
    const seen = element.getBoundingClientRect();
    return { id: node.id, type: node.type, x: (seen.left - origin.left) / ds.scale - ds.offset[0],
      y: (seen.top - origin.top) / ds.scale - ds.offset[1], width: seen.width / ds.scale, height: seen.height / ds.scale };
  });
}"""
WIRES = "() => [...window.app.graph.links.values()].map((l) => [l.origin_id, l.target_id])"
NOTES = "() => window.app.graph._nodes.filter((n) => n.type === 'MarkdownNote').map((n) => n.id)"
COME_CLOSE = """(id) => {
  const { graph, canvas } = window.app;
  const { pos } = graph.getNodeById(id);
  Object.assign(canvas.ds, { scale: 1, offset: [200 - pos[0], 200 - pos[1]] });
  canvas.setDirty(true, true);
}"""
TEXT_HEIGHT = """(id) => {
  const { element } = window.app.graph.getNodeById(id).widgets[0];
  const text = element?.querySelector(".tiptap") ?? element;
  return text.lastElementChild.getBoundingClientRect().bottom - text.getBoundingClientRect().top;
}"""


@dataclass(frozen=True)
class Box:
    """A node with its title bar, in the graph's units."""

    id: int
    type: str
    x: float
    y: float
    width: float
    height: float

    def overlap(self, other: Box) -> float:
        """The smaller side of what both cover; 0 where they are apart."""
        across = min(self.x + self.width, other.x + other.width) - max(self.x, other.x)
        down = min(self.y + self.height, other.y + other.height) - max(self.y, other.y)
        return max(0.0, min(across, down))


def boxes(page: Page, in_dom: bool) -> dict[int, Box]:
    """Every node of the open graph."""
    return {found["id"]: Box(**found) for found in page.page.evaluate(BOXES, in_dom)}


def show_a_run(page: Page) -> None:
    """Bring the open graph's nodes to the state in which a run leaves them, by the messages of a run."""
    page.page.evaluate(SHOW_A_RUN, [PICTURE, CLIP, STATUS, SAVERS, TEXTS, PAINTED])
    page.page.wait_for_timeout(700)


def wires(page: Page) -> list[tuple[int, int]]:
    """(source, target) of every wire."""
    return [(source, target) for source, target in page.page.evaluate(WIRES)]


def overlaps(found: dict[int, Box]) -> Iterator[str]:
    """Pairs of nodes that cover each other, in words."""
    for one, other in combinations(found.values(), 2):
        if one.overlap(other) >= 1:
            yield f"{one.type} {one.id} and {other.type} {other.id} by {one.overlap(other):.0f} px"


def backward(found: dict[int, Box], joined: list[tuple[int, int]]) -> Iterator[str]:
    """Wires that do not go from left to right, in words."""
    for source, target in joined:
        start, end = found[source], found[target]
        if start.x + start.width > end.x:
            yield f"from {start.type} {source} to {end.type} {target}"


def note_heights(page: Page) -> dict[int, float]:
    """How much the notes' text takes in the classic renderer, by node."""
    found = {}
    for id in page.page.evaluate(NOTES):
        page.page.evaluate(COME_CLOSE, id)
        page.page.wait_for_timeout(200)
        found[id] = page.page.evaluate(TEXT_HEIGHT, id)
    return found


def state(page: Page, in_dom: bool) -> dict[str, Any]:
    """All that is wrong with how the open graph stands."""
    found = boxes(page, in_dom)
    return {"overlaps": list(overlaps(found)), "backward": list(backward(found, wires(page)))}
