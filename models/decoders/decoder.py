"""A decoder as the rest of the pack sees it: features in, pictures out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import torch
from torch import Tensor

from ..ops.features import Features
from ..ops.masks import at_size
from ..ops.moments import Moments, measure
from ..ops.tiling import tiles
from ..progress import Progress, glance, silent


class Rendering(Protocol):
    """How one family turns features into pictures.

    `condition` gives what the decoder must know of a whole picture ([B, K], or None where it needs nothing) from the
    moments of its features; it is computed once and holds for every tile.
    """

    halo: int
    bytes_per_pixel: float

    @property
    def strides(self) -> dict[str, int]:
        """Pixels of the picture per feature, by tap it needs."""
        ...

    def condition(self, moments: Mapping[str, Moments]) -> Tensor | None: ...

    def render(self, levels: Mapping[str, Tensor], condition: Tensor | None) -> Tensor:
        """levels -> [B, 3, H, W]; condition is [B, K, 1, 1] or [B, K, h, w] at the deepest level, or None."""
        ...


class Decoder:
    """ATELIER_DECODER. encoder: name of the encoder whose features it takes, at `taps`."""

    def __init__(self, name: str, title: str, encoder: str, module: torch.nn.Module, rendering: Rendering) -> None:
        self.name = name
        self.title = title
        self.encoder = encoder
        self.module = module
        self.rendering = rendering

    @property
    def taps(self) -> tuple[str, ...]:
        """The taps it needs."""
        return tuple(self.rendering.strides)

    @property
    def bytes_per_pixel(self) -> float:
        """Peak memory of decoding per pixel of the picture, in bytes."""
        return self.rendering.bytes_per_pixel

    def check(self, features: Features) -> None:
        """Raise ValueError unless these features are this decoder's."""
        if features.encoder != self.encoder:
            raise ValueError(
                f"the decoder {self.title} takes features of the encoder {self.encoder}, these come from "
                f"{features.encoder}: load the encoder and decoder that belong together"
            )
        missing = [tap for tap in self.taps if tap not in features.levels]
        if missing:
            raise ValueError(f"the decoder {self.title} needs features at {', '.join(missing)}: encode with taps left empty")

    def decode(self, features: Features, tile: int = 0, progress: Progress = silent) -> Tensor:
        """Pictures [B, 3, H, W] in 0..1 of the size the features came from; tiled or not, the same."""
        self.check(features)
        levels = {tap: features.levels[tap] for tap in self.taps}
        condition = self.rendering.condition({tap: measure(f) for tap, f in levels.items()})
        condition = None if condition is None else condition[:, :, None, None]
        out = render_tiles(self.rendering, levels, condition, features.height, features.width, tile, progress)
        return out.clamp_(0, 1)

    def __repr__(self) -> str:
        return f"Decoder({self.title}: {', '.join(self.taps)} of {self.encoder})"


def render_tiles(
    rendering: Rendering,
    levels: Mapping[str, Tensor],
    condition: Tensor | None,
    height: int,
    width: int,
    tile: int = 0,
    progress: Progress = silent,
) -> Tensor:
    """Pictures of height x width from whole features, decoding `tile` pixels at a time (0: at once). Not clamped."""
    stride = max(rendering.strides.values())
    if not tile:
        out = rendering.render(levels, condition)[..., :height, :width]
        progress(1, 1, glance(out))
        return out
    deepest = min(levels.values(), key=lambda f: f.shape[-1])
    frame_height, frame_width = deepest.shape[-2] * stride, deepest.shape[-1] * stride
    out = deepest.new_empty((deepest.shape[0], 3, frame_height, frame_width))
    pieces = list(tiles(frame_height, frame_width, tile, rendering.halo, stride))
    for index, piece in enumerate(pieces):
        parts = {tap: piece.outer(f, rendering.strides[tap]) for tap, f in levels.items()}
        local = condition if condition is None or condition.shape[-1] == 1 else piece.outer(condition, stride)
        piece.core(out).copy_(piece.inner(rendering.render(parts, local)))
        progress(index + 1, len(pieces), glance(out[..., :height, :width]))
    return out[..., :height, :width]


def spread(condition: Sequence[Tensor], regions: Sequence[Tensor], height: int, width: int) -> Tensor:
    """Conditions [B, K] of several regions as one map [B, K, height, width], weighted by the regions' masks."""
    weights = [at_size(region, height, width) for region in regions]
    return torch.stack([c[:, :, None, None] * w for c, w in zip(condition, weights, strict=True)]).sum(0)
