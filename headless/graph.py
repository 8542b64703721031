"""Workflow files: the editor's format turned into the API format, as the page does it when a person presses Run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from ..models.weights.words import LONGEST_SENTENCE, shown

if TYPE_CHECKING:
    from .host.schema import InputInfo, NodeInfo

MOST_NODES = 5000
LONGEST_CHAIN = 500  # of reroutes and bypassed nodes
NOTES = {"Note", "MarkdownNote"}
REROUTE, PRIMITIVE = "Reroute", "PrimitiveNode"
NEVER, BYPASS = 2, 4  # node modes of the editor
INSIDE, OUTSIDE = -10, -20  # where links of a subgraph begin and end
SEEDS = {"seed", "noise_seed"}
BUTTONS = {"IMAGEUPLOAD"}  # whose value the host does not get
AFTER_GENERATE = {"fixed", "randomize", "increment", "decrement"}

Describe = Callable[[str], "NodeInfo | None"]
Prompt = dict[str, dict[str, Any]]


class WorkflowError(Exception):
    """A file that is no workflow, or names something that is not in it. What it says is put on one line that can be printed."""

    def __init__(self, message: object) -> None:
        super().__init__(shown(message, LONGEST_SENTENCE))


@dataclass(frozen=True)
class Constant:
    """What a link brings when it comes from a PrimitiveNode."""

    value: Any


@dataclass(frozen=True)
class Scope:
    """One level of nodes: the workflow itself, or the inside of one use of a subgraph."""

    nodes: dict[str, dict[str, Any]]
    links: dict[Any, tuple[str, int, str, int]]  # link id -> from node, slot, to node, slot
    prefix: str = ""
    outer: Scope | None = None
    instance: dict[str, Any] | None = None  # the node outside that stands for this subgraph

    @classmethod
    def read(cls, graph: Mapping[str, Any], prefix: str = "", outer: Scope | None = None, instance: Any = None) -> Scope:
        """The nodes and links of a workflow or of a subgraph's definition."""
        nodes = {str(node["id"]): node for node in graph.get("nodes", [])}
        links = dict(read_link(link) for link in graph.get("links", []) if link)
        return cls(nodes, links, prefix, outer, instance)


def read_link(link: Any) -> tuple[Any, tuple[str, int, str, int]]:
    """A link of either spelling: [id, from, slot, to, slot, type], or an object (inside subgraphs)."""
    if isinstance(link, dict):
        link = [link[key] for key in ("id", "origin_id", "origin_slot", "target_id", "target_slot")]
    return link[0], (str(link[1]), link[2], str(link[3]), link[4])


def to_prompt(workflow: Any, describe: Describe) -> Prompt:
    """The API format of a workflow in either format. Raises WorkflowError for anything else.

    describe: node id -> its description, None for a node that is not installed (it stays in the prompt, for the
    validation to name it).
    """
    if not isinstance(workflow, dict):
        raise WorkflowError("The file is no workflow: it holds no JSON object.")
    if is_prompt(workflow):
        return checked_prompt(workflow)
    if not isinstance(workflow.get("nodes"), list):
        raise WorkflowError("The file is no workflow: it has neither the editor's nodes nor those of the API format.")
    try:
        return Converter(workflow, describe).prompt()
    except (KeyError, IndexError, TypeError, AttributeError, ValueError, RecursionError) as error:
        raise WorkflowError(f"The workflow is damaged: {type(error).__name__} {error}.") from error


def is_prompt(workflow: Mapping[str, Any]) -> bool:
    """Whether this is the API format."""
    return bool(workflow) and all(isinstance(node, dict) and "class_type" in node for node in workflow.values())


def checked_prompt(workflow: Mapping[str, Any]) -> Prompt:
    """A prompt of the API format, copied. Raises WorkflowError for parts that have not the form that the host expects."""
    if len(workflow) > MOST_NODES:
        raise WorkflowError(f"The workflow has {len(workflow):,} nodes, more than the {MOST_NODES:,} that any has.")
    for name, node in workflow.items():
        inputs, meta = node.get("inputs", {}), node.get("_meta") or {}
        sound = isinstance(meta, dict) and isinstance(meta.get("title", ""), (str, type(None)))
        if not sound or not isinstance(node["class_type"], str) or not isinstance(inputs, dict):
            raise WorkflowError(f"The workflow is damaged: node {name} has not the form that a node has.")
    return {str(name): {**node, "inputs": dict(node.get("inputs", {}))} for name, node in workflow.items()}


class Converter:
    """Turns one editor workflow into a prompt."""

    def __init__(self, workflow: Mapping[str, Any], describe: Describe) -> None:
        definitions = (workflow.get("definitions") or {}).get("subgraphs") or []
        self.subgraphs = {graph["id"]: graph for graph in definitions}
        self.describe = describe
        self.top = Scope.read(workflow)
        self.inner: dict[str, Scope] = {}

    def prompt(self) -> Prompt:
        """Every node that runs, by its id ("7:3" is node 3 inside subgraph node 7)."""
        found = list(islice(self.running(self.top), MOST_NODES + 1))
        if len(found) > MOST_NODES:
            raise WorkflowError(f"The workflow has more than the {MOST_NODES:,} nodes that any has.")
        return checked_prompt({scope.prefix + str(node["id"]): self.node(scope, node) for scope, node in found})

    def running(self, scope: Scope) -> Iterator[tuple[Scope, dict[str, Any]]]:
        """Nodes that reach the host, in the file's order."""
        for node in scope.nodes.values():
            if node.get("mode") in (NEVER, BYPASS) or node["type"] in NOTES | {REROUTE, PRIMITIVE}:
                continue
            if node["type"] in self.subgraphs:
                yield from self.running(self.inside(scope, node))
            else:
                yield scope, node

    def inside(self, scope: Scope, node: dict[str, Any]) -> Scope:
        """The level behind a subgraph node. Raises WorkflowError when subgraphs contain each other."""
        prefix = f"{scope.prefix}{node['id']}:"
        if prefix.count(":") > 32:
            raise WorkflowError("The workflow is damaged: its subgraphs contain each other.")
        if prefix not in self.inner:
            self.inner[prefix] = Scope.read(self.subgraphs[node["type"]], prefix, scope, node)
        return self.inner[prefix]

    def node(self, scope: Scope, node: dict[str, Any]) -> dict[str, Any]:
        """One entry of the prompt: widget values first, links over them."""
        info = self.describe(node["type"])
        inputs = {name: pack(value) for name, value in widget_values(node, info).items()}
        for socket in node.get("inputs") or []:
            if socket.get("link") is None:
                continue
            source = self.source(scope, socket["link"])
            if isinstance(source, Constant):
                inputs[socket["name"]] = pack(source.value)
            elif source is not None:
                inputs[socket["name"]] = list(source)
        title = node.get("title") or (info.display_name if info else node["type"])
        return {"class_type": node["type"], "inputs": inputs, "_meta": {"title": title}}

    def source(self, scope: Scope, link: Any) -> tuple[str, int] | Constant | None:
        """Where a link's value really comes from: through reroutes, bypassed nodes and subgraphs. None: from nowhere."""
        for _ in range(LONGEST_CHAIN):
            name, slot = scope.links[link][:2] if link in scope.links else ("", 0)
            if name == str(INSIDE) and scope.outer is not None and scope.instance is not None:
                link, scope = scope.instance["inputs"][slot].get("link"), scope.outer
                continue
            node = scope.nodes.get(name)
            if node is None or node.get("mode") == NEVER:
                return None
            if node.get("mode") == BYPASS:
                link = bypass(node, slot)
            elif node["type"] == REROUTE:
                link = node["inputs"][0].get("link")
            elif node["type"] == PRIMITIVE:
                return Constant(node["widgets_values"][0])
            elif node["type"] in self.subgraphs:
                scope = self.inside(scope, node)
                ends = {to_slot: key for key, (_, _, to, to_slot) in scope.links.items() if to == str(OUTSIDE)}
                link = ends.get(slot)
            else:
                return scope.prefix + name, slot
        raise WorkflowError("The workflow is damaged: a chain of reroutes or bypassed nodes runs in a circle.")


def bypass(node: Mapping[str, Any], slot: int) -> Any:
    """The link of the input that an output of a bypassed node passes on: the same place if it fits, else the first that does."""
    kind = node["outputs"][slot]["type"]
    inputs = node.get("inputs") or []
    for socket in [*inputs[slot : slot + 1], *inputs]:
        if socket.get("link") is not None and (socket["type"] == kind or "*" in (socket["type"], kind)):
            return socket["link"]
    return None


def pack(value: Any) -> Any:
    """A widget's value for the API format, where a bare list would be a link."""
    return {"__value__": value} if isinstance(value, list) else value


def unpack(value: Any) -> Any:
    """The opposite of `pack`."""
    return value["__value__"] if isinstance(value, dict) and "__value__" in value else value


def widget_values(node: Mapping[str, Any], info: NodeInfo | None) -> dict[str, Any]:
    """The values of a node's widgets by the names of their inputs."""
    values = node.get("widgets_values") or []
    if info is None:
        return saved_values(node, list(values))
    if isinstance(values, dict):
        known = {name for name in values if any(name == i.id or name.startswith(i.id + ".") for i in info.inputs)}
        return {name: values[name] for name in values if name in known}
    return read_widgets(info.inputs, list(values), "")


def saved_values(node: Mapping[str, Any], values: list[Any]) -> dict[str, Any]:
    """The same for a node that is not installed here: newer pages write their widgets' names into the file."""
    named: dict[str, Any] = {}
    for socket in node.get("inputs") or []:
        if "widget" in socket and values and socket.get("type") not in BUTTONS:
            named[socket["name"]] = values.pop(0)
            if socket["name"] in SEEDS and values and values[0] in AFTER_GENERATE:
                values.pop(0)
    return named


def read_widgets(inputs: list[InputInfo], values: list[Any], prefix: str) -> dict[str, Any]:
    """Take values off the front of the list, in the order in which the page draws the widgets."""
    named: dict[str, Any] = {}
    for info in inputs:
        if info.kind not in ("widget", "dynamic_combo") or not values:
            continue
        name = prefix + info.id
        named[name] = values.pop(0)
        if info.kind == "dynamic_combo":
            named.update(read_widgets(chosen(info, named[name]), values, f"{name}."))
        elif values and has_control(info) and values[0] in AFTER_GENERATE:
            values.pop(0)
    return named


def chosen(info: InputInfo, key: Any) -> list[InputInfo]:
    """The inputs that belong to the chosen option of a DynamicCombo."""
    return next((option.inputs for option in info.options if option.key == key), [])


def has_control(info: InputInfo) -> bool:
    """Whether the page puts a "control after generate" widget behind this one."""
    return bool(info.control_after_generate) or (info.type == "INT" and info.id in SEEDS)
