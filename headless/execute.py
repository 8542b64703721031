"""Runs a validated prompt: nodes in order of their links, each once, and not again while nothing about it has changed."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Protocol

import torch
from PIL import Image

from ..models.weights.words import LONGEST_SENTENCE, shown
from .dynamic import nested
from .graph import Prompt, unpack
from .host import progress
from .host.provenance import making
from .host.schema import NodeInfo, call, describe
from .validate import LONGEST_TITLE, title_of

_never_twice = count()


class NodeError(Exception):
    """A node failed. The message is one sentence that names the node."""

    def __init__(self, node_id: str, class_type: str, title: str, message: str) -> None:
        where = f"{shown(title, LONGEST_TITLE)} (node {shown(node_id, LONGEST_TITLE)}, {shown(class_type, LONGEST_TITLE)})"
        super().__init__(shown(f"{where} failed: {message}", LONGEST_SENTENCE))
        self.node_id, self.class_type, self.title, self.message = node_id, class_type, title, message


class Reporter(Protocol):
    """Who is told how a run goes on."""

    def started(self, node_id: str, title: str) -> None:
        """A node begins."""

    def progressed(self, node_id: str, value: float, total: float, preview: Image.Image | None) -> None:
        """A node has done `value` of `total`."""

    def finished(self, node_id: str, seconds: float) -> None:
        """A node is done."""

    def kept(self, node_id: str, title: str) -> None:
        """A node did not have to run: its result of before is still good."""


class Silent:
    """Tells nobody."""

    def started(self, node_id: str, title: str) -> None: ...
    def progressed(self, node_id: str, value: float, total: float, preview: Image.Image | None) -> None: ...
    def finished(self, node_id: str, seconds: float) -> None: ...
    def kept(self, node_id: str, title: str) -> None: ...


@dataclass(frozen=True)
class Result:
    """What a node gave. outputs: per output a list of values (more than one only for lists). ui: what it shows."""

    outputs: list[list[Any]]
    ui: dict[str, Any]


@dataclass
class Executor:
    """Runs prompts one after another and keeps the results of the last one, and with them the networks in use."""

    nodes: Mapping[str, type]
    report: Reporter = field(default_factory=Silent)
    cache: dict[str, Result] = field(default_factory=dict)

    def run(self, prompt: Prompt, workflow: Any = None) -> dict[str, dict[str, Any]]:
        """What each output node shows (`{"images": [...]}`), by node id.

        workflow: the editor's, which saved pictures carry beside the prompt.
        Raises NodeError; lets the host's InterruptProcessingException pass. What had finished by then is kept.
        """
        run = Run(prompt, self.nodes, self.report, self.cache)
        progress.set_hook(self.report.progressed)
        try:
            with making(prompt, workflow):
                shown = {name: run.result(name).ui for name in run.order()}
        finally:
            progress.set_hook(None)
            self.cache = {key: self.cache[key] for key in run.keys.values() if key in self.cache}
        return {name: ui for name, ui in shown.items() if ui}


@dataclass
class Run:
    """One pass over one prompt."""

    prompt: Prompt
    nodes: Mapping[str, type]
    report: Reporter
    cache: dict[str, Result]
    keys: dict[str, str] = field(default_factory=dict)

    def order(self) -> Iterator[str]:
        """The nodes that the output nodes need, every node after those it takes something from."""
        done: set[str] = set()
        waiting = [name for name in reversed(self.prompt) if self.info(name).is_output]
        while waiting:
            name = waiting[-1]
            before = [source for source, _ in links(self.prompt[name]["inputs"]).values() if source not in done]
            if before and name not in done:
                waiting += reversed(before)
                continue
            waiting.pop()
            if name not in done:
                done.add(name)
                yield name

    def info(self, name: str) -> NodeInfo:
        """The description of a node of the prompt."""
        return describe(self.nodes[self.prompt[name]["class_type"]])

    def result(self, name: str) -> Result:
        """A node's result: the one of before if it is still good, else from running it."""
        title = title_of(self.prompt[name])
        self.keys[name] = key = self.key(name)
        if key in self.cache:
            self.report.kept(name, title)
            return self.cache[key]
        progress.throw_exception_if_processing_interrupted()
        self.report.started(name, title)
        began = time.monotonic()
        with self.failing_as(name, title), progress.executing(name), torch.inference_mode():
            self.cache[key] = self.execute(name)
        self.report.finished(name, time.monotonic() - began)
        return self.cache[key]

    def failing_as(self, name: str, title: str) -> Failing:
        """Turns what the node raises into a NodeError."""
        return Failing(name, self.prompt[name]["class_type"], title)

    def execute(self, name: str) -> Result:
        """Call a node; once for each value when a link brings a list, unless the node takes lists as they are."""
        cls, info = self.nodes[self.prompt[name]["class_type"]], self.info(name)
        given = self.prompt[name]["inputs"]
        brought = {key: self.cache[self.keys[source]].outputs[slot] for key, (source, slot) in links(given).items()}
        times = max((len(values) for values in brought.values()), default=1)
        outputs: list[list[Any]] = [[] for _ in info.outputs]
        ui: dict[str, Any] = {}
        for i in range(1 if info.takes_lists else times):
            if info.takes_lists:
                values = {key: [value] for key, value in constants(given).items()} | brought
            else:
                values = constants(given) | {key: value[min(i, len(value) - 1)] for key, value in brought.items()}
            made = call(cls, **nested(info.inputs, values))
            for slot, (output, value) in enumerate(zip(info.outputs, made.args, strict=False)):
                outputs[slot] += value if output.is_list else [value]
            for kind, parts in (made.ui or {}).items():
                ui.setdefault(kind, []).extend(parts)
        return Result(outputs, ui)

    def key(self, name: str) -> str:
        """What a node's result depends on: its class, values, fingerprint, and the keys of what it is linked to."""
        node = self.prompt[name]
        parts = [node["class_type"], repr(self.fingerprint(name))]
        for key, value in sorted(node["inputs"].items()):
            source = f"{self.keys[value[0]]}:{value[1]}" if isinstance(value, list) else repr(value)
            parts.append(f"{key}={source}")
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def fingerprint(self, name: str) -> Any:
        """What the node's fingerprint_inputs says; something new each time when it fails or is not a number, as in the host."""
        cls = self.nodes[self.prompt[name]["class_type"]]
        if "fingerprint_inputs" not in vars(cls):
            return None
        given = self.prompt[name]["inputs"]
        values = dict.fromkeys(given) | constants(given)
        try:
            answer = cls.fingerprint_inputs(**nested(self.info(name).inputs, values))  # type: ignore[attr-defined]
        except Exception:
            return next(_never_twice)
        return answer if answer == answer else next(_never_twice)


@dataclass(frozen=True)
class Failing:
    """A `with` block whose errors become NodeErrors. The interrupt, which is no Exception, passes."""

    node_id: str
    class_type: str
    title: str

    def __enter__(self) -> None: ...

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, Exception):
            raise NodeError(self.node_id, self.class_type, self.title, sentence(error)) from error


def sentence(error: Exception) -> str:
    """An error's own words, or its name when it has none."""
    text = " ".join(str(error).split())
    known = isinstance(error, (ValueError, RuntimeError)) or type(error).__module__ != "builtins"
    return text if text and known else f"{type(error).__name__}{': ' if text else ''}{text}"


def links(inputs: Mapping[str, Any]) -> dict[str, tuple[str, int]]:
    """The inputs that come over a link, with the node and output that they come from."""
    return {key: (str(value[0]), value[1]) for key, value in inputs.items() if isinstance(value, list)}


def constants(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs that come over no link, lists out of their wrapping."""
    values = {key: value for key, value in inputs.items() if not isinstance(value, list)}
    return {key: unpack(value) for key, value in values.items()}
