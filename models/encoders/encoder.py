"""An encoder as the rest of the pack sees it: a name, taps, a module, and pictures of any size."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Literal, Protocol

import torch
from torch import Tensor, nn

from ..ops.features import Features
from ..ops.padding import pad_to_multiple
from ..ops.tiling import tiles
from ..progress import Progress, silent
from .vgg import VGG


class Encoding(Protocol):
    """How one family turns pictures into features."""

    @property
    def strides(self) -> dict[str, int]:
        """Pixels of the picture per feature, by tap, shallow to deep."""
        ...

    def __call__(self, images: Tensor, taps: Sequence[str]) -> dict[str, Tensor]: ...

    def halo(self, taps: Sequence[str]) -> int:
        """Pixels around a point that can change its features at these taps."""
        ...

    def size(self, height: int, width: int, tap: str) -> tuple[int, int]:
        """Height and width of the features of a picture."""
        ...

    def bytes_per_pixel(self, taps: Sequence[str]) -> float:
        """Peak memory of a forward pass per pixel of the picture, in bytes."""
        ...


class Encoder:
    """ATELIER_ENCODER. Pictures are [B, 3, H, W] RGB in 0..1, of any size.

    multiple: sides are padded by reflection to a multiple of this before encoding. default_taps: what the encoder's own
    decoder takes, or the usual layer. Statistics of features ignore neither padding nor borders.
    """

    def __init__(
        self,
        name: str,
        title: str,
        module: nn.Module,
        encoding: Encoding,
        default_taps: Sequence[str],
        multiple: int = 1,
    ) -> None:
        self.name = name
        self.title = title
        self.module = module
        self.encoding = encoding
        self.default_taps = tuple(default_taps)
        self.multiple = multiple

    @property
    def taps(self) -> tuple[str, ...]:
        """Every tap this encoder has, shallow to deep."""
        return tuple(self.encoding.strides)

    @property
    def pools_up(self) -> bool:
        """Whether pools round odd sides up, so that no line of a picture is lost."""
        return isinstance(self.module, VGG) and self.module.config.ceil_pool

    def check(self, taps: Sequence[str] | None) -> tuple[str, ...]:
        """The taps asked for, or the default ones. Raises ValueError for unknown names."""
        chosen = tuple(taps or self.default_taps)
        unknown = [tap for tap in chosen if tap not in self.taps]
        if unknown:
            raise ValueError(f"the encoder {self.title} has no tap {', '.join(unknown)}: it has {', '.join(self.taps)}")
        return chosen

    def bytes_per_pixel(self, taps: Sequence[str] | None = None) -> float:
        """Peak memory of encoding per pixel of a picture, in bytes."""
        return self.encoding.bytes_per_pixel(self.check(taps))

    def encode(self, images: Tensor, taps: Sequence[str] | None = None, tile: int = 0, progress: Progress = silent) -> Features:
        """Features of images at `taps`. tile: side of the tiles in pixels, 0 for the whole picture; both give the same."""
        chosen = self.check(taps)
        height, width = images.shape[-2:]
        padded = pad_to_multiple(images, self.multiple)
        if not tile:
            levels = self.encoding(padded, chosen)
            progress(1, 1)
            return Features(levels, height, width, self.name)
        frame_height, frame_width = padded.shape[-2:]
        pieces = list(tiles(frame_height, frame_width, tile, self.encoding.halo(chosen), max(self.encoding.strides.values())))
        levels: dict[str, Tensor] = {}
        for index, piece in enumerate(pieces):
            for tap, f in self.encoding(piece.outer(padded), chosen).items():
                stride = self.encoding.strides[tap]
                if tap not in levels:
                    levels[tap] = f.new_empty((*f.shape[:2], *self.encoding.size(frame_height, frame_width, tap)))
                piece.core(levels[tap], stride).copy_(piece.inner(f, stride))
            progress(index + 1, len(pieces))
        return Features(levels, height, width, self.name)

    def with_pooling(self, pooling: Literal["max", "average"]) -> Encoder:
        """The same weights with another pooling. Raises ValueError for an encoder without pooling layers."""
        if not isinstance(self.module, VGG):
            if pooling == "max":
                return self
            raise ValueError(f"the encoder {self.title} has no pooling layers: set pooling to max")
        network = copy.copy(self.module)  # shares the parameters
        network.pooling = pooling
        return Encoder(self.name, self.title, network, network, self.default_taps, self.multiple)

    def __repr__(self) -> str:
        return f"Encoder({self.title}: {', '.join(self.taps)})"


def no_gradients(module: nn.Module) -> nn.Module:
    """Freeze a loaded network, in inference mode, laid out for fast convolutions."""
    return module.train(False).requires_grad_(False).to(memory_format=torch.channels_last)
