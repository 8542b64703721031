"""LoRA files as people have them on the real host's own model code, with tiny models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from style_atelier.tests.host.comfy import Comfy
from style_atelier.tests.host.scripts import answers_of, checks_of

pytestmark = pytest.mark.host
SCRIPT = Path(__file__).with_name("lora_checks.py")


@pytest.fixture(scope="module")
def answers(comfy: Comfy, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the checks said, run by the host's Python."""
    return answers_of(SCRIPT, tmp_path_factory.mktemp("lora_files"))


@pytest.mark.parametrize("check", checks_of(SCRIPT))
def test_it_holds(answers: dict[str, Any], check: str) -> None:
    assert answers["results"][check] == "ok", answers["results"][check]
