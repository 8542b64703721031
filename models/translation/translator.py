"""Image-to-image translation: what every network that takes pictures from one domain to another offers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..canvas import Canvas
from ..canvas.beat import Beat
from ..canvas.tiled import Tiled, keep_limit
from ..canvas.whole import Whole
from ..ops.batches import rows_of
from ..ops.padding import pad_small, pad_to_multiple, same_size
from ..progress import Progress, glance, silent
from .style_code import StyleCode

Direction = Literal["A to B", "B to A"]
Sizing = Literal["automatic", "picture", "network"]
StrengthSpace = Literal["pixels", "features"]
Evaluation = Literal["as published", "no dropout", "deterministic"]
Need = Literal["nothing", "labels", "style code", "reference"]

BOTH_WAYS: tuple[Direction, ...] = ("A to B", "B to A")
LEAST_SIDE = 8  # reflection at the borders needs a few pixels
FIRST_WAY: tuple[Direction, ...] = ("A to B",)


@dataclass(frozen=True)
class Sizes:
    """own: side of the squares the network was trained on. multiple: sides the network takes are multiples of this. least: the
    shortest side it takes, 0 for two multiples.

    usual: what "automatic" means. fixed: nothing but `own` works.
    """

    own: int
    multiple: int
    usual: Literal["picture", "network"]
    fixed: bool = False
    least: int = 0


@dataclass(frozen=True)
class TranslateOptions:
    """direction: of a file with two networks. code: styles for networks that need one, a row for each result.

    sizing: "picture" keeps the picture's size (extended by reflection to the network's multiple, and cut), "network" resizes to
    the network's own side and back, "automatic" is what suits the network.
    strength: 0 to 1; in "pixels" a blend of picture and result, in "features" the network's change of the features is scaled, or
    its style taken from the picture's own towards the code.
    evaluation: "as published" is what pix2pix's test script does, dropout and the picture's own statistics included;
    "no dropout" only the statistics; "deterministic" neither, but the statistics of training.
    align_corners: how AnimeGAN enlarges; its authors have it both ways. seed: for dropout and for codes drawn by chance.
    half: convolutions in half precision, statistics in float32; ignored by networks that are not tileable.
    tile: side of the tiles in pixels, 0 for the whole picture at once. together: pictures at once.
    """

    direction: Direction = "A to B"
    code: StyleCode | None = None
    sizing: Sizing = "automatic"
    strength: float = 1.0
    strength_in: StrengthSpace = "pixels"
    evaluation: Evaluation = "as published"
    align_corners: bool = True
    seed: int = 0
    half: bool = False
    tile: int = 0
    together: int = 1


@dataclass(frozen=True)
class Painted:
    """What a network made: image [B, 3, H, W] in its own range, and its attention [B, 1, h, w] where it has one."""

    image: Tensor
    attention: Tensor | None = None


@dataclass(frozen=True)
class Translation:
    """images [B, 3, H, W] in 0..1; attention [B, 1, H, W] in 0..1 (each picture's own lowest to highest) or None."""

    images: Tensor
    attention: Tensor | None = None


class Translator(ABC):
    """ATELIER_TRANSLATOR. `module` holds every weight, for whoever manages memory.

    needs: what besides a picture. domains: names of the kinds of pictures, in the network's order, () where there are none.
    code_family, code_size: of the style codes it takes. bytes_per_pixel: peak memory per pixel of a whole picture or of a tile;
    resident_bytes_per_pixel: memory per pixel of the whole picture that tiles cannot save. has_attention: gives a heat map.
    feature_strength: takes strength_in="features". tileable: works tile by tile, and in half precision; else always on whole
    pictures in full precision.
    """

    name: str
    title: str
    license: str
    notes: tuple[str, ...] = ()
    module: nn.Module
    sizes: Sizes
    directions: tuple[Direction, ...] = FIRST_WAY
    needs: Need = "nothing"
    domains: tuple[str, ...] = ()
    code_family: str = ""
    code_size: int = 0
    bytes_per_pixel: float = 2000.0
    resident_bytes_per_pixel: float = 300.0
    has_attention: bool = False
    feature_strength: bool = False
    tileable: bool = True

    @abstractmethod
    def encode(self, canvas: Canvas, picture: Any, options: TranslateOptions) -> Any:
        """A picture in -1..1 as a map of the canvas -> the content as this network has it, which `decode` must leave intact."""

    @abstractmethod
    def decode(self, canvas: Canvas, content: Any, code: Tensor | None, options: TranslateOptions) -> Painted:
        """The picture from a content of one or N pictures and N codes [N, D] (None where the network needs none)."""

    def style_of(self, images: Tensor, domain: str) -> StyleCode:
        """The style codes of pictures [B, 3, H, W] in 0..1. Raises ValueError where the network has none."""
        raise ValueError(f"{self.title} takes no style from a picture: {self.what_it_needs()}")

    def style_by_chance(self, seed: int, count: int, domain: str, truncation: float) -> StyleCode:
        """`count` style codes drawn by chance. truncation: 1 as drawn, 0 the average. Raises ValueError where it has none."""
        raise ValueError(f"{self.title} has no styles to draw by chance: {self.what_it_needs()}")

    def multiple(self, options: TranslateOptions) -> int:
        """What sides must be multiples of."""
        return self.sizes.multiple

    def domain_number(self, domain: str) -> int:
        """The place of a domain, the first for "". Raises ValueError for one that the network has not."""
        if not domain:
            return 0
        if domain not in self.domains:
            known = ", ".join(self.domains) or "none"
            raise ValueError(f"domain {domain!r} is not one of {self.title}'s ({known}): choose one of those")
        return self.domains.index(domain)

    def what_it_needs(self) -> str:
        """In words: "it needs nothing but a picture"."""
        return {
            "nothing": "it needs nothing but a picture",
            "labels": "it needs attributes, from Face Attributes",
            "style code": "it needs a style code, from Style Code",
            "reference": "it needs the style code of a reference picture, from Style Code",
        }[self.needs]

    def translate(
        self, images: Tensor, options: TranslateOptions = TranslateOptions(), progress: Progress = silent
    ) -> Translation:
        """images [B, 3, H, W] in 0..1 of any size -> one of the same size for each picture or code; the shorter repeats.

        One picture in many styles is encoded once. Raises ValueError, one sentence, for options that do not fit the network.
        """
        self.check(options)
        resized = self.resizes(options)
        own, height, width = self.sizes.own, *images.shape[-2:]
        x = same_size(images, own, own) if resized else self.extended(images, options)
        codes = self.codes(x, options)
        count = max(images.shape[0], 0 if codes is None else codes.shape[0])
        layers = sum(isinstance(m, (nn.Conv2d, nn.ConvTranspose2d)) for m in self.module.modules())
        beat = Beat(count * layers, progress)
        tiled = self.tileable and 0 < options.tile < max(x.shape[-2:])
        dtype = torch.float16 if options.half and self.tileable else torch.float32
        canvas = Tiled(options.tile, keep_limit(x), beat, dtype) if tiled else Whole(beat, dtype)
        together = 1 if isinstance(canvas, Tiled) else max(options.together, 1)
        made = images.new_empty((count, 3, height, width))
        attention = images.new_empty((count, 1, height, width)) if self.has_attention else None
        content: Any = None
        for start in range(0, count, together):
            stop = min(start + together, count)
            if content is None or len(x) > 1:
                content = self.encode(canvas, canvas.ranged(x if len(x) == 1 else rows_of(x, start, stop)), options)
            code = None if codes is None else rows_of(codes, start, stop).to(x)
            painted = self.decode(canvas, content, code, options)
            picture = painted.image.add_(1).mul_(0.5).clamp_(0, 1)
            made[start:stop] = same_size(picture, height, width) if resized else picture[..., :height, :width]
            if attention is not None and painted.attention is not None:
                heat = from_lowest_to_highest(painted.attention, (height, width) if resized else x.shape[-2:])
                attention[start:stop] = heat[..., :height, :width]
            beat.finish(stop * layers, glance(made[start:stop]))
        if options.strength_in == "pixels" and options.strength != 1:
            made = torch.lerp(rows_of(images, 0, count), made, options.strength)
        return Translation(made, attention)

    def resizes(self, options: TranslateOptions) -> bool:
        """Whether it works at its own size instead of the picture's."""
        return (self.sizes.usual if options.sizing == "automatic" else options.sizing) == "network"

    def extended(self, images: Tensor, options: TranslateOptions) -> Tensor:
        """Pictures extended to sides that the network takes."""
        return pad_to_multiple(pad_small(images, LEAST_SIDE), self.multiple(options), self.sizes.least)

    def working_size(self, height: int, width: int, options: TranslateOptions) -> tuple[int, int]:
        """Height and width of what goes through the network for a picture of this size."""
        if self.resizes(options):
            return self.sizes.own, self.sizes.own
        multiple = self.multiple(options)
        return -(-height // multiple) * multiple, -(-width // multiple) * multiple

    def check(self, options: TranslateOptions) -> None:
        """Raise ValueError for options that do not fit the network."""
        if options.direction not in self.directions:
            raise ValueError(
                f"direction is {options.direction} and {self.title} goes only from {self.directions[0]}: choose that"
            )
        if options.strength_in == "features" and not self.feature_strength and options.strength != 1:
            raise ValueError(f"strength_in is features, which {self.title} has no way to weaken: choose pixels")
        if options.sizing == "picture" and self.sizes.fixed:
            raise ValueError(f"sizing is picture and {self.title} works only at {self.sizes.own} pixels: choose network")
        code = options.code
        if code is None:
            if self.needs in ("labels", "reference"):
                raise ValueError(f"style is not connected and {self.title} cannot do without: {self.what_it_needs()}")
        elif self.needs == "nothing":
            raise ValueError(f"style is connected and {self.title} takes none: disconnect it")
        elif (code.family, code.values.shape[1]) != (self.code_family, self.code_size):
            raise ValueError(
                f"style is a code of {code.family} with {code.values.shape[1]} numbers and {self.title} takes {self.code_family} "
                f"with {self.code_size}: make it with this translator"
            )

    def codes(self, x: Tensor, options: TranslateOptions) -> Tensor | None:
        """The codes [N, D] to use; where one is needed and none is given, one drawn by chance."""
        if self.needs == "nothing":
            return None
        code = options.code or self.style_by_chance(options.seed, 1, "", 1.0)
        values = code.values.to(x)
        if options.strength_in == "features" and options.strength != 1:
            return self.weakened(x, values, options)
        return values

    def weakened(self, x: Tensor, values: Tensor, options: TranslateOptions) -> Tensor:
        """Codes [N, D] taken from those of the pictures x in 0..1 towards `values`, row by row."""
        domain = options.code.domain if options.code else ""
        own = torch.cat([self.style_of(one, domain).values for one in x.split(1)]).to(x)  # of several, FUNIT gives the mean
        return towards(own, values, options.strength)

    def __repr__(self) -> str:
        return f"Translator({self.title}, {self.license}: {self.what_it_needs()})"


def towards(own: Tensor, values: Tensor, strength: float) -> Tensor:
    """Codes [N, D] from `own` to `values`, row by row; the shorter repeats."""
    count = max(len(own), len(values))
    return torch.lerp(rows_of(own, 0, count), rows_of(values, 0, count), strength)


def from_lowest_to_highest(heat: Tensor, size: tuple[int, int] | torch.Size) -> Tensor:
    """Attention [B, 1, h, w] with each picture's own lowest at 0 and highest at 1, resized."""
    low, high = heat.amin(dim=(2, 3), keepdim=True), heat.amax(dim=(2, 3), keepdim=True)
    even = (heat - low) / (high - low).clamp_min(1e-12)
    return F.interpolate(even, tuple(size), mode="bilinear", align_corners=False)
