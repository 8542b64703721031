"""What scripts of checks, which the host's own Python runs, have in common; `scripts.py` reads what they print."""

from __future__ import annotations

import json
import traceback
from collections.abc import Mapping
from typing import Any

import torch


def refused(work: Any) -> str:
    """The message, which is one sentence, with which this is refused."""
    said = None
    try:
        work()
    except Exception as error:
        said = str(error)
    assert said is not None, "it was not refused"
    assert "\n" not in said, said
    return said


def run_all(names: Mapping[str, Any], measured: Mapping[str, Any]) -> None:
    """Call all functions called check_... as the host calls nodes, and print one line of JSON."""
    results = {}
    for name, check in list(names.items()):
        if name.startswith("check_"):
            try:
                with torch.inference_mode():
                    check()
                results[name] = "ok"
            except Exception:
                results[name] = traceback.format_exc()[-1500:]
    print("RESULTS" + json.dumps({"results": results, "measured": measured}))
