"""MicroAST as a stylizer."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ...canvas import Canvas
from ...canvas.beat import Beat
from ...canvas.regions import Regions
from ...canvas.tiled import Tiled
from ...canvas.whole import Whole
from ...ops.masks import EmptyMask, at_size
from ...ops.padding import pad_small
from ...progress import Progress, silent
from ...stylization.canvas_stylizer import CanvasStylizer
from ...stylization.style import Style
from ...stylization.stylizer import StylizeOptions
from .modulation import RegionalModulation, WholeModulation
from .network import MicroAST

ALPHA = "alpha"
KEPT_BYTES_PER_PIXEL = 2.5  # for each channel at full size
SIGNAL_LAYERS = 13  # convolutions from a style picture to its signals


class MicroASTStylizer(CanvasStylizer):
    """Any picture in the style of any other.

    A Style holds the modulation signals: mean and std of the style encoder's features, weight and bias of the decoder's filters,
    at both levels. All of them may be averaged.

    Strength leads from the content's own style to the one asked for: the network gives a picture in its own style nearly back.
    With transform "alpha" it is the authors' alpha, which weakens the modulation of features (FeatMod) and leaves that of filters
    as it is. The published networks were never trained for that: between 0 and 1 their pictures are washed out to white.
    """

    has_own_style = True
    has_half = False  # measured: its pictures differ by up to ten levels of 255, those of the others by one or two
    transforms = (ALPHA,)

    def __init__(self, network: MicroAST, name: str, title: str, license: str) -> None:
        self.name, self.title, self.license, self.module = name, title, license, network
        self.network = network
        self.style_kind = f"microast:{name}"
        self.bytes_per_pixel = 24.0 * network.config.widths[0]  # measured

    def style_of(self, style: Tensor, mask: Tensor | None = None, tile: int = 0, progress: Progress = silent) -> Style:
        """The signals of pictures of any size; statistics over the whole of what the mask covers, in tiles too."""
        height, width = style.shape[-2:]
        beat = Beat(SIGNAL_LAYERS * style.shape[0], progress)
        rows = []
        for row in range(style.shape[0]):
            x = pad_small(style[row][None], self.least_side)
            where = None
            if mask is not None:
                where = pad_small(at_size(mask[row % mask.shape[0]][None], height, width), self.least_side)
                if float(where.sum()) < 1:
                    raise EmptyMask
            canvas = self.canvas(x, tile, beat)
            rows.append(self.network.signals(canvas, canvas.open(x), where))
            beat.finish((row + 1) * SIGNAL_LAYERS)
        values = {name: torch.cat([row[name] for row in rows]) for name in rows[0]}
        return Style(self.style_kind, values | {"alpha": style.new_ones(len(rows), 1)}, f"{width} x {height}")

    def weakened(self, code: Style, own: Style, options: StylizeOptions) -> Style:
        if options.transform == ALPHA:
            return Style(code.kind, code.values | {"alpha": code.values["alpha"] * options.strength}, code.summary)
        return super().weakened(code, own, options)

    def canvas(self, picture: Tensor, tile: int, beat: Beat) -> Canvas:
        """Maps at full size, and the enlarged ones, are computed as they are read: they take longer to store than to make."""
        keep = KEPT_BYTES_PER_PIXEL * self.network.config.widths[0] * picture.shape[2] * picture.shape[3]
        return Tiled(tile, keep, beat) if 0 < tile < max(picture.shape[-2:]) else Whole(beat)

    def paint(self, canvas: Canvas, picture: Tensor, codes: Sequence[Style], regions: Regions | None) -> Tensor:
        by = WholeModulation(codes[0]) if regions is None else RegionalModulation(codes, regions)
        return canvas.close(self.network.paint(canvas, canvas.open(picture), by))
