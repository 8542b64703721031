"""Nodes run in order, once, and not again while nothing has changed."""

from __future__ import annotations

from typing import Any

import pytest

from style_atelier.headless.dynamic import nested
from style_atelier.headless.execute import Executor, NodeError
from style_atelier.headless.host import node_io as io
from style_atelier.headless.host.progress import InterruptProcessingException
from style_atelier.headless.host.schema import describe
from style_atelier.tests.headless import fakes
from style_atelier.tests.headless.fakes import NODES, calls, number, prompt


@pytest.fixture(autouse=True)
def _fresh() -> None:
    calls.clear()
    fakes.stamp = 0.0


def total(*values: int) -> dict[str, Any]:
    """Numbers, their sum, and an output that shows it."""
    names = [f"n{i}" for i in range(len(values))]
    terms = {f"terms.term{i}": [name, 0] for i, name in enumerate(names)}
    nodes = {name: number(value) for name, value in zip(names, values, strict=True)}
    return prompt(show=("Show", {"value": ["sum", 0]}), sum=("Sum", terms), **nodes)


def test_in_order_of_the_links() -> None:
    assert Executor(NODES).run(total(1, 2)) == {"show": {"text": [3]}}
    assert calls == ["Number 1", "Number 2", "Sum", "Show"]


def test_equal_nodes_run_once() -> None:
    assert Executor(NODES).run(total(2, 2)) == {"show": {"text": [4]}}
    assert calls.count("Number 2") == 1


def test_only_what_changed_runs_again() -> None:
    executor = Executor(NODES)
    executor.run(total(1, 2))
    calls.clear()
    assert executor.run(total(1, 2)) == {"show": {"text": [3]}}
    assert calls == []
    assert executor.run(total(1, 5)) == {"show": {"text": [6]}}
    assert calls == ["Number 5", "Sum", "Show"]


@pytest.mark.parametrize(("stamp", "again"), [(0.0, False), (1.0, True), (float("nan"), True)])
def test_the_fingerprint_decides_with(stamp: float, again: bool) -> None:
    executor, given = Executor(NODES), prompt(clock=("Clock", {"value": 1}), show=("Show", {"value": ["clock", 0]}))
    executor.run(given)
    fakes.stamp = stamp
    executor.run(given)
    assert calls.count("Clock") == 1 + again


def test_a_failure_names_the_node_and_keeps_what_was_done() -> None:
    executor = Executor(NODES)
    with pytest.raises(NodeError, match=r"^Sum \(node sum, Sum\) failed: terms holds a 7: choose another number\.$"):
        executor.run(total(1, 7))
    calls.clear()
    executor.run(total(1, 2))
    assert "Number 1" not in calls


def test_progress_is_told_and_the_interrupt_passes() -> None:
    told: list[tuple[str, float, float]] = []

    class Listener:
        def started(self, node_id: str, title: str) -> None: ...
        def finished(self, node_id: str, seconds: float) -> None: ...
        def kept(self, node_id: str, title: str) -> None: ...
        def progressed(self, node_id: str, value: float, total: float, preview: object) -> None:
            told.append((node_id, value, total))

    given = prompt(stopping=("Stopping", {}), show=("Show", {"value": ["stopping", 0]}))
    with pytest.raises(InterruptProcessingException):
        Executor(NODES, Listener()).run(given)
    assert told == [("stopping", 1, 4)]


def test_dynamic_inputs_become_dicts() -> None:
    class Choosing(io.ComfyNode):
        @classmethod
        def define_schema(cls) -> io.Schema:
            options = [io.DynamicCombo.Option("blur", [io.Int.Input("radius")]), io.DynamicCombo.Option("none", [])]
            template = io.Autogrow.TemplatePrefix(io.Image.Input("mask"), prefix="mask", min=0, max=3)
            inputs = [io.DynamicCombo.Input("mode", options=options), io.Autogrow.Input("masks", template=template)]
            return io.Schema(node_id="Choosing", inputs=inputs, outputs=[])

    inputs = describe(Choosing).inputs
    assert nested(inputs, {"mode": "blur", "mode.radius": 3}) == {"mode": {"mode": "blur", "radius": 3}, "masks": {}}
    assert nested(inputs, {"mode": "none", "masks.mask0": 1}) == {"mode": {"mode": "none"}, "masks": {"mask0": 1}}
