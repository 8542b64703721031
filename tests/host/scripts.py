"""Scripts of checks that the host's own Python runs."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

from .comfy import ROOT, find_comfyui, python_of

SECONDS = 600


def checks_of(script: Path) -> list[str]:
    """Names of a script's checks."""
    return re.findall(r"^def (check_\w+)", script.read_text(encoding="utf-8"), re.MULTILINE)


def answers_of(script: Path, folder: Path) -> dict[str, Any]:
    """{"results": {check: "ok" or a traceback}, "measured": {...}}; folder: an empty one for the script's files."""
    comfyui = find_comfyui()
    assert comfyui is not None
    command = [python_of(comfyui), str(script), str(comfyui), str(ROOT), str(folder)]
    environment = os.environ | {"OMP_NUM_THREADS": "2", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, cwd=comfyui, env=environment, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULTS")]
    assert lines, done.stderr[-3000:]
    return json.loads(lines[-1].removeprefix("RESULTS"))
