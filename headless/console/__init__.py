"""The console script `style-atelier`: finds the pack and starts its command line.

Without a ComfyUI the pack cannot be imported by name (its `__init__.py` is what ComfyUI loads), so the script goes by path.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
INSTALLED, CHECKOUT = HERE / "pack", HERE.parents[1]


def main() -> None:
    """Run `headless` of the installed pack, or of the checkout this file is in."""
    headless = (INSTALLED if INSTALLED.is_dir() else CHECKOUT) / "headless"
    sys.argv[0] = "style-atelier"
    runpy.run_path(str(headless), run_name="__main__")
