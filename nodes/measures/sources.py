"""Sets of pictures for nodes: a batch on a wire, or a folder of the host's input or output folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import folder_paths
from torch import Tensor

from ..host.images import from_image

if TYPE_CHECKING:
    from ...models.metrics.pictures import Item

NONE = "none"
DEPTH = 3
MOST_FOLDERS = 500
MEASURES = "style_atelier_measures"
FOLDER_TOOLTIP = "Or a folder with pictures in the input or output folder: {what}, read one at a time."


def roots() -> dict[str, Path]:
    """Where folders may lie, by the first part of their names."""
    return {"input": Path(folder_paths.get_input_directory()), "output": Path(folder_paths.get_output_directory())}


def folder_choices() -> list[str]:
    """ "none", then every folder that has pictures, such as input/photos."""
    found = (name for root, place in roots().items() for name in with_pictures(place, root, DEPTH))
    return [NONE, *sorted(islice(found, MOST_FOLDERS))]


def with_pictures(folder: Path, name: str, depth: int) -> Iterator[str]:
    """Names of this folder and those in it that hold pictures. Links are not followed."""
    from ...models.metrics.pictures import SUFFIXES

    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    if any(entry.name.lower().endswith(SUFFIXES) for entry in entries):
        yield name
    for entry in entries:
        if depth and entry.is_dir(follow_symlinks=False) and not entry.name.startswith("."):
            yield from with_pictures(folder / entry.name, f"{name}/{entry.name}", depth - 1)


def chosen_folder(choice: str, name: str) -> Path:
    """The folder of a choice. Raises ValueError for one that is not there or leads out."""
    first, _, rest = choice.partition("/")
    root = roots().get(first)
    place = None if root is None else (root / rest).resolve()
    if root is None or place is None or not place.is_relative_to(root.resolve()) or not place.is_dir():
        raise ValueError(f"{name} {choice!r} is no folder in the input or output folder: put pictures there, or choose another")
    return place


def items_of(images: Tensor | None, choice: str, name: str) -> list[Item]:
    """The pictures of a batch or a folder, exactly one of which is to be given. Raises ValueError, in a sentence."""
    from ...models.metrics.pictures import of_batch, of_folder

    if images is not None and choice != NONE:
        raise ValueError(f"{name} is connected and {name}_folder is {choice!r}: disconnect one, or set the folder to {NONE}")
    if images is not None:
        return of_batch(from_image(images, name).rgb, name)
    if choice == NONE:
        raise ValueError(f"{name} has no pictures: connect a batch, or choose a folder in {name}_folder")
    return of_folder(chosen_folder(choice, f"{name}_folder"))


def stamp(choice: str) -> str:
    """What changes when a folder does."""
    from ...models.metrics.pictures import SUFFIXES

    if choice == NONE:
        return ""
    try:
        files = sorted(os.scandir(chosen_folder(choice, "folder")), key=lambda entry: entry.name)
        return " ".join(f"{f.name}:{f.stat().st_mtime_ns}:{f.stat().st_size}" for f in files if f.name.lower().endswith(SUFFIXES))
    except (ValueError, OSError):
        return "missing"


def feature_cache() -> Path:
    """Where features are kept between runs."""
    return Path(folder_paths.get_output_directory(), MEASURES, "features")
