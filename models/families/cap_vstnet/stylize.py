"""CAP-VSTNet as a stylizer."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ...canvas.beat import Beat
from ...ops.masks import EmptyMask, at_size, partition
from ...ops.moments import Moments
from ...ops.padding import pad_to_multiple
from ...ops.whitening import precise
from ...progress import Progress, glance, silent
from ...stylization.style import Style
from ...stylization.stylizer import StylizeOptions, Stylizer
from .network import Halves, RevResNet
from .transform import LEAST_POSITIONS, Look, color_, gathered, look_of, map_between, mixed

MULTIPLE = 4


class CAPVSTNet(Stylizer):
    """A picture is taken to features without loss, given the style's covariance there, and taken back.

    Strength is the authors' 1 - alpha_c: factor and mean weaken towards the content's own. Regions have statistics of their own;
    one of ten positions or fewer keeps what it has. Whatever the tile, both halves of the features are kept whole and worked in
    place, strip by strip: nothing else grows with the picture.
    """

    exact_tiles = False
    has_statistics = True

    def __init__(self, network: RevResNet, name: str, title: str, license: str) -> None:
        self.name, self.title, self.license, self.module = name, title, license, network
        self.network = network
        self.style_kind = f"cap-vstnet:{name}"
        self.bytes_per_pixel = 20.0 * network.config.blocks[0].width  # measured

    def stylize(
        self,
        content: Tensor,
        styles: Sequence[Tensor | Style],
        options: StylizeOptions = StylizeOptions(),
        progress: Progress = silent,
    ) -> Tensor:
        options = self.check(styles, options)
        sizes = [style.batch if isinstance(style, Style) else style.shape[0] for style in styles]
        batch = max(content.shape[0], *sizes)
        blocks = len(self.network.blocks)
        first = blocks * sum(size for style, size in zip(styles, sizes, strict=True) if isinstance(style, Tensor))
        beat = Beat(first + 2 * blocks * batch, progress)
        taken = [self._taken(index, style, options, beat).to(content.device) for index, style in enumerate(styles)]
        out = content.new_empty((batch, 3, *content.shape[-2:]))
        for i in range(batch):
            chosen = [_look(style, i) for style in taken]
            masks = [self._extended(m[i % len(m)][None], content) for m in options.content_masks]
            halves = self._encode(content[i % len(content)][None], beat)
            self._move(halves, chosen, partition(masks) if masks else [], options)
            made = self.network.decode(halves, beat)
            out[i] = made[0, :, : content.shape[2], : content.shape[3]].clamp(0, 1)
            beat.finish(first + 2 * blocks * (i + 1), glance(out[i][None]))
        return out

    def style_of(self, style: Tensor, mask: Tensor | None = None, tile: int = 0, progress: Progress = silent) -> Style:
        """factor [B, C, C]: the lower Cholesky factor of the features' covariance; mean [B, C]. Both may be averaged."""
        beat = Beat(len(style) * len(self.network.blocks), progress)
        made = self._style(style, mask, beat)
        beat.finish(beat.total)
        return made

    def _taken(self, index: int, style: Tensor | Style, options: StylizeOptions, beat: Beat) -> Style:
        if isinstance(style, Style):
            return style
        return self._style(style, options.style_masks[index] if index < len(options.style_masks) else None, beat)

    def _style(self, style: Tensor, mask: Tensor | None, beat: Beat) -> Style:
        looks = []
        for row in range(len(style)):
            halves = self._encode(style[row][None], beat)
            shares = None
            if mask is not None:
                extended = self._extended(mask[row % len(mask)][None], style)
                shares = self.network.rows_of_mask(extended, halves)
                if sum(float(share.sum()) for share in shares) < 1:
                    raise EmptyMask
            looks.append(look_of(gathered(self.network.rows(halves), shares)))
        values = {"factor": torch.stack([look.factor for look in looks]), "mean": torch.stack([look.mean for look in looks])}
        width, height = style.shape[3], style.shape[2]
        return Style(self.style_kind, {name: value.to(style) for name, value in values.items()}, f"{width} x {height}")

    def _encode(self, picture: Tensor, beat: Beat) -> Halves:
        return self.network.encode(pad_to_multiple(picture, MULTIPLE), beat)

    def _move(self, halves: Halves, styles: Sequence[Look], masks: Sequence[Tensor], options: StylizeOptions) -> None:
        """Give the features, in place, the styles' covariances and means."""
        pieces = self.network.rows(halves)
        if not masks:
            own = look_of(self._settled("everywhere", gathered(pieces), options))
            style = mixed(styles, options.weights or (1.0,) * len(styles))
            color_(pieces, [map_between(own, own.toward(style, options.strength))], [])
            return
        shares = [self.network.rows_of_mask(mask, halves) for mask in masks]
        maps, regions = [], []
        for number, (style, share) in enumerate(zip(styles, shares, strict=True)):
            moments = self._settled(f"region{number}", gathered(pieces, share), options)
            if float(moments.weight) > LEAST_POSITIONS:
                own = look_of(moments)
                maps.append(map_between(own, own.toward(style, options.strength)))
                regions.append(share)
        if maps:
            color_(pieces, maps, regions)

    def _settled(self, name: str, moments: Moments, options: StylizeOptions) -> Moments:
        remembered = options.content_statistics
        return remembered.moments(name, moments) if remembered else moments

    def _extended(self, mask: Tensor, picture: Tensor) -> Tensor:
        """A mask [1, 1, h, w] at the size of the padded picture."""
        return pad_to_multiple(at_size(mask, *picture.shape[-2:]), MULTIPLE)


def _look(style: Style, row: int) -> Look:
    """One row of a Style, in double precision."""
    return Look(precise(style.value("factor", row, row + 1)[0]), precise(style.value("mean", row, row + 1)[0]))
