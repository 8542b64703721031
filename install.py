"""Run by ComfyUI-Manager after the pack is cloned: checks versions, makes the model folders, and fetches weights when asked to.

    python install.py                           check and make folders
    python install.py --list                    the networks that can be fetched
    python install.py --prefetch wct-16x adain  fetch them now, for a machine that goes offline

Nothing but Python itself is needed, and nothing is downloaded unless asked for.
"""

from __future__ import annotations

import argparse
import importlib
import re
import shutil
import sys
import time
import types
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACK = Path(__file__).absolute().parent
MODEL_FOLDER = "style_atelier"
FAMILY_FOLDERS = (
    *("adain", "wct", "wct16x", "vgg", "own"),
    *("adaattn", "cap_vstnet", "cin", "ghiasi", "johnson", "microast", "styleformer"),
    *("animegan2", "cyclegan", "funit", "munit", "photo2cartoon", "pix2pix", "stargan", "stargan2", "ugatit"),
    *("alexnet", "cartoongan", "cut", "deadiff", "inception", "squeezenet", "stlpips"),
    *("controlnext", "stylegan", "stylegan2", "stylegan3", "styleformer_gan"),
)
SAMPLES = {
    "photo.jpg": "style_atelier_photo.jpg",
    "painting.jpg": "style_atelier_painting.jpg",
    "painting_pond.jpg": "style_atelier_painting_2.jpg",
    "painting_ink.jpg": "style_atelier_painting_3.jpg",
    "painting_dots.jpg": "style_atelier_painting_4.jpg",
    "painting_glass.jpg": "style_atelier_painting_5.jpg",
    "painting_woodcut.jpg": "style_atelier_painting_6.jpg",
    "portrait.jpg": "style_atelier_portrait.jpg",
    "coffee.jpg": "style_atelier_coffee.jpg",
    "raccoon.jpg": "style_atelier_raccoon.jpg",
    "rocket.jpg": "style_atelier_rocket.jpg",
    "stars.jpg": "style_atelier_stars.jpg",
    "clip.mp4": "style_atelier_clip.mp4",
}
OLDEST_PYTHON = (3, 10)
OLDEST = {"torch": (2, 4), "safetensors": (0, 4)}
OLDEST_COMFYUI = (0, 18, 1)
# The scripts of ComfyUI-Manager load nothing of the pack, whose own name may not even be importable.
PACKAGE = "_style_atelier_install"


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line asks; 0 when all went well, 1 when something has to be put right, 130 when interrupted."""
    options = _parser().parse_args(arguments)
    if sys.version_info < OLDEST_PYTHON:
        return _fail(f"Style Atelier needs Python {_text(OLDEST_PYTHON)} or newer; this is {sys.version.split()[0]}.")
    catalogue_module = _weights_module("catalogue")
    catalogue = catalogue_module.load_catalogue()
    if options.list:
        _list(catalogue)
        return 0
    old = too_old("torch")
    if old:
        return _fail(
            f"Style Atelier needs PyTorch {_text(OLDEST['torch'])} or newer; this is {old}: update ComfyUI's requirements."
        )
    host = find_comfyui(PACK)
    models = options.models_dir or (host and host / "models")
    for warning in version_warnings(host):
        print(f"Warning: {warning}")
    if host:
        copy_samples(PACK / "samples", host / "input")
    if models:
        print(f"Model folders are in {make_folders(models)}.")
    else:
        print(
            "This pack does not lie in ComfyUI's custom_nodes folder, so no model folders are made; name one with --models-dir."
        )
    if not options.prefetch:
        return 0
    if not models:
        return _fail("--prefetch needs to know where models are kept: add --models-dir FOLDER.")
    return _prefetch(options.prefetch, catalogue, models / MODEL_FOLDER)


def find_comfyui(pack: Path) -> Path | None:
    """The folder of the ComfyUI whose custom_nodes folder holds `pack`, None when there is none."""
    return pack.parent.parent if pack.parent.name == "custom_nodes" else None


def make_folders(models: Path) -> Path:
    """Make the pack's folders under ComfyUI's `models` folder and return their parent."""
    root = models / MODEL_FOLDER
    for name in FAMILY_FOLDERS:
        (root / name).mkdir(parents=True, exist_ok=True)
    return root


def copy_samples(samples: Path, inputs: Path) -> list[Path]:
    """Copy the example workflows' pictures into ComfyUI's `inputs` folder, leaving what is there; returns the new ones."""
    made = []
    for source, target in SAMPLES.items():
        if (samples / source).is_file() and not (inputs / target).exists():
            inputs.mkdir(parents=True, exist_ok=True)
            made.append(Path(shutil.copyfile(samples / source, inputs / target)))
    return made


def version_warnings(host: Path | None) -> list[str]:
    """A sentence for each part of the surroundings that is missing or too old; nothing is imported."""
    found = []
    for name, oldest in OLDEST.items():
        try:
            installed = version(name)
        except PackageNotFoundError:
            found.append(f"{name} is not installed for {sys.executable}; run this with the Python that runs ComfyUI.")
            continue
        if too_old(name):
            found.append(f"{name} {installed} is older than {_text(oldest)}; update ComfyUI's requirements.")
    comfyui = comfyui_version(host) if host else None
    if comfyui and _numbers(comfyui) < OLDEST_COMFYUI:
        found.append(f"ComfyUI {comfyui} is older than {_text(OLDEST_COMFYUI)}; update ComfyUI.")
    return found


def too_old(name: str) -> str:
    """The installed version of a package that is older than the pack can do with, "" for one that is not."""
    try:
        installed = version(name)
    except PackageNotFoundError:
        return ""
    return installed if _numbers(installed) < OLDEST[name] else ""


def comfyui_version(host: Path) -> str | None:
    """The version that the ComfyUI in `host` states, None when it states none."""
    try:
        text = (host / "comfyui_version.py").read_text(encoding="utf-8")
    except OSError:
        return None
    found = re.search(r"__version__\s*=\s*[\"']([^\"']+)", text)
    return found[1] if found else None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="install.py", description="Set up Style Atelier in ComfyUI.")
    parser.add_argument(
        "--prefetch", nargs="+", metavar="NAME", help="fetch these networks now ('recommended' and 'all' work too)"
    )
    parser.add_argument("--list", action="store_true", help="list the networks that can be fetched")
    parser.add_argument("--models-dir", type=Path, metavar="FOLDER", help="ComfyUI's models folder, when it is elsewhere")
    return parser


def _weights_module(name: str) -> Any:
    """A module of models/weights, loaded without the packages around it."""
    if PACKAGE not in sys.modules:
        package = types.ModuleType(PACKAGE)
        package.__path__ = [str(PACK / "models" / "weights")]
        sys.modules[PACKAGE] = package
    return importlib.import_module(f"{PACKAGE}.{name}")


def _list(catalogue: Any) -> None:
    width = max(len(entry.name) for entry in catalogue.entries)
    for entry in catalogue.entries:
        sizes = [spec.size for spec in entry.files]
        size = "size not published" if None in sizes else f"{sum(sizes) / 1e6:.0f} MB"
        star = " (recommended)" if entry.recommended else " (to get by hand)" if entry.manual else ""
        print(f"{entry.name:{width}} {entry.title}: {size}, {entry.license.id}{star}")


def _prefetch(names: list[str], catalogue: Any, root: Path) -> int:
    download, errors = _weights_module("download"), _weights_module("errors")
    settings = download.settings_from_environment()
    try:
        for entry in _chosen(names, catalogue):
            for spec in entry.files:
                download.fetch(spec, root, catalogue.hosts, settings, _Bar(spec.path))
                print(f"\r{spec.path}: complete{'':24}")
    except errors.WeightsError as error:
        return _fail(str(error))
    except KeyboardInterrupt:
        print("\nStopped; the same command goes on from here.")
        return 130
    return 0


def _chosen(names: list[str], catalogue: Any) -> list[Any]:
    if "all" in names:
        return [entry for entry in catalogue.entries if not entry.manual]
    recommended = [entry for entry in catalogue.entries if entry.recommended] if "recommended" in names else []
    return recommended + [catalogue.entry(name) for name in names if name != "recommended"]


class _Bar:
    """Prints how far a download is, a few times a second."""

    def __init__(self, name: str) -> None:
        self._name, self._last = name, 0.0

    def __call__(self, done: int, total: int | None) -> None:
        now = time.monotonic()
        if now - self._last >= 0.5:
            self._last = now
            print(f"\r{self._name}: {done / 1e6:.1f}{f' of {total / 1e6:.1f}' if total else ''} MB   ", end="", flush=True)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", text.partition("+")[0])[:3])


def _text(numbers: tuple[int, ...]) -> str:
    return ".".join(map(str, numbers))


def _fail(message: str) -> int:
    print(f"Error: {message}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
