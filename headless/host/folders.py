"""The embedded host's `folder_paths`: where models, inputs and outputs are."""

from __future__ import annotations

import os
from pathlib import Path

from ...models.weights.files import inside
from ...models.weights.words import shown

folder_names_and_paths: dict[str, tuple[list[str], set[str]]] = {}
models_dir = ""
_places: dict[str, str] = {}
EXTENSIONS = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif"}  # of pictures


def place(models: Path, inputs: Path, outputs: Path, temporary: Path) -> None:
    """Set the folders of this run; made where they are missing."""
    global models_dir
    for path in (models, inputs, outputs, temporary):
        path.mkdir(parents=True, exist_ok=True)
    if models_dir != str(models):
        folder_names_and_paths.clear()
    models_dir = str(models)
    _places.update(input=str(inputs), output=str(outputs), temp=str(temporary))


def get_input_directory() -> str:
    """Where LoadImage looks."""
    return _places["input"]


def get_output_directory() -> str:
    """Where SaveImage writes."""
    return _places["output"]


def get_temp_directory() -> str:
    """Where previews go."""
    return _places["temp"]


def get_folder_paths(folder_name: str) -> list[str]:
    """The folders of a kind of model."""
    return list(folder_names_and_paths[folder_name][0])


def get_filename_list(folder_name: str) -> list[str]:
    """The files of a kind of model, relative to its folders, sorted."""
    folders, extensions = folder_names_and_paths[folder_name]
    found = {
        str(path.relative_to(folder))
        for folder in folders
        for path in Path(folder).rglob("*")
        if path.is_file() and (not extensions or path.suffix.lower() in extensions)
    }
    return sorted(found)


def get_full_path(folder_name: str, filename: str) -> str | None:
    """The first of a kind's folders that has the file; None when none has. Names cannot leave the folder."""
    for folder in get_folder_paths(folder_name):
        try:
            path = inside(Path(folder), filename)
        except ValueError:
            continue
        if path.is_file():
            return str(path)
    return None


def get_annotated_filepath(name: str, default_dir: str | None = None) -> str:
    """The path of "photo.jpg" or "photo.jpg [output]". Raises ValueError for a name that leaves the folder."""
    folder = default_dir or get_input_directory()
    for kind, path in _places.items():
        if name.endswith(f" [{kind}]"):
            name, folder = name[: -len(kind) - 3], path
    try:
        return str(inside(Path(folder), name))
    except ValueError as error:
        raise ValueError(f"{shown(name, 80)!r} is not inside {folder}: choose a file of that folder") from error


def exists_annotated_filepath(name: str) -> bool:
    """Whether that file is there."""
    return os.path.exists(get_annotated_filepath(name))
