"""Wrong prompts are named before anything runs."""

from __future__ import annotations

from typing import Any

import pytest

from style_atelier.headless.validate import Problem, validate
from style_atelier.tests.headless.fakes import NODES, number, prompt

SHOW = ("Show", {"value": ["a", 0]})
CASES: dict[str, tuple[dict[str, Any], str]] = {
    "missing_node_type": ({"a": ("Elsewhere", {}), "b": SHOW}, "'Elsewhere' not found"),
    "prompt_no_outputs": ({"a": number(1)}, "no outputs"),
    "required_input_missing": ({"a": ("Number", {"value": 1}), "b": SHOW}, "Required input is missing: unit"),
    "value_not_in_list": ({"a": ("Number", {"value": 1, "unit": "mile"}), "b": SHOW}, "'mile' not in ['cm', 'inch']"),
    "value_smaller_than_min": ({"a": number(-1), "b": SHOW}, "Value -1 smaller than min of 0"),
    "value_bigger_than_max": ({"a": number(11), "b": SHOW}, "Value 11 bigger than max of 10"),
    "invalid_input_type": ({"a": number("many"), "b": SHOW}, "Failed to convert"),
    "return_type_mismatch": ({"a": ("Text", {"text": "x"}), "b": SHOW}, "received_type(STRING) mismatch input_type(INT)"),
    "bad_linked_input": ({"b": ("Show", {"value": ["z", 0]})}, "Bad linked input"),
    "dependency_cycle": ({"a": ("Sum", {"terms.term0": ["a", 0]}), "b": SHOW}, "a -> a"),
    "custom_validation_failed": ({"a": ("Clock", {"value": 3}), "b": SHOW}, "three is right out"),
}


def problems(nodes: dict[str, Any]) -> list[Problem]:
    return validate(prompt(**nodes), NODES)


@pytest.mark.parametrize("kind", CASES)
def test_what_is_wrong_is_said(kind: str) -> None:
    nodes, words = CASES[kind]
    (problem,) = problems(nodes)
    assert problem.kind == kind
    assert words in str(problem)


def test_a_good_prompt_has_no_problems_and_its_numbers_are_numbers() -> None:
    given = prompt(a=number("4"), b=("Sum", {"terms.term0": ["a", 0]}), c=("Show", {"value": ["b", 0]}))
    assert validate(given, NODES) == []
    assert given["a"]["inputs"]["value"] == 4


def test_the_first_sockets_of_autogrow_are_required() -> None:
    (problem,) = problems({"a": ("Sum", {}), "b": SHOW})
    assert (problem.kind, problem.details) == ("required_input_missing", "term0")


def test_a_node_that_nobody_needs_is_not_looked_at() -> None:
    assert problems({"a": number(1), "b": SHOW, "c": number(99)}) == []


def test_validate_inputs_that_names_an_input_stands_in_for_its_range() -> None:
    assert problems({"a": ("Clock", {"value": 9}), "b": SHOW}) == []
