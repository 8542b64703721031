"""Fast neural style as a stylizer: one network, one style."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ...canvas import Canvas
from ...canvas.regions import Regions
from ...stylization.canvas_stylizer import CanvasStylizer
from ...stylization.style import Style
from .network import Range, TransformerNet


@dataclass(frozen=True)
class Affine:
    """order of the channels, then scale * x + shift of a picture in 0..1."""

    order: tuple[int, int, int]
    scale: tuple[float, float, float]
    shift: tuple[float, float, float]

    def into(self, x: Tensor) -> Tensor:
        """Pictures in 0..1 in the network's range."""
        return x[:, list(self.order)] * self._along(x, self.scale) + self._along(x, self.shift)

    def back(self, y: Tensor) -> Tensor:
        """What the network gives as pictures in 0..1 (each order here is its own inverse)."""
        return ((y - self._along(y, self.shift)) / self._along(y, self.scale))[:, list(self.order)]

    def _along(self, x: Tensor, values: tuple[float, float, float]) -> Tensor:
        return torch.tensor(values, dtype=x.dtype, device=x.device).view(1, 3, 1, 1)


RGB, BGR = (0, 1, 2), (2, 1, 0)
BYTES = (255.0, 255.0, 255.0)
RANGES: dict[Range, Affine] = {
    "rgb": Affine(RGB, BYTES, (0.0, 0.0, 0.0)),
    "bgr": Affine(BGR, BYTES, (0.0, 0.0, 0.0)),
    "imagenet": Affine(RGB, (1 / 0.229, 1 / 0.224, 1 / 0.225), (-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225)),
    "caffe": Affine(BGR, BYTES, (-103.939, -116.779, -123.68)),
}


class Johnson(CanvasStylizer):
    """Any size, whole or tiled. Styles must be empty; strength blends picture and result.

    Regions: there is but one style, so masks are refused.
    """

    needs_style = False
    takes_pictures = False
    supports_masks = False

    def __init__(self, network: TransformerNet, name: str, title: str, license: str) -> None:
        self.name, self.title, self.license, self.module = name, title, license, network
        self.network = network
        # measured: the widest moment is a full-size map, its padded copy and the next layer's
        width = max(network.config.down[0], network.config.up[-1])
        self.bytes_per_pixel, self.resident_bytes_per_pixel = 14.0 * width, 40 + 7.0 * width

    def paint(self, canvas: Canvas, picture: Tensor, codes: Sequence[Style], regions: Regions | None) -> Tensor:
        values = RANGES[self.network.config.range]
        h = canvas.open(self.network.framed(values.into(picture)))
        return values.back(self.network.scaled(canvas.close(self.network.paint(canvas, h))))
