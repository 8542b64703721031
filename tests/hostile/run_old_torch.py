"""Runs the tests of the readers with the oldest PyTorch that the pack allows, in an environment of its own.

python tests/hostile/run_old_torch.py                  in the system's folder for temporary files, made on the first run
python tests/hostile/run_old_torch.py --version 2.5.1  with another one
python tests/hostile/run_old_torch.py --python PATH    in an environment that is there
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TESTS = ("tests/hostile", "tests/weights")
# NumPy 2 came after the oldest one was built; the others are what the tests need.
PACKAGES = ("numpy<2", "safetensors", "Pillow", "scipy", "aiohttp", "av", "pytest")
VISION = {"2.4.1": "0.19.1", "2.5.1": "0.20.1", "2.6.0": "0.21.0"}


def main() -> int:
    """Make the environment where it is missing, and run the tests in it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--version", default="2.4.1", choices=VISION)
    parser.add_argument("--python", type=Path)
    options, rest = parser.parse_known_args()
    python = options.python or environment(options.version)
    return subprocess.run(
        [python, "-m", "pytest", *TESTS, "-q", "-p", "no:cacheprovider", *rest], cwd=ROOT, check=False
    ).returncode


def environment(version: str) -> Path:
    """An environment with this PyTorch."""
    folder = Path(tempfile.gettempdir(), f"style-atelier-torch-{version}")
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    if not (folder / "ready").exists():
        venv.create(folder, with_pip=True, clear=True)
        wanted = [f"torch=={version}", f"torchvision=={VISION[version]}", *PACKAGES]
        subprocess.run([python, "-m", "pip", "install", *wanted], check=True)
        (folder / "ready").touch()
    return python


if __name__ == "__main__":
    sys.exit(main())
