"""What every refusal has to be."""

from __future__ import annotations


def assert_one_sentence(text: str) -> None:
    assert "\n" not in text, text
    assert 20 < len(text) < 600, text
