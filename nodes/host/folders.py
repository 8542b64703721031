"""The host's folders: where the person's files and the published ones lie, and how they are found and fetched."""

from __future__ import annotations

import os
import tempfile
import threading
from contextlib import suppress
from pathlib import Path

import folder_paths

from ...models.library.known_files import is_inside, loadable, read_known
from ...models.library.published import entry_with, published_check
from ...models.weights.catalogue import FileSpec, load_catalogue
from ...models.weights.download import fetch, settings_from_environment
from ...models.weights.endings import ENDINGS
from ...models.weights.files import inside
from ...models.weights.verification import SESSION
from ...models.weights.words import shown
from ...models.weights.writing import sweep
from .feedback import fetch_progress, show

FOLDER = "style_atelier"


def register_folder() -> None:
    """Add models/style_atelier to the host's model folders, after those of extra_model_paths.yaml."""
    own = str(Path(folder_paths.models_dir, FOLDER))
    known, _ = folder_paths.folder_names_and_paths.get(FOLDER, ([], set()))
    folder_paths.folder_names_and_paths[FOLDER] = ([*known, *([] if own in known else [own])], set(ENDINGS))


def model_files(kind: str = "") -> list[str]:
    """The person's files under models/style_atelier, relative and with forward slashes, as `Locator.file` takes them: without
    links that lead out of their folder. kind: only what a loader for it can load, or what nobody has looked into yet.
    """
    folders = [Path(folder) for folder in folder_paths.get_folder_paths(FOLDER)]
    known = read_known(folders[0]) if kind and folders else {}
    found = []
    for listed in folder_paths.get_filename_list(FOLDER):
        name = listed.replace("\\", "/")
        folder = next((folder for folder in folders if is_inside(folder, name)), None)
        if folder is not None and (not kind or loadable(known, name, folder / name, kind)):
            found.append(name)
    return found


def file_stamp(choice: str | None) -> int:
    """When the file of this choice was last changed (ns); 0 for a choice that is no file, or comes over a wire (None)."""
    try:
        path = folder_paths.get_full_path(FOLDER, choice) if choice else None
        return Path(path).stat().st_mtime_ns if path else 0
    except (OSError, ValueError, TypeError):  # no name of a file: the node itself says so
        return 0


def temporary_file(suffix: str) -> Path:
    """A new empty file in the host's temporary folder, which the host empties when it starts and ends."""
    folder = Path(folder_paths.get_temp_directory())
    folder.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(suffix, "style_atelier_", folder)
    os.close(descriptor)
    return Path(name)


def sweep_folders() -> None:
    """Remove, in the background, what writers of an earlier run that was killed have left."""
    outputs = Path(folder_paths.get_output_directory())
    roots = [*(Path(folder) for folder in folder_paths.get_folder_paths(FOLDER)), *outputs.glob(f"{FOLDER}*")]

    def work() -> None:
        sweep(outputs)
        for root in roots:
            sweep(root)
            for folder in root.rglob("*"):
                if folder.is_dir() and not folder.is_symlink():
                    sweep(folder)

    threading.Thread(target=work, daemon=True, name="style-atelier-sweep").start()


class Locator:
    """Finds and downloads files for models.library, and remembers which it gave out."""

    def __init__(self) -> None:
        self.files: list[tuple[Path, int]] = []

    def file(self, name: str) -> Path:
        """A file of the person's under a models/style_atelier folder. Raises ValueError when it is not there."""
        folders = [Path(folder).resolve() for folder in folder_paths.get_folder_paths(FOLDER)]
        for folder in folders:
            with suppress(ValueError):
                path = inside(folder, name)
                if path.is_file():
                    return self.remember(path, watched=True)
        raise ValueError(
            f"There is no file {shown(name, 80)!r} under {folders[0]} (links that lead out of it are not followed): put it "
            "there, or choose another entry of the list."
        )

    def fetch(self, spec: FileSpec) -> Path:
        """A published file, downloaded to the first models/style_atelier folder unless one of them has it."""
        folders = [Path(folder) for folder in folder_paths.get_folder_paths(FOLDER)]
        present = next((folder for folder in folders if (folder / spec.path).is_file()), None)
        progress = fetch_progress(f"{'downloading' if present is None else 'checking'} {spec.path}")
        check, settings = published_check(entry_with(spec), spec), settings_from_environment()
        path = fetch(spec, present or folders[0], load_catalogue().hosts, settings, progress, check)
        return self.remember(path, watched=True)

    def find(self, spec: FileSpec) -> Path | None:
        """A published file that one of the models/style_atelier folders has already, or None."""
        places = (Path(folder) / spec.path for folder in folder_paths.get_folder_paths(FOLDER))
        present = next((path for path in places if path.is_file()), None)
        return None if present is None else self.remember(present)

    def remember(self, path: Path, watched: bool = False) -> Path:
        """Note the file's time, so that a changed file is read again. watched: its bytes are to be what they were.

        Raises CheckpointError for a file whose bytes have changed and whose date has not.
        """
        told = SESSION.used(path, settings_from_environment().verify) if watched else ""
        if told:
            show(told)
        self.files.append((path, path.stat().st_mtime_ns))
        return path
