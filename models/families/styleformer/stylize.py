"""StyleFormer as a stylizer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ...canvas.beat import Beat
from ...decoders.decoder import render_tiles
from ...decoders.rendering import InverseRendering
from ...encoders.encoder import Encoder
from ...encoders.vgg import IMAGENET_MEAN, IMAGENET_STD
from ...ops.batches import rows_of
from ...ops.masks import EmptyMask, at_size, partition
from ...ops.padding import pad_to_multiple, same_size
from ...progress import Progress, glance, silent
from ...stylization.style import SHARES, Style
from ...stylization.stylizer import StylizeOptions, Stylizer
from .network import Bank, StyleFormerNetworks, scaled

TAP = "relu3_1"
STRIDE = 4
LEAST_SIDE = 16  # of pictures: their features are halved twice more, with reflection
STYLE_SIDE = 256  # the authors'


class ImageNetRendering(InverseRendering):
    """A decoder that gives ImageNet-normalized pictures."""

    def render(self, levels: Mapping[str, Tensor], condition: Tensor | None) -> Tensor:
        made = super().render(levels, condition)
        mean, std = (made.new_tensor(v)[:, None, None] for v in (IMAGENET_MEAN, IMAGENET_STD))
        return made.mul_(std).add_(mean)


@dataclass(frozen=True)
class Part:
    """A bank and by how much its strokes A and its background b count."""

    bank: Bank
    stroke: float
    background: float


class StyleFormerStylizer(Stylizer):
    """Any picture in the strokes and background of any other.

    A Style holds banks of coefficients at the positions of a grid, which cannot be averaged: of several, what the content finds
    in each is averaged. Strength leads from the content's own bank to the style's; what no content mask covers has its own.
    Regions look at what their style's mask covers. `exchange` takes the strokes of one style and the background of another.
    """

    def __init__(self, networks: StyleFormerNetworks, name: str, title: str, license: str) -> None:
        if networks.encoder is None:
            raise ValueError(f"{title} needs torchvision's VGG-16: load it by its name in the list, or with that file")
        self.name, self.title, self.license, self.module = name, title, license, networks
        self.encoder = Encoder("vgg16-reflect", "VGG-16", networks.encoder, networks.encoder, [TAP], STRIDE)
        self.network, self.rendering = networks.a, ImageNetRendering(networks.b)
        self.style_kind = f"styleformer:{name}"
        self.style_side = STYLE_SIDE
        # encoding and decoding come one after the other; the features of the whole picture stay
        features = 4.0 * self.network.config.channels / STRIDE**2
        self.bytes_per_pixel = max(self.encoder.bytes_per_pixel([TAP]), self.rendering.bytes_per_pixel) + features

    def stylize(
        self,
        content: Tensor,
        styles: Sequence[Tensor | Style],
        options: StylizeOptions = StylizeOptions(),
        progress: Progress = silent,
    ) -> Tensor:
        options = self.check(styles, options)
        taken = []
        for index, style in enumerate(styles):
            mask = options.style_masks[index] if index < len(options.style_masks) else None
            taken.append((style if isinstance(style, Style) else self.style_of(style, mask)).to(content.device))
        batch = max(content.shape[0], *(style.batch for style in taken))
        steps = self.network.config.groups + 2
        beat = Beat(batch * steps, progress)
        out = content.new_empty((batch, 3, *content.shape[-2:]))
        for i in range(batch):
            picture = rows_of(content, i, i + 1)
            masks = [rows_of(mask, i, i + 1) for mask in options.content_masks]
            out[i : i + 1] = self._one(picture, [style.take(i, i + 1) for style in taken], masks, options, beat)
            beat.finish((i + 1) * steps, glance(out[i : i + 1]))
        return out

    def style_of(self, style: Tensor, mask: Tensor | None = None, tile: int = 0, progress: Progress = silent) -> Style:
        """Banks of pictures, resized to squares of 256 pixels as the authors do. tile is of no use at that size."""
        side = self.style_side
        beat = Beat(style.shape[0], progress)
        banks = []
        for row in range(style.shape[0]):
            features = self.encoder.encode(same_size(style[row][None], side, side)).levels[TAP]
            where = None if mask is None else self._where(mask[row % mask.shape[0]][None], features)
            banks.append(self.network.bank(features, where))
            beat.finish(row + 1)
        ones = style.new_ones(len(banks), 1)
        values: dict[str, Tensor] = {SHARES: ones, "stroke": ones, "background": ones}
        for name in ("keys", "coefficients", "where"):
            values[name] = torch.stack([getattr(bank, name) for bank in banks])[:, None]
        return Style(self.style_kind, values, f"{style.shape[-1]} x {style.shape[-2]}")

    def exchange(self, stroke: Style, background: Style) -> Style:
        """A style with the strokes A of one and the background b of another, row by row; the shorter repeats (Wu et al. 2021).

        Raises ValueError for styles of other stylizers.
        """
        self.check((stroke, background), StylizeOptions())
        rows = max(stroke.batch, background.batch)
        first, second = stroke.take(0, rows), background.take(0, rows)
        values = {name: torch.cat([first.values[name], second.values[name]], dim=1) for name in first.values}
        values["stroke"][:, first.values[SHARES].shape[1] :] = 0
        values["background"][:, : first.values[SHARES].shape[1]] = 0
        return Style(self.style_kind, values, f"strokes of {stroke.summary}, background of {background.summary}")

    def _where(self, mask: Tensor, features: Tensor) -> Tensor:
        """How much of each position of the grid a mask [1, 1, H, W] covers."""
        height, width = (-(-n // 2**self.network.config.splats) for n in features.shape[2:])
        where = at_size(mask, height, width)[0, 0]
        if float(where.sum()) <= 0:
            raise EmptyMask
        return where

    def _one(
        self, picture: Tensor, styles: Sequence[Style], masks: Sequence[Tensor], options: StylizeOptions, beat: Beat
    ) -> Tensor:
        """One picture [1, 3, H, W] in its styles, clamped."""
        height, width = picture.shape[-2:]

        def look(done: int, total: int, preview: Tensor | None = None) -> None:
            beat.look()

        padded = pad_to_multiple(picture, STRIDE, LEAST_SIDE)
        features = self.encoder.encode(padded, tile=options.tile, progress=look).levels[TAP]
        beat()
        sized = [pad_to_multiple(at_size(m, height, width), STRIDE, LEAST_SIDE) for m in masks]
        shares = partition([at_size(m, *features.shape[2:]) for m in sized]) if masks else []
        own = parts(self.style_of(picture)) if masks or options.strength != 1 else []
        found = [parts(style) for style in styles]
        if not masks:
            weights = options.weights or (1.0,) * len(styles)
            total = sum(weights)
            found = [[p for w, style in zip(weights, found, strict=True) for p in weighted(style, w / total)]]
        looks = [weighted(own, 1 - options.strength) + weighted(style, options.strength) for style in found]
        if masks:
            looks.append(own)
            shares.append(1 - torch.stack(shares).sum(0))
        moved = self._moved(features, looks, [share[0, 0] for share in shares], beat)
        return render_tiles(self.rendering, {TAP: moved}, None, height, width, options.tile, look).clamp_(0, 1)

    def _moved(self, features: Tensor, looks: Sequence[Sequence[Part]], shares: Sequence[Tensor], beat: Beat) -> Tensor:
        """Features [1, C, h, w] after A Z + b, in each region (or everywhere) by its parts."""
        z, keys, guide = self.network.content(features)
        out = torch.empty_like(z)
        for group in range(len(z)):
            made = []
            for look in looks:
                found = [scaled(self.network.look_up(keys, p.bank, group), p.stroke, p.background) for p in look]
                made.append(self.network.apply(z[group], torch.stack(found).sum(0), guide[group]))
            out[group] = made[0] if not shares else torch.stack([m * share for m, share in zip(made, shares, strict=True)]).sum(0)
            beat()
        return out.reshape(features.shape)


def parts(style: Style) -> list[Part]:
    """What row 0 of a style holds."""
    keys, coefficients, where = (style.values[name][0] for name in ("keys", "coefficients", "where"))
    counts = zip(*((style.values[SHARES] * style.values[name])[0].tolist() for name in ("stroke", "background")), strict=True)
    return [Part(Bank(*bank), *count) for *bank, count in zip(keys, coefficients, where, counts, strict=True)]


def weighted(found: Sequence[Part], weight: float) -> list[Part]:
    """The parts with their counts times a weight; none for weight 0."""
    return [Part(p.bank, p.stroke * weight, p.background * weight) for p in found] if weight else []
