"""The text objective on the real host's own CLIP code, with tiny CLIPs, against transformers' CLIP."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from style_atelier.tests.host.comfy import ROOT, Comfy, find_comfyui, python_of

pytestmark = pytest.mark.host
SCRIPT = Path(__file__).with_name("clip_checks.py")
CHECKS = re.findall(r"^def (check_\w+)", SCRIPT.read_text(encoding="utf-8"), re.MULTILINE)
SECONDS = 600


@pytest.fixture(scope="module")
def answers(comfy: Comfy, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the checks said, run by the host's Python."""
    comfyui = find_comfyui()
    assert comfyui is not None
    command = [python_of(comfyui), str(SCRIPT), str(comfyui), str(ROOT), str(tmp_path_factory.mktemp("clip"))]
    environment = os.environ | {"OMP_NUM_THREADS": "2", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, cwd=comfyui, env=environment, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULTS")]
    assert lines, done.stderr[-3000:]
    return json.loads(lines[-1].removeprefix("RESULTS"))


@pytest.mark.parametrize("check", CHECKS)
def test_it_holds(answers: dict[str, Any], check: str) -> None:
    assert answers["results"][check] == "ok", answers["results"][check]


def test_what_was_measured(answers: dict[str, Any]) -> None:
    print(answers["measured"])
    assert max(answers["measured"][name] for name in ("texts", "pictures", "gradient")) < 1e-4
