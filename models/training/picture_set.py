"""Pictures to train on: decoded once, kept as bytes within a budget, cut anew for every step."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from .draws import Draws

ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif")
MIB = 1024**2
LARGEST_SIDE = 1024  # of the shorter side of what is kept
MOST_PIXELS = 1 << 28  # of a file: a larger one is no photograph
HUES = torch.tensor([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])  # RGB -> YIQ


@dataclass(frozen=True)
class Cuts:
    """How crops are cut. scale: the crop's share of the picture's shorter side, between these two. flip: half of them, left to
    right. color: by how much brightness, contrast and saturation vary (0 to 1), hue a fifth of that.
    """

    scale: tuple[float, float] = (0.5, 1.0)
    flip: bool = True
    color: float = 0.0

    def __post_init__(self) -> None:
        low, high = self.scale
        if not 0 < low <= high <= 1:
            raise ValueError(f"scale {low} to {high} must rise from above 0 to at most 1.")


@dataclass(frozen=True)
class PictureSet:
    """pictures: uint8 [H, W, 3] each. names: of each. skipped: (name, why) of files that could not be read."""

    pictures: tuple[np.ndarray, ...]
    names: tuple[str, ...]
    cuts: Cuts = Cuts()
    skipped: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        if not self.pictures:
            why = f" ({len(self.skipped)} files could not be read, the first: {self.skipped[0][0]})" if self.skipped else ""
            raise ValueError(f"There is no picture to train on{why}: give at least one.")

    def __len__(self) -> int:
        return len(self.pictures)

    def __repr__(self) -> str:
        return f"{len(self)} pictures"

    @property
    def digest(self) -> str:
        """Of all pixels and of how they are cut."""
        found = hashlib.sha256(repr(self.cuts).encode())
        for picture in self.pictures:
            found.update(repr(picture.shape).encode() + np.ascontiguousarray(picture).tobytes())
        return found.hexdigest()[:32]

    def whole(self, index: int, side: int = 0) -> Tensor:
        """A picture [1, 3, H, W] in 0..1, its shorter side at most `side` pixels (0: as it is)."""
        picture = Image.fromarray(self.pictures[index])
        scale = side / min(picture.size) if side else 1.0
        if scale < 1:
            picture = picture.resize(tuple(max(1, round(s * scale)) for s in picture.size), Image.Resampling.LANCZOS)  # type: ignore[arg-type]
        return as_tensor(picture)

    def crop(self, draws: Draws, name: str, size: int, index: int | None = None) -> Tensor:
        """[1, 3, size, size] in 0..1 of one picture, drawn by chance under this name, or of the one with this number."""
        if index is None:
            index = int(draws.integers(f"{name} which", 0, len(self)))
        numbers = draws.uniform(f"{name} where", (8,)).tolist()
        picture = Image.fromarray(self.pictures[index])
        width, height = picture.size
        low, high = self.cuts.scale
        share = low + (high - low) * numbers[0]
        side = min(width, height) * min(1.0, max(share, min(size / min(width, height), 1.0) * low))
        left, top = numbers[1] * (width - side), numbers[2] * (height - side)
        box = (left, top, left + side, top + side)
        cut = picture.resize((size, size), Image.Resampling.BICUBIC if side < size else Image.Resampling.BILINEAR, box=box)
        if self.cuts.flip and numbers[3] < 0.5:
            cut = cut.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        made = as_tensor(cut)
        return colored(made, self.cuts.color, numbers[4:]) if self.cuts.color else made

    def batch(self, draws: Draws, name: str, count: int, size: int) -> Tensor:
        """[count, 3, size, size] in 0..1."""
        return torch.cat([self.crop(draws, f"{name} {i}", size) for i in range(count)])

    def joined(self, other: PictureSet) -> PictureSet:
        """Both, cut like this one."""
        return PictureSet(
            (*self.pictures, *other.pictures), (*self.names, *other.names), self.cuts, (*self.skipped, *other.skipped)
        )


def as_tensor(picture: Image.Image) -> Tensor:
    """[1, 3, H, W] in 0..1."""
    return torch.from_numpy(np.array(picture.convert("RGB"))).permute(2, 0, 1)[None].float() / 255


def colored(x: Tensor, amount: float, numbers: Sequence[float]) -> Tensor:
    """Brightness, contrast, saturation and hue changed by four numbers in 0..1, whose middle changes nothing."""
    brightness, contrast, saturation, hue = (amount * (2 * number - 1) for number in numbers)
    to_yiq = HUES.to(x)
    angle = 0.2 * math.pi * hue
    turn = torch.tensor([[1, 0, 0], [0, math.cos(angle), -math.sin(angle)], [0, math.sin(angle), math.cos(angle)]]).to(x)
    turn = turn * torch.tensor([1.0, 1 + saturation, 1 + saturation]).to(x)[:, None]
    mixed = torch.linalg.inv(to_yiq) @ turn @ to_yiq
    x = torch.einsum("oi,bihw->bohw", mixed, x)
    mean = x.mean()
    return ((x - mean) * (1 + contrast) + mean + 0.5 * brightness).clamp(0, 1)


def from_folder(folder: Path, cuts: Cuts = Cuts(), budget: float = 512 * MIB) -> PictureSet:
    """Every picture of a folder and those inside it, in the order of their names; links that lead out of it are not followed.

    Files that cannot be read are left out and named. budget: bytes that all of them may take; they are kept smaller where it
    takes that. Raises ValueError for a folder without any.
    """
    root = folder.resolve()
    paths = sorted(p for p in root.rglob("*") if p.suffix.lower() in ENDINGS and p.resolve().is_relative_to(root) and p.is_file())
    if not paths:
        raise ValueError(f"There is no picture in {folder.name}: put .jpg, .png or .webp files into it, or choose its parent.")
    named = ((path.relative_to(root).as_posix(), path) for path in paths)
    return _decoded(named, len(paths), cuts, budget)


def _decoded(named: Iterator[tuple[str, Path]], count: int, cuts: Cuts, budget: float) -> PictureSet:
    kept, names, skipped = [], [], []
    for name, path in named:
        try:
            with Image.open(path) as opened:
                if opened.width * opened.height > MOST_PIXELS:
                    raise ValueError(f"it has {opened.width}x{opened.height} pixels")
                picture = opened.convert("RGB")
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            skipped.append((name, " ".join(str(error).split())[:120] or type(error).__name__))
            continue
        kept.append(_small(picture, budget / count))
        names.append(name)
    return PictureSet(tuple(kept), tuple(names), cuts, tuple(skipped))


def _small(picture: Image.Image, budget: float) -> np.ndarray:
    """Its pixels, its shorter side at most 1024 and as few as the budget in bytes asks for."""
    fitting = math.sqrt(budget / (3 * picture.width * picture.height))
    scale = min(1.0, LARGEST_SIDE / min(picture.size), fitting)
    if scale < 1:
        size = tuple(max(1, round(side * scale)) for side in picture.size)
        picture = picture.resize(size, Image.Resampling.LANCZOS)  # type: ignore[arg-type]
    return np.array(picture.convert("RGB"))


def from_tensors(pictures: Iterable[Tensor], names: Iterable[str], cuts: Cuts = Cuts(), budget: float = 512 * MIB) -> PictureSet:
    """Pictures [3, H, W] in 0..1, of any sizes."""
    listed = list(pictures)
    kept = []
    for picture in listed:
        pixels = (picture.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().contiguous().numpy()
        kept.append(_small(Image.fromarray(pixels), budget / len(listed)))
    return PictureSet(tuple(kept), tuple(names), cuts)


def paired(first: PictureSet, second: PictureSet) -> list[tuple[int, int]]:
    """Pictures that belong together: by their names without endings where all of one's are in the other, else by order.

    Raises ValueError where neither works.
    """
    places = {Path(name).stem: index for index, name in enumerate(second.names)}
    if len(places) == len(second) and all(Path(name).stem in places for name in first.names):
        return [(index, places[Path(name).stem]) for index, name in enumerate(first.names)]
    if len(first) != len(second):
        raise ValueError(f"{len(first)} and {len(second)} pictures cannot be paired: give as many of both, or equal names.")
    return [(index, index) for index in range(len(first))]


def contact_sheet(pictures: PictureSet, rows: int = 2, columns: int = 8, side: int = 192, gap: int = 2) -> Tensor:
    """Pieces as a training cuts them out, side by side, [1, 3, h, w] in 0..1."""
    crops = pictures.batch(Draws(0, 0), "sheet", rows * columns, side)
    framed = F.pad(crops, (gap,) * 4, value=1.0).unflatten(0, (rows, columns))
    return torch.cat([torch.cat(list(row), dim=2) for row in framed], dim=1)[None]
