"""Features of sets of pictures, kept on disk by what they were made of: a set is looked at once, with a batch in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from ..progress import Progress, silent
from ..weights.writing import write_over
from .layouts import Layout, laid_out
from .pictures import Item

SHARD = 256  # pictures of a file
TOGETHER = 8  # pictures that the network sees at once
CPU = torch.device("cpu")
VERSION = "1"  # of what the files mean


class FeatureNetwork(Protocol):
    """Pictures [B, 3, H, W] as a layout has them -> features [B, width]."""

    @property
    def width(self) -> int: ...

    def __call__(self, pictures: Tensor) -> Tensor: ...


@dataclass(frozen=True)
class Extractor:
    """What looks at pictures. identity: sha256 of the network's weights."""

    network: FeatureNetwork
    layout: Layout
    identity: str
    device: torch.device = CPU

    @torch.no_grad()
    def __call__(self, items: Sequence[Item]) -> Tensor:
        """Features [N, D] of pictures of any sizes, on the processor."""
        found: list[Tensor] = []
        prepared = (laid_out(item.load(), self.layout) for item in items)
        for _, alike in groupby(prepared, key=lambda x: x.shape[-2:]):
            batch = list(alike)
            for start in range(0, len(batch), TOGETHER):
                found.append(self.network(torch.cat(batch[start : start + TOGETHER]).to(self.device)).float().cpu())
        return torch.cat(found)


@dataclass(frozen=True)
class FeatureSet:
    """Features of `count` pictures, in files of up to 256."""

    files: tuple[Path, ...]
    count: int

    def blocks(self) -> Iterator[Tensor]:
        """[up to 256, D] after another."""
        for file in self.files:
            yield torch.from_numpy(np.load(file, allow_pickle=False))

    def whole(self) -> Tensor:
        """All of them, [N, D]."""
        return torch.cat(list(self.blocks()))


class FeatureStore:
    """A folder of features. Whatever is in it can be made again and may be deleted at any time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def features(self, items: Sequence[Item], extract: Extractor, progress: Progress = silent) -> FeatureSet:
        """Of all pictures, in order; only those that are not there yet are looked at. A stop loses less than a file."""
        files = []
        for start in range(0, len(items), SHARD):
            part = items[start : start + SHARD]
            file = self.place(part, extract)
            if not usable(file, len(part), extract.network.width):
                found = []
                for index in range(0, len(part), TOGETHER):
                    found.append(extract(part[index : index + TOGETHER]))
                    progress(start + min(index + TOGETHER, len(part)), len(items))
                write(file, torch.cat(found))
            files.append(file)
            progress(start + len(part), len(items))
        return FeatureSet(tuple(files), len(items))

    def place(self, part: Sequence[Item], extract: Extractor) -> Path:
        """The file of these pictures: its name is a hash of theirs, of the weights' and of how pictures are laid out."""
        facts = "\n".join([VERSION, extract.identity, extract.layout, *(item.digest for item in part)])
        return self.folder / f"{hashlib.sha256(facts.encode()).hexdigest()[:40]}.npy"


def usable(file: Path, count: int, width: int) -> bool:
    """Whether it holds features of so many pictures: a damaged one is made again."""
    try:
        stored = np.load(file, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return False
    return stored.shape == (count, width) and stored.dtype == np.float32


def write(file: Path, features: Tensor) -> None:
    """Features [N, D] into that file."""

    def save(name: str) -> None:
        with open(name, "wb") as stream:  # given a name, NumPy would add its own ending
            np.save(stream, features.numpy(), allow_pickle=False)

    write_over(file, save)
