"""`python /path/to/pack/headless ...`, and the console script."""

from __future__ import annotations

import importlib
import os
import sys
import types
from pathlib import Path

HERE = Path(__file__).resolve().parent


def package() -> str:
    """The name under which the pack's parts are imported.

    Started as a script there is none, and the pack's folder may have any name: a package is made that only knows where it
    lies. The script's own folder leaves sys.path, where it would offer `run` or `host` to everybody.
    """
    if __package__:
        return __package__
    sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != HERE]
    pack = types.ModuleType("style_atelier")
    pack.__path__ = [str(HERE.parent)]
    sys.modules["style_atelier"] = pack
    return "style_atelier.headless"


def main(argv: list[str] | None = None) -> int:
    """Run a command line; its exit code. Whoever reads the output may stop reading (`| head`)."""
    try:
        code = importlib.import_module(f"{package()}.cli").main(argv)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the interpreter flushes once more as it ends
        return 0
    return code


if __name__ == "__main__":
    sys.exit(main())
