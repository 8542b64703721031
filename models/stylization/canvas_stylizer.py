"""Feed-forward stylizers written against a canvas: pictures of any size, whole or tile by tile; styles as rows of numbers."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, lerp, nn

from ..canvas import Canvas
from ..canvas.beat import Beat
from ..canvas.regions import Regions
from ..canvas.tiled import Tiled, keep_limit
from ..canvas.whole import Whole
from ..ops.batches import rows_of
from ..ops.masks import at_size
from ..ops.padding import pad_small
from ..progress import Progress, glance, silent
from .style import Style, blend
from .stylizer import StylizeOptions, Stylizer


class CanvasStylizer(Stylizer):
    """A network that paints a picture in a style, or in a style for each region, by `paint`.

    has_own_style: `style_of` of the content is the content itself, so that strength leads from that style to the one asked for,
    and what no content mask covers has it. Without, strength blends picture and result, and what is not covered is the picture.
    least_side: shorter sides are extended, for reflections inside the network.
    """

    has_own_style = False
    has_statistics = True
    has_half = True
    least_side = 8

    @abstractmethod
    def paint(self, canvas: Canvas, picture: Tensor, codes: Sequence[Style], regions: Regions | None) -> Tensor:
        """picture [1, 3, H, W] in 0..1 and one style of one row, or one for each region -> [1, 3, >= H, >= W], near 0..1."""

    def default_style(self) -> Style | None:
        """What is painted without any style; None where the network has but one, or needs one."""
        return None

    def stylize(
        self,
        content: Tensor,
        styles: Sequence[Tensor | Style],
        options: StylizeOptions = StylizeOptions(),
        progress: Progress = silent,
    ) -> Tensor:
        options = self.check(styles, options)
        taken = [self._taken(index, style, options).to(content.device) for index, style in enumerate(styles)]
        default = self.default_style()
        if not taken and default is not None:
            taken = [default.to(content.device)]
        batch = max([content.shape[0], *(style.batch for style in taken)])
        layers = sum(isinstance(m, (nn.Conv2d, nn.ConvTranspose2d)) for m in self.module.modules())
        beat = Beat(batch * layers, progress)
        out = content.new_empty((batch, 3, *content.shape[-2:]))
        for i in range(batch):
            picture = rows_of(content, i, i + 1)
            masks = [rows_of(mask, i, i + 1) for mask in options.content_masks]
            out[i : i + 1] = self._one(picture, [style.take(i, i + 1) for style in taken], masks, options, beat)
            beat.finish((i + 1) * layers, glance(out[i : i + 1]))
        return out

    def _taken(self, index: int, style: Tensor | Style, options: StylizeOptions) -> Style:
        if isinstance(style, Style):
            return style
        return self.style_of(style, options.style_masks[index] if index < len(options.style_masks) else None, options.tile)

    def weakened(self, code: Style, own: Style, options: StylizeOptions) -> Style:
        """A style of one row taken towards that of the content."""
        return self.mix([own, code], [1 - options.strength, options.strength])

    def _own(self, picture: Tensor, mask: Tensor | None, options: StylizeOptions, name: str) -> Style:
        """The style of the content where the mask is; everywhere, where that is next to nothing. name: for what remembers it."""
        own = self.style_of(picture, mask if mask is not None and float(mask.sum()) > 1 else None, options.tile)
        if options.content_statistics is None:
            return own
        values = options.content_statistics.settle(name, tuple(own.values.values()))
        return Style(own.kind, dict(zip(own.values, values, strict=True)), own.summary)

    def canvas(self, picture: Tensor, tile: int, beat: Beat) -> Canvas:
        """What a picture [1, 3, H, W] is painted on. tile: side of tiles in pixels, 0 for the whole picture."""
        return Tiled(tile, keep_limit(picture), beat) if 0 < tile < max(picture.shape[-2:]) else Whole(beat)

    def _one(
        self, picture: Tensor, styles: Sequence[Style], masks: Sequence[Tensor], options: StylizeOptions, beat: Beat
    ) -> Tensor:
        """One picture in its styles, clamped."""
        height, width = picture.shape[-2:]
        x = pad_small(picture, self.least_side)
        regions = Regions([pad_small(at_size(m, height, width), self.least_side) for m in masks]) if masks else None
        codes = list(styles)
        if codes and regions is None:
            codes = [self.mix(codes, options.weights or (1.0,) * len(codes))]
        if self.has_own_style and options.strength != 1:
            where = regions.masks[:-1] if regions else [None]
            own = [self._own(x, mask, options, f"own{i}") for i, mask in enumerate(where)]
            codes = [self.weakened(code, towards, options) for code, towards in zip(codes, own, strict=True)]
        if regions is not None:
            rest = self._own(x, regions.masks[-1], options, "rest") if self.has_own_style else blend(codes, (1.0,) * len(codes))
            codes.append(rest)
        canvas = self.canvas(x, options.tile, beat)
        canvas.dtype = torch.float16 if options.half and self.has_half else torch.float32
        if options.content_statistics is not None:
            canvas.settle = options.content_statistics.of_canvas()
        made = self.paint(canvas, x, codes, regions)[..., :height, :width].clamp_(0, 1)
        if not self.has_own_style:
            made = lerp(picture, made, options.strength)
            if regions is not None:
                made = lerp(picture, made, regions.covered[..., :height, :width])
        return made
