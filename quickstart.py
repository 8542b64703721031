"""Everything set up in one command, on a machine that has only Python and pip.

    python quickstart.py demo    makes the first pictures: no ComfyUI, no graphics card, no download of weights
    python quickstart.py test    runs the checks and tests

Each makes an environment of its own in the user's cache folder, named after what it installs; the second run starts at once.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import subprocess
import sys
import time
import venv
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent
EXTRAS = {"demo": "headless", "test": "test"}
DEMO = ("01 First picture", "03 Neural style")  # workflows: the built-in stylizer, then the one-box optimization
FINISHED = "finished"
SECONDS_BETWEEN_SIGNS = 20
MOST_WORKERS = 3  # of the tests: the page's, the running ComfyUI's, and all others
NO_TESTS = 5  # the exit code of pytest when nothing was left to run: no failure of one half, but of both


def cache_folder() -> Path:
    """The user's cache folder on this system."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData/Local")) / "style-atelier"
    if sys.platform == "darwin":
        return Path.home() / "Library/Caches/style-atelier"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "style-atelier"


def requirements(extra: str) -> list[str]:
    """The list of an extra in pyproject.toml. Read line by line: Python 3.10 has no TOML reader."""
    lines = (ROOT / "pyproject.toml").read_text(encoding="utf-8").splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(f"{extra} = ["))
    text = ""
    for line in lines[start:]:
        text += line
        if line.rstrip().endswith("]"):
            break
    return [part.strip().strip('"') for part in text.split("[", 1)[1].rstrip("] ").split(",") if part.strip()]


def python_of(folder: Path) -> Path:
    """The environment's Python."""
    return folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """One set-up at a time; the lock goes away with the process that holds it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(folder.with_name(folder.name + ".lock"), "w", encoding="ascii") as lock:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(lock.fileno(), msvcrt.LK_LOCK, 1)
        else:
            import fcntl

            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def environment(extra: str) -> Path:
    """The Python of an environment with this extra installed; made when missing or half made."""
    wanted = requirements(extra)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    name = hashlib.sha256("\n".join([version, sys.prefix, *wanted]).encode()).hexdigest()[:12]
    folder = cache_folder() / f"{extra}-{version}-{name}"
    with alone(folder):
        if not (folder / FINISHED).exists():
            print(f"Setting up {folder}", flush=True)
            venv.create(folder, with_pip=True, clear=folder.exists())
            install(python_of(folder), wanted)
            (folder / FINISHED).write_text("\n".join(wanted), encoding="utf-8")
    return python_of(folder)


def install(python: Path, packages: Sequence[str]) -> None:
    """pip install, with a sign of life while it is quiet."""
    print(f"Installing {', '.join(packages)} (a few minutes the first time)", flush=True)
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", *packages]
    began = time.monotonic()
    process = subprocess.Popen(command)
    while True:
        try:
            code = process.wait(SECONDS_BETWEEN_SIGNS)
            break
        except subprocess.TimeoutExpired:
            print(f"  still installing, {time.monotonic() - began:.0f} s", flush=True)
    if code:
        raise SystemExit("The packages could not be installed: see pip's message above, and check network and disk space.")


def settings(processes: int) -> dict[str, str]:
    """The environment variables that everything here runs with, so many at once."""
    threads = str(max(1, min(os.cpu_count() or 1, 8) // processes))
    return {"OMP_NUM_THREADS": threads, **os.environ, "DO_NOT_TRACK": "1", "PYTHONUTF8": "1"}


def run(command: Sequence[str | Path], processes: int = 1) -> int:
    """Run a command in the pack's folder."""
    return subprocess.run([str(part) for part in command], cwd=ROOT, env=settings(processes), check=False).returncode


def demo(options: argparse.Namespace) -> int:
    """The fast workflow and the slow one on the sample pictures, then all side by side."""
    python = environment(EXTRAS["demo"])
    folder = options.output_dir.resolve()
    pictures = [options.content.resolve(), options.style.resolve()]
    results = []
    for name in DEMO:
        before = {p: p.stat().st_mtime_ns for p in folder.rglob("*.png")}
        inputs = [part for picture in pictures for part in ("--input", picture)]
        code = run([python, ROOT / "headless", "run", ROOT / f"example_workflows/{name}.json", *inputs, "--output-dir", folder])
        if code:
            return code
        made = [p for p in folder.rglob("*.png") if before.get(p) != p.stat().st_mtime_ns]
        results.append(max(made, key=lambda p: p.stat().st_mtime_ns))
    beside = folder / "side_by_side.png"
    code = run([python, ROOT / "docs/samples/side_by_side.py", beside, *pictures, *results])
    if code:
        return code
    print(f"\nThe stylized picture, at once:         {results[0]}\nThe same by optimization:              {results[1]}")
    print(f"Beside the photo and the painting:     {beside}")
    return 0


def test(options: argparse.Namespace) -> int:
    """Lint, types, then the tests; the first failure's code, 0 when all passed."""
    python = environment(EXTRAS["test"])
    checks = [["ruff", "check", "."], ["ruff", "format", "--check", "."], ["pyright"]]
    codes = []
    for check in checks:
        print(f"== {' '.join(check)}", flush=True)
        codes.append(run([python, "-m", *check, *(["--pythonpath", python] if check[0] == "pyright" else [])]))
    print("== pytest", flush=True)
    workers = min(os.cpu_count() or 1, MOST_WORKERS)
    together = ["-n", str(workers), "--dist", "loadscope", "--alone", "never"]
    halves = [
        run([python, "-m", "pytest", *together, *options.arguments], workers),
        run([python, "-m", "pytest", "--alone", "only", *options.arguments]),
    ]
    codes += [code for code in halves if code != NO_TESTS] or [NO_TESTS]
    return next((code for code in codes if code), 0)


def main() -> int:
    """Run one of the two commands."""
    if sys.version_info < (3, 10):  # noqa: UP036 (an older Python is told so instead of failing on syntax)
        print("Style Atelier needs Python 3.10 or newer.")
        return 2
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    first = commands.add_parser("demo", help="make the first pictures")
    first.add_argument("--content", type=Path, default=ROOT / "samples/photo.jpg", help="a photograph")
    first.add_argument("--style", type=Path, default=ROOT / "samples/painting.jpg", help="a painting")
    first.add_argument("--output-dir", type=Path, default=Path("style-atelier-demo"))
    first.set_defaults(command=demo)
    second = commands.add_parser("test", help="run the checks and tests; further arguments go to pytest")
    second.set_defaults(command=test)
    options, rest = parser.parse_known_args()
    if rest and options.command is demo:
        parser.error(f"unknown arguments: {' '.join(rest)}")
    options.arguments = rest
    return options.command(options)


if __name__ == "__main__":
    sys.exit(main())
