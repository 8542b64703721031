"""The editor's format becomes the prompt that the page would send."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from style_atelier.headless.graph import WorkflowError, to_prompt
from style_atelier.headless.host.schema import describe
from style_atelier.tests.headless.fakes import NODES


def known(name: str) -> Any:
    return describe(NODES[name]) if name in NODES else None


def node(id: int, kind: str, widgets: Any = (), inputs: list[tuple[str, Any]] | None = None, **more: Any) -> dict[str, Any]:
    sockets = [{"name": name, "type": "INT", "link": link} for name, link in inputs or []]
    values = widgets if isinstance(widgets, dict) else list(widgets)
    return {"id": id, "type": kind, "widgets_values": values, "inputs": sockets, "outputs": [{"type": "INT"}], **more}


def workflow(nodes: list[dict[str, Any]], links: list[tuple[int, int, int]], **more: Any) -> dict[str, Any]:
    """links: (id, from node, to node); every node has one output."""
    return {"nodes": nodes, "links": [[name, a, 0, b, 0, "INT"] for name, a, b in links], **more}


def inputs(prompt: dict[str, Any], name: str) -> dict[str, Any]:
    return prompt[name]["inputs"]


def test_widgets_are_named_in_the_order_of_the_schema() -> None:
    made = to_prompt(workflow([node(1, "Number", [4, "randomize", "inch", "hello"])], []), known)
    assert inputs(made, "1") == {"value": 4, "unit": "inch", "note": "hello"}


def test_a_missing_control_value_is_not_missed() -> None:
    assert inputs(to_prompt(workflow([node(1, "Number", [4, "inch"])], []), known), "1") == {"value": 4, "unit": "inch"}


def test_widget_values_by_name() -> None:
    made = to_prompt(workflow([node(1, "Number", {"unit": "cm", "value": 2, "videopreview": {}})], []), known)
    assert inputs(made, "1") == {"unit": "cm", "value": 2}


def test_links_win_over_widgets_and_autogrow_names_stay_flat() -> None:
    nodes = [node(1, "Number", [4, "fixed", "cm"]), node(2, "Number", [9, "fixed", "cm"], [("value", 5)])]
    nodes.append(node(3, "Sum", inputs=[("terms.term0", 6), ("terms.term1", None)]))
    made = to_prompt(workflow(nodes, [(5, 1, 2), (6, 2, 3)]), known)
    assert inputs(made, "2")["value"] == ["1", 0]
    assert inputs(made, "3") == {"terms.term0": ["2", 0]}


def test_reroutes_primitives_and_notes() -> None:
    nodes = [node(1, "Number", [4, "fixed", "cm"]), node(2, "Reroute", inputs=[("", 5)]), node(3, "Show", inputs=[("value", 6)])]
    nodes += [
        node(4, "PrimitiveNode", [8, "fixed"]),
        node(5, "Number", [1, "fixed", "cm"], [("value", 7)]),
        node(6, "MarkdownNote"),
    ]
    made = to_prompt(workflow(nodes, [(5, 1, 2), (6, 2, 3), (7, 4, 5)]), known)
    assert set(made) == {"1", "3", "5"}
    assert inputs(made, "3")["value"] == ["1", 0]
    assert inputs(made, "5")["value"] == 8


@pytest.mark.parametrize(("mode", "expected"), [(2, {}), (4, {"value": ["1", 0]})])
def test_muted_nodes_cut_links_and_bypassed_ones_pass_them_on(mode: int, expected: dict[str, Any]) -> None:
    nodes = [node(1, "Number", [4, "fixed", "cm"]), node(2, "Sum", inputs=[("terms.term0", 5)], mode=mode)]
    nodes.append(node(3, "Show", inputs=[("value", 6)]))
    made = to_prompt(workflow(nodes, [(5, 1, 2), (6, 2, 3)]), known)
    assert set(made) == {"1", "3"}
    assert inputs(made, "3") == expected


def test_subgraphs_are_opened() -> None:
    inside = {
        "id": "abc",
        "nodes": [node(1, "Sum", inputs=[("terms.term0", 1)])],
        "links": [
            {"id": 1, "origin_id": -10, "origin_slot": 0, "target_id": 1, "target_slot": 0},
            {"id": 2, "origin_id": 1, "origin_slot": 0, "target_id": -20, "target_slot": 0},
        ],
    }
    nodes = [node(1, "Number", [4, "fixed", "cm"]), node(2, "abc", inputs=[("in", 5)]), node(3, "Show", inputs=[("value", 6)])]
    made = to_prompt(workflow(nodes, [(5, 1, 2), (6, 2, 3)], definitions={"subgraphs": [inside]}), known)
    assert inputs(made, "2:1") == {"terms.term0": ["1", 0]}
    assert inputs(made, "3") == {"value": ["2:1", 0]}


def test_the_api_format_stays_as_it_is() -> None:
    given = {"a": {"class_type": "Number", "inputs": {"value": 3}}}
    assert to_prompt(given, known) == given


def test_unknown_nodes_stay_for_the_validation() -> None:
    assert to_prompt(workflow([node(1, "Elsewhere", [1, 2])], []), known)["1"]["class_type"] == "Elsewhere"


@pytest.mark.parametrize("wrong", [[], {}, {"a": 1}, {"nodes": [{"id": 1}]}, {"nodes": [], "links": [[1]]}, "text", None])
def test_other_json_is_refused_in_a_sentence(wrong: Any) -> None:
    with pytest.raises(WorkflowError, match=r"^The .*\.$"):
        to_prompt(wrong, known)


def test_every_example_links_all_its_nodes(root: Path) -> None:
    for path in sorted((root / "example_workflows").glob("*.json")):
        made = to_prompt(json.loads(path.read_text(encoding="utf-8")), known)
        links = [value for entry in made.values() for value in entry["inputs"].values() if isinstance(value, list)]
        assert links, path.name
        assert all(source in made for source, _ in links), path.name
