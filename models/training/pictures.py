"""Folders of pictures as an endless, seeded stream of crops."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

EXTENSIONS = {".jpg", ".jpeg", ".png", ".webp", ".bmp"}


class PictureFolder:
    """Pictures decoded once and kept as small uint8 arrays; `crop` draws one at a random scale, place and flip.

    Every picture is kept with its shorter side at most `side` pixels. Raises ValueError for folders without pictures.
    """

    def __init__(self, folders: Iterable[Path], side: int = 512, leave_out: Iterable[str] = ()) -> None:
        left_out = set(leave_out)
        paths = sorted(p for folder in folders for p in Path(folder).rglob("*") if p.suffix.lower() in EXTENSIONS)
        self.paths = [p for p in paths if p.name not in left_out]
        if not self.paths:
            raise ValueError("no pictures found: give folders that hold .jpg, .png, .webp or .bmp files")
        self.pictures = [self._read(p, side) for p in self.paths]

    @staticmethod
    def _read(path: Path, side: int) -> Image.Image:
        with Image.open(path) as opened:
            picture = opened.convert("RGB")
        scale = side / min(picture.size)
        if scale < 1:
            picture = picture.resize([max(side, round(s * scale)) for s in picture.size], Image.Resampling.LANCZOS)
        return picture

    def crop(self, rng: np.random.Generator, size: int, shorter: tuple[int, int]) -> Tensor:
        """[3, size, size] in 0..1: a crop of one picture resized so that its shorter side lies in `shorter`."""
        picture = self.pictures[rng.integers(len(self.pictures))]
        target = max(size, int(rng.integers(shorter[0], shorter[1] + 1)))
        width, height = picture.size
        scale = target / min(width, height)
        box_side = size / scale
        left, top = rng.uniform(0, max(width - box_side, 0)), rng.uniform(0, max(height - box_side, 0))
        box = (left, top, min(left + box_side, width), min(top + box_side, height))
        crop = picture.resize((size, size), Image.Resampling.BILINEAR, box=box)
        if rng.random() < 0.5:
            crop = crop.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        return torch.from_numpy(np.asarray(crop).copy()).permute(2, 0, 1).float() / 255

    def batch(self, rng: np.random.Generator, count: int, size: int, shorter: tuple[int, int]) -> Tensor:
        """[count, 3, size, size] in 0..1."""
        return torch.stack([self.crop(rng, size, shorter) for _ in range(count)])
