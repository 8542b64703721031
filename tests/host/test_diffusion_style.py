"""StyleID, DEADiff, style noise, guidance by moments and Attention Distillation on the real host's own model code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from style_atelier.tests.host.comfy import Comfy
from style_atelier.tests.host.scripts import answers_of, checks_of

pytestmark = pytest.mark.host
SCRIPTS = [Path(__file__).with_name(f"{name}_checks.py") for name in ("styleid", "style", "deadiff")]
CHECKS = [(script.stem, check) for script in SCRIPTS for check in checks_of(script)]


@pytest.fixture(scope="module")
def answers(comfy: Comfy, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the checks of each script said, run by the host's Python."""
    return {script.stem: answers_of(script, tmp_path_factory.mktemp(script.stem)) for script in SCRIPTS}


@pytest.mark.parametrize(("script", "check"), CHECKS)
def test_it_holds(answers: dict[str, Any], script: str, check: str) -> None:
    found = answers[script]["results"][check]
    assert found == "ok", found


def test_what_was_measured(answers: dict[str, Any]) -> None:
    print({script: found["measured"] for script, found in answers.items()})
    assert answers["styleid_checks"]["measured"]["gamma 0.75, 50"] <= 1e-4
    assert answers["deadiff_checks"]["measured"]["sampling, both"] <= 1e-4
