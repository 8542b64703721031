"""AdaAttN as a stylizer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...canvas.beat import Beat
from ...canvas.tiled import Tiled, keep_limit
from ...canvas.whole import Whole
from ...ops.masks import EmptyMask, at_size, partition
from ...ops.padding import pad_to_multiple
from ...progress import Progress, glance, silent
from ...stylization.style import SHARES, Style
from ...stylization.stylizer import StylizeOptions, Stylizer
from .attention import Cosine, Form, Parts, Softmax
from .features import Level, Settle, keys_at, look, measured, rows
from .network import DEEP, MIDDLE, SHALLOW, AdaAttNNetwork, Transformer

SEED = 6666  # the authors'
MOST_POSITIONS = 256 * 256  # of a style, likewise; more are drawn from by chance
MOST_SHALLOW_POSITIONS = 64 * 64  # at relu3_1, by softmax
AT_ONCE = 2048  # positions of the content
LARGEST_WHOLE = 512  # sides above are worked in tiles, with the same result
TILE = 256
NOT_THERE = -1e9  # a score that softmax makes nothing of


class AdaAttN(Stylizer):
    """Every position of the content takes the mean and deviation of the style's positions that are like it.

    Strength weakens towards the content's own features, which are also what no mask covers keeps. Regions look at what their
    style's mask covers. Several styles: what each gives, weighted. A Style holds positions, which cannot be averaged, so a mix
    of Styles is looked at part by part; only positions as many can be mixed.
    """

    has_statistics = True

    def __init__(self, network: AdaAttNNetwork, name: str, title: str, license: str, cosine: bool | None = None) -> None:
        """cosine: weigh by cosine (True) or by softmax (False); None for what the network was trained with."""
        self.name, self.title, self.license = name, title, license
        attentions, transformer = network.attentions, network.transformer
        self.networks = network
        self.encoder, self.decoder = network.encoder, network.decoder
        self.merge = transformer.merge_conv if isinstance(transformer, Transformer) else None
        self.cosine = self.merge is None if cosine is None else cosine
        self.forms: dict[int, Form] = {k: Cosine(a) if self.cosine else Softmax(a) for k, a in attentions.items()}
        deepest, widths = max(attentions), dict(self.encoder.config.widths)
        self.shallow = attentions[deepest].config.keys != widths[f"conv{deepest}_1"]
        self.style_kind = f"adaattn:{name}" if cosine is None else f"adaattn:{name}:{'cosine' if cosine else 'softmax'}"
        parts = (self.encoder, self.decoder, self.merge, *self.forms.values())
        self.module = nn.ModuleList(part for part in parts if isinstance(part, nn.Module))
        self.multiple = 2 ** (deepest - 1)
        # measured, with a style of the picture's size
        self.bytes_per_pixel = 10.0 * widths["conv1_1"]
        self.resident_bytes_per_pixel = 8.0 * widths["conv1_1"]
        self.seeing = list(widths).index(f"conv{deepest}_1") + 1
        self.painting = sum(isinstance(m, nn.Conv2d) for m in self.decoder.modules()) + len(attentions)

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
        first = self.seeing * sum(size for style, size in zip(styles, sizes, strict=True) if isinstance(style, Tensor))
        one = self.seeing + self.painting
        beat = Beat(first + batch * one, progress)
        known: dict[tuple[int, int], Style] = {}
        seen: dict[int, Level] = {}
        out = content.new_empty((batch, 3, *content.shape[-2:]))
        for i in range(batch):
            for k, (style, size) in enumerate(zip(styles, sizes, strict=True)):
                if (k, i % size) not in known:
                    known[k, i % size] = self._known(style, k, i % size, options, beat).to(content.device)
            picture = pad_to_multiple(content[i % len(content)][None], self.multiple)
            if not seen:
                seen = look(self._canvas(picture, options.tile, beat), self.encoder, picture, self.forms, self.shallow)
            masks = [self._extended(m[i % len(m)][None], content) for m in options.content_masks]
            chosen = [known[k, i % size] for k, size in enumerate(sizes)]
            levels = dict(seen) if len(content) == 1 and i + 1 < batch else seen  # these are let go as they are used up
            regions = partition(masks) if masks else []
            settle = options.content_statistics.of_canvas() if options.content_statistics else measured
            moved = {k: self._moved(k, levels.pop(k), chosen, regions, options, settle, beat) for k in self.forms}
            made = self._painted(self._canvas(picture, options.tile, beat), moved)
            out[i] = made[0, :, : content.shape[2], : content.shape[3]].clamp(0, 1)
            beat.finish(first + (i + 1) * one, glance(out[i][None]))
        return out

    def style_of(self, style: Tensor, mask: Tensor | None = None, tile: int = 0, progress: Progress = silent) -> Style:
        """By softmax: of every level the keys and values of the positions under the mask; where there are more than the authors
        take, as many as they take, drawn as they draw them. By cosine: the table that stands for them.
        """
        beat = Beat(len(style) * self.seeing, progress)
        masks = [None if mask is None else mask[i % len(mask)][None] for i in range(len(style))]
        found = [self._taken(style[i][None], mask, tile, beat) for i, mask in enumerate(masks)]
        values = {name: torch.stack(_even([parts[name] for parts in found], name))[:, None] for name in found[0]}
        beat.finish(beat.total)
        return Style(self.style_kind, {SHARES: style.new_ones(len(style), 1), **values}, f"{style.shape[3]} x {style.shape[2]}")

    def _known(self, style: Tensor | Style, index: int, row: int, options: StylizeOptions, beat: Beat) -> Style:
        """Row `row` of style `index`."""
        if isinstance(style, Style):
            return style.take(row, row + 1)
        mask = options.style_masks[index] if index < len(options.style_masks) else None
        parts = self._taken(style[row][None], None if mask is None else mask[row % len(mask)][None], options.tile, beat)
        return Style(self.style_kind, {SHARES: style.new_ones(1, 1), **{k: v[None, None] for k, v in parts.items()}}, "")

    def _taken(self, style: Tensor, mask: Tensor | None, tile: int, beat: Beat) -> dict[str, Tensor]:
        """What is kept of one picture, by level and name."""
        picture = pad_to_multiple(style, self.multiple)
        seen = look(self._canvas(picture, tile, beat), self.encoder, picture, self.forms, self.shallow)
        mask = None if mask is None else self._extended(mask, style)
        taken = {}
        for k, level in seen.items():
            where = self._chosen(k, level, mask)
            parts = self.forms[k].take(keys_at(level, level.norms(), where), rows(level.values)[where])
            taken |= {_name(k, name): value for name, value in parts.items()}
        return taken

    def _chosen(self, number: int, level: Level, mask: Tensor | None) -> Tensor | slice:
        """The style's positions that are looked at."""
        height, width = level.values.shape[2:]
        count = height * width
        most = MOST_SHALLOW_POSITIONS if number == SHALLOW and not self.cosine else MOST_POSITIONS
        if mask is None and count <= most:
            return slice(None)
        order = torch.randperm(count, generator=torch.Generator().manual_seed(SEED))
        if mask is not None:
            share = at_size(mask, height, width).flatten().cpu()
            if float(share.max()) <= 0:
                raise EmptyMask
            order = order[share[order] >= min(0.5, float(share.max()))]
        return order[:most].to(level.values.device)

    def _moved(
        self,
        number: int,
        level: Level,
        styles: Sequence[Style],
        masks: Sequence[Tensor],
        options: StylizeOptions,
        settle: Settle,
        beat: Beat,
    ) -> Tensor:
        """The features of a level with the styles' means and deviations, [1, C, h, w]."""
        form, norms = self.forms[number], level.norms(settle)
        regions = [rows(at_size(mask, *level.values.shape[2:])) for mask in masks]
        weights = (1.0,) * len(styles) if masks else options.weights or (1 / len(styles),) * len(styles)
        parts = []
        for k, style in enumerate(styles):
            weight = options.strength * weights[k] / (1.0 if masks else sum(weights))
            for share, values in _parts(style, number):
                if weight * share > 0:
                    parts.append((weight * share, regions[k] if regions else None, form.ready(values)))
        covered = torch.stack(regions).sum(0) if regions else torch.ones_like(rows(level.values)[:, :1])
        out = torch.empty_like(level.values, memory_format=torch.channels_last)
        for start in range(0, len(covered), AT_ONCE):
            beat.look()
            where = slice(start, start + AT_ONCE)
            keys, own = keys_at(level, norms, where), rows(level.values)[where]
            total = own * (1 - options.strength * covered[where])
            for weight, region, style in parts:
                inside = slice(None) if region is None else region[where, 0].nonzero()[:, 0]
                chosen = keys[inside]
                if len(chosen):
                    mean, deviation = form.look(form.query(chosen), style)
                    made = mean.addcmul_(deviation, chosen[:, -own.shape[1] :])  # the last of the keys are the values, normalized
                    total[inside] += made.mul_(weight if region is None else weight * region[where][inside])
            rows(out)[where] = total
        return out

    def _painted(self, canvas: Any, moved: dict[int, Tensor]) -> Tensor:
        """The picture of all levels' features, which are used up; not clamped."""
        skip = canvas.open(moved.pop(SHALLOW)) if SHALLOW in moved else None
        if self.merge is None:
            return canvas.close(self.decoder.paint(canvas, None, skip))
        both = moved.pop(MIDDLE).add_(F.interpolate(moved.pop(DEEP), scale_factor=2, mode="nearest"))
        return canvas.close(self.decoder.paint(canvas, canvas.conv(canvas.open(both), self.merge, 1, "reflect"), skip))

    def _extended(self, mask: Tensor, picture: Tensor) -> Tensor:
        """A mask [1, 1, h, w] at the size of the padded picture."""
        return pad_to_multiple(at_size(mask, *picture.shape[-2:]), self.multiple)

    def _canvas(self, picture: Tensor, tile: int, beat: Beat) -> Whole | Tiled:
        side = max(picture.shape[-2:])
        tile = tile or (TILE if side > LARGEST_WHOLE else 0)
        return Tiled(tile, keep_limit(picture), beat) if 0 < tile < side else Whole(beat)


def _name(level: int, part: str) -> str:
    return f"relu{level}_1.{part}"


def _parts(style: Style, level: int) -> list[tuple[float, Parts]]:
    """What a style of one row holds for a level, part by part with its share."""
    start = _name(level, "")
    values = {name.removeprefix(start): value for name, value in style.values.items() if name.startswith(start)}
    shares = style.values[SHARES][0].tolist()
    return [(share, {name: value[0, k] for name, value in values.items()}) for k, share in enumerate(shares)]


def _even(values: Sequence[Tensor], name: str) -> list[Tensor]:
    """Positions as many for every picture of a batch: masks leave some fewer, which get ones that nothing looks at."""
    most = max(len(value) for value in values)
    made = []
    for value in values:
        more = value.mean(dim=0, keepdim=True).repeat(most - len(value), 1)
        if name.endswith(".keys"):
            more[:, -1] = NOT_THERE
        made.append(torch.cat([value, more]))
    return made
