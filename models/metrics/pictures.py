"""Sets of pictures for measures: of a folder, one file at a time, or of a batch; known by their contents."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")


@dataclass(frozen=True, eq=False)
class Item:
    """A picture that is read when it is needed. name: by which pairs are found. content: the bytes that it is known by."""

    name: str
    read: Callable[[], Tensor]
    content: Callable[[], bytes]

    def load(self) -> Tensor:
        """[1, 3, H, W] float32 in 0..1."""
        return self.read()

    @cached_property
    def digest(self) -> str:
        """sha256 of its contents."""
        return hashlib.sha256(self.content()).hexdigest()


def of_folder(folder: Path) -> list[Item]:
    """The pictures of a folder (not of those in it) by name. Raises ValueError where there are none."""
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file())
    if not paths:
        raise ValueError(f"there are no pictures in {folder}: put some there, or choose another folder")
    return [of_file(path) for path in paths]


def of_file(path: Path) -> Item:
    """One picture file, its name without the suffix."""
    return Item(path.stem, lambda: read_picture(path), path.read_bytes)


def of_batch(images: Tensor, name: str) -> list[Item]:
    """The pictures of [B, 3, H, W] in 0..1, numbered from 1."""
    return [
        Item(f"{name}_{number:05d}", lambda x=image: x[None], lambda x=image: x.contiguous().cpu().numpy().tobytes())
        for number, image in enumerate(images.float(), 1)
    ]


def read_picture(path: Path) -> Tensor:
    """[1, 3, H, W] in 0..1 of eight bits. Raises ValueError, in a sentence, for files that are none."""
    try:
        with Image.open(path) as opened:
            pixels = np.asarray(opened.convert("RGB"))
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path.name} is no picture that can be read ({error}): remove it, or save it anew") from error
    return torch.from_numpy(pixels.copy()).movedim(-1, 0)[None].float() / 255


def paired(results: Sequence[Item], contents: Sequence[Item]) -> list[tuple[Item, Item]]:
    """Both sorted by name, one by one, as ArtFID does. Raises ValueError unless they are equally many."""
    if len(results) != len(contents):
        raise ValueError(
            f"contents has {len(contents)} pictures for {len(results)} results: give each result its own, in the same order of "
            "names"
        )
    return list(zip(sorted(results, key=lambda i: i.name), sorted(contents, key=lambda i: i.name), strict=True))
