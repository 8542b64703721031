"""Small pictures of points of W while the page's explorer is moved, outside of a run.

The page sends the part of its graph that leads to a node, as it would queue it. Only the pack's own nodes for W are carried out,
with values that their schemas allow; nothing is downloaded.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable, Mapping
from hashlib import sha256
from io import BytesIO
from typing import Any

import torch
from comfy_api.latest import io
from PIL import Image

from ..generation.directions import Directions, EditW
from ..generation.latent_files import LoadW
from ..generation.latents import BlendW, MixW, SampleW, TruncateW, WalkW
from ..generation.loader import LoadGenerator
from ..host.feedback import glancing
from ..host.folders import Locator
from ..host.networks import on_device
from ..host.sockets import Hosted

NODES: dict[str, type[io.ComfyNode]] = {
    f"StyleAtelier{node.__name__}": node
    for node in (LoadGenerator, SampleW, TruncateW, MixW, BlendW, WalkW, Directions, EditW, LoadW)
}
GENERATOR = "StyleAtelierLoadGenerator"
SIDES = range(32, 513)
MOST_NODES = 200
KEPT, KEPT_BYTES = 64, 256 * 1024**2  # a long walk has 150 MB
QUALITY = 88

INCOMPLETE = "The graph before this node is not complete: connect its inputs for a preview."

Graph = Mapping[str, Mapping[str, Any]]
Made = tuple[str, tuple[Any, ...]]


class ExplorerError(ValueError):
    """Why there is no picture, in a sentence for the page."""


class Explorer:
    """Carries out graphs of W; results are kept by what made them."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[Any, ...]] = OrderedDict()

    def picture(self, graph: Graph, node: str, side: int, wanted: Callable[..., None]) -> bytes:
        """The first point that `node` gives, painted at about `side` pixels, as JPEG. Raises ExplorerError."""
        from ...models.generation.latents import Latents, check_fits

        if not is_graph(graph) or node not in graph or side not in SIDES:
            raise ExplorerError("The explorer was asked for something that is no graph of W.")
        with torch.inference_mode(), glancing(wanted):
            done: dict[str, Made] = {}
            hosted = self._made(graph, generator_before(graph, node), (), done)[1][0]
            latents = self._made(graph, node, (), done)[1][0]
            if not isinstance(hosted, Hosted) or not isinstance(latents, Latents):
                raise ExplorerError("The explorer shows only nodes that give points of W.")
            check_fits(latents, hosted.model)
            with on_device(hosted, hosted.model.bytes_per_picture) as device:
                made = hosted.model.preview(latents.values[:1].to(device), side)
        return as_jpeg(made)

    def _made(self, graph: Graph, name: str, path: tuple[str, ...], done: dict[str, Made]) -> Made:
        """What a node gives, and a signature of all that decides it. path: the nodes that wait for it; done: those of this graph
        that were looked at already, as one may be reached over many ways.
        """
        if name in done:
            return done[name]
        if name in path or name not in graph:
            raise ExplorerError(INCOMPLETE)
        kind, given = graph[name]["class_type"], graph[name]["inputs"]
        node = NODES.get(kind)
        if node is None:
            raise ExplorerError(f"There is no live preview of what comes out of {kind}: queue the workflow instead.")
        inputs: dict[str, Any] = {}
        signed: dict[str, Any] = {}
        for key, value in given.items():
            arrived = signed[key] = value
            if is_link(value):
                signature, results = self._made(graph, str(value[0]), (*path, name), done)
                if not 0 <= value[1] < len(results):
                    raise ExplorerError(INCOMPLETE)
                arrived, signed[key] = results[value[1]], f"{signature}:{value[1]}"
            outer, _, inner = key.partition(".")
            if inner:
                inputs.setdefault(outer, {})[inner] = arrived
            else:
                inputs[key] = arrived
        check_inputs(node, inputs)
        stamp = node.fingerprint_inputs(**inputs) if node in (LoadGenerator, LoadW) else 0
        signature = sha256(json.dumps([kind, signed, stamp], sort_keys=True).encode()).hexdigest()
        done[name] = signature, self._kept_or_executed(signature, node, inputs)
        return done[name]

    def _kept_or_executed(self, signature: str, node: type[io.ComfyNode], inputs: dict[str, Any]) -> tuple[Any, ...]:
        from ...models.library.generators import present

        if node is LoadGenerator:
            if not present(inputs["generator"], Locator()):
                raise ExplorerError("The generator is not downloaded yet: download it on Load Generator, or queue the workflow.")
            inputs = inputs | {"torch_compile": False}  # for a glance, minutes of compiling are too long
        if signature not in self._kept:
            self._kept[signature] = node.execute(**inputs).result
            while len(self._kept) > KEPT or (len(self._kept) > 1 and sum(map(size_of, self._kept.values())) > KEPT_BYTES):
                self._kept.popitem(last=False)
        self._kept.move_to_end(signature)
        return self._kept[signature]


def size_of(results: tuple[Any, ...]) -> int:
    """Bytes of the points of W in what a node gave."""
    from ...models.generation.latents import Latents

    return sum(part.values.nbytes for part in results if isinstance(part, Latents))


def is_graph(graph: Any) -> bool:
    """Whether this has the form of the API's format, and is small enough."""
    return (
        isinstance(graph, Mapping)
        and len(graph) <= MOST_NODES
        and all(isinstance(node, Mapping) for node in graph.values())
        and all(isinstance(node.get("class_type"), str) for node in graph.values())
        and all(isinstance(node.get("inputs"), Mapping) for node in graph.values())
    )


def generator_before(graph: Graph, node: str) -> str:
    """The nearest Load Generator that leads to the node. Raises ExplorerError."""
    waiting, seen = [node], set()
    while waiting:
        here = waiting.pop(0)
        if here in seen or here not in graph:
            continue
        seen.add(here)
        if graph[here]["class_type"] == GENERATOR:
            return here
        waiting += [str(link[0]) for link in graph[here]["inputs"].values() if is_link(link)]
    raise ExplorerError("There is no Load Generator before this node: connect one for a preview.")


def is_link(value: Any) -> bool:
    """Whether an input of the API's format comes from another node."""
    return isinstance(value, list) and len(value) == 2 and isinstance(value[0], (str, int)) and isinstance(value[1], int)


def check_inputs(node: type[io.ComfyNode], inputs: dict[str, Any]) -> None:
    """Raise ExplorerError for inputs that the node's schema does not allow."""
    known = {item.id: item for item in node.GET_SCHEMA().inputs}
    wrong = [key for key in inputs if key not in known] + [
        key for key, item in known.items() if key not in inputs and not getattr(item, "optional", False)
    ]
    for key, value in inputs.items():
        item = known.get(key)
        low, high, options = (getattr(item, name, None) for name in ("min", "max", "options"))
        if isinstance(item, (io.Int.Input, io.Float.Input)):
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            fits = number and (low is None or value >= low) and (high is None or value <= high)
            fits = fits and (isinstance(value, int) or isinstance(item, io.Float.Input))
        elif isinstance(item, io.Combo.Input):
            fits = isinstance(value, str) and (not options or value in options)
        elif isinstance(item, io.String.Input):
            fits = isinstance(value, str)
        else:
            fits = not isinstance(item, io.Boolean.Input) or isinstance(value, bool)
        if not fits:
            wrong.append(key)
    if wrong:
        raise ExplorerError(f"{', '.join(wrong)} of {node.GET_SCHEMA().display_name} is not set as it can be: look there.")


def as_jpeg(pictures: torch.Tensor) -> bytes:
    """The first of [B, 3 or 1, H, W] in 0..1."""
    pixels = pictures[0].mul(255).byte().expand(3, -1, -1) if pictures.shape[1] == 1 else pictures[0, :3].mul(255).byte()
    out = BytesIO()
    Image.fromarray(pixels.movedim(0, -1).contiguous().cpu().numpy()).save(out, "JPEG", quality=QUALITY)
    return out.getvalue()
