"""Closed-form style transfer in stages: AdaIN, WCT and Pocket are all this.

A stage encodes a picture, moves its features to the style's statistics by an affine map and decodes them. Statistics are
taken over the whole picture in a first pass over tiles, the picture is made in a second; without tiles one encoding
serves both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .decoders.decoder import Decoder, render_tiles, spread
from .encoders.encoder import Encoder
from .ops.affine import AffineMap, mix
from .ops.masks import at_size, partition
from .ops.moments import Moments, measure
from .ops.padding import pad_to_multiple
from .ops.tiling import Tile, tiles
from .ops.transfer import METHODS, moved, needs_covariance, transfer_map
from .progress import Progress, glance, silent
from .stylizer import StylizeOptions, Stylizer


@dataclass(frozen=True)
class Stage:
    """An encoder, a decoder for its features, and how features are moved between."""

    encoder: Encoder
    decoder: Decoder

    @property
    def taps(self) -> tuple[str, ...]:
        """The levels that are transferred."""
        return self.decoder.taps

    def encode(self, images: Tensor) -> dict[str, Tensor]:
        """Features of already padded images."""
        return self.encoder.encoding(images, self.taps)

    def pieces(self, images: Tensor, tile: int) -> list[Tile]:
        """Tiles whose context is enough to encode and then decode."""
        align = max(self.encoder.encoding.strides[tap] for tap in self.taps)
        halo = self.encoder.encoding.halo(self.taps) + self.decoder.rendering.halo
        height, width = images.shape[-2:]
        return list(tiles(height, width, tile, halo, align))

    def level_masks(self, mask: Tensor, images: Tensor) -> dict[str, Tensor]:
        """A mask of the padded picture at the size of every level."""
        height, width = images.shape[-2:]
        return {tap: at_size(mask, *self.encoder.encoding.size(height, width, tap)) for tap in self.taps}

    def moments(
        self, images: Tensor, masks: Sequence[Tensor | None], full: bool, tile: int, beat: Beat
    ) -> list[dict[str, Moments]]:
        """Moments of the features of images [1, 3, H, W] under each mask, over tiles."""
        strides = self.encoder.encoding.strides
        levels = [None if m is None else self.level_masks(m, images) for m in masks]
        totals: list[dict[str, Moments]] = [{} for _ in masks]
        for piece in self.pieces(images, tile):
            for tap, f in self.encode(piece.outer(images)).items():
                core = piece.inner(f, strides[tap])
                if not core.numel():
                    continue
                for total, level in zip(totals, levels, strict=True):
                    weight = None if level is None else piece.core(level[tap], strides[tap])
                    part = measure(core, weight, full)
                    total[tap] = total[tap].merge(part) if tap in total else part
            beat()
        return totals


class Beat:
    """Counts pieces of work and passes them to a Progress."""

    def __init__(self, total: int, progress: Progress) -> None:
        self.done = 0
        self.total = total
        self.progress = progress

    def __call__(self, preview: Tensor | None = None) -> None:
        self.done = min(self.done + 1, self.total)
        self.progress(self.done, self.total, preview)


@dataclass(frozen=True)
class Region:
    """One region of a stage's picture: where (None: everywhere), its maps by level and what the decoder must know."""

    masks: dict[str, Tensor] | None
    maps: dict[str, AffineMap]
    condition: Tensor | None


class FeatureStylizer(Stylizer):
    """AdaIN, WCT and Pocket: stages run one after the other, each moving features by a closed form.

    own: the transform used for "own".
    """

    transforms = METHODS

    def __init__(self, name: str, title: str, licence: str, stages: Sequence[Stage], own: str) -> None:
        self.name, self.title, self.licence, self.own = name, title, licence, own
        self.stages = tuple(stages)
        modules = {id(m): m for s in stages for m in (s.encoder.module, s.decoder.module)}
        self.module = nn.ModuleList(modules.values())  # type: ignore[arg-type]
        self.bytes_per_pixel = max(s.encoder.bytes_per_pixel(s.taps) + s.decoder.bytes_per_pixel for s in self.stages)

    def stylize(
        self,
        content: Tensor,
        styles: Sequence[Tensor],
        options: StylizeOptions = StylizeOptions(),
        progress: Progress = silent,
    ) -> Tensor:
        options = options.checked(len(styles))
        method = self.own if options.transform == "own" else options.transform
        full = needs_covariance(method)
        batch = max(content.shape[0], *(style.shape[0] for style in styles))
        out = content.new_empty((batch, 3, *content.shape[-2:]))
        passes = 2 * len(self.stages)
        beat = Beat(batch * passes * self._pieces(content, options.tile), progress)
        known: dict[tuple[int, int, int], dict[str, Moments]] = {}
        for i in range(batch):
            picture = content[i % content.shape[0]][None]
            masks = [m[i % m.shape[0]][None] for m in options.content_masks]
            for number, stage in enumerate(self.stages):
                targets = [
                    self._style(known, number, k, i % style.shape[0], style, options, full) for k, style in enumerate(styles)
                ]
                picture = self._run(stage, picture, targets, masks, options, method, beat)
            out[i] = picture[0].clamp(0, 1)
        return out

    def _pieces(self, content: Tensor, tile: int) -> int:
        height, width = content.shape[-2:]
        return 1 if not tile else -(-height // tile) * -(-width // tile)

    def _style(
        self,
        known: dict[tuple[int, int, int], dict[str, Moments]],
        number: int,
        index: int,
        row: int,
        style: Tensor,
        options: StylizeOptions,
        full: bool,
    ) -> dict[str, Moments]:
        """Moments of picture `row` of style `index` at a stage; encoded once and kept for the call."""
        if (number, index, row) not in known:
            stage = self.stages[number]
            picture = pad_to_multiple(style[row][None], stage.encoder.multiple)
            mask = options.style_masks[index] if index < len(options.style_masks) else None
            if mask is not None:
                mask = pad_to_multiple(at_size(mask[row % mask.shape[0]][None], *style.shape[-2:]), stage.encoder.multiple)
                if float(mask.sum()) < 1:
                    raise ValueError(
                        "style_masks holds an empty mask: paint the part of the style picture to take the style from"
                    )
            known[number, index, row] = stage.moments(picture, [mask], full, options.tile, Beat(1, silent))[0]
        return known[number, index, row]

    def _run(
        self,
        stage: Stage,
        picture: Tensor,
        styles: Sequence[Mapping[str, Moments]],
        masks: Sequence[Tensor],
        options: StylizeOptions,
        method: str,
        beat: Beat,
    ) -> Tensor:
        """One stage on one picture [1, 3, H, W]; not clamped."""
        height, width = picture.shape[-2:]
        padded = pad_to_multiple(picture, stage.encoder.multiple)
        sized = partition([pad_to_multiple(at_size(m, height, width), stage.encoder.multiple) for m in masks]) if masks else []
        full = needs_covariance(method)
        tile = options.tile if options.tile < max(padded.shape[-2:]) else 0
        whole = None if tile else stage.encode(padded)
        regions = [None, *sized]
        if whole is None:
            measured = stage.moments(padded, regions, full, tile, beat)
        else:
            levels = [None if m is None else stage.level_masks(m, padded) for m in regions]
            measured = [
                {tap: measure(f, None if level is None else level[tap], full) for tap, f in whole.items()} for level in levels
            ]
            beat()
        plan = self._plan(stage, padded, measured, styles, sized, options, method)
        if whole is not None:
            conditions = _condition_map(plan, whole)
            made = render_tiles(stage.decoder.rendering, _move(whole, plan), conditions, height, width)
            beat(glance(made))
            return made
        out = padded.new_empty(padded.shape)
        for piece in stage.pieces(padded, tile):
            levels = stage.encode(piece.outer(padded))
            local = [_cut(region, piece, stage.encoder.encoding.strides) for region in plan]
            made = stage.decoder.rendering.render(_move(levels, local), _condition_map(local, levels))
            target = piece.core(out)
            target.copy_(piece.inner(made)[..., : target.shape[-2], : target.shape[-1]])
            beat(glance(out) if len(self.stages) == 1 else None)
        return out[..., :height, :width]

    def _plan(
        self,
        stage: Stage,
        padded: Tensor,
        measured: Sequence[Mapping[str, Moments]],
        styles: Sequence[Mapping[str, Moments]],
        masks: Sequence[Tensor],
        options: StylizeOptions,
        method: str,
    ) -> list[Region]:
        """Maps and conditions of each region; without masks there is one region, everywhere."""
        whole, rest = measured[0], measured[1:]
        rendering = stage.decoder.rendering
        if not masks:
            weights = options.weights or (1.0,) * len(styles)
            maps = {
                tap: mix([transfer_map(m, s[tap], method) for s in styles], weights).weaken(options.strength)
                for tap, m in whole.items()
            }
            return [Region(None, maps, rendering.condition({tap: moved(m, maps[tap]) for tap, m in whole.items()}))]
        plan = []
        for own, style, mask in zip(rest, styles, masks, strict=True):
            # a region too small to have statistics takes those of the whole picture
            source = {tap: m if float(m.weight.min()) > 2 else whole[tap] for tap, m in own.items()}
            maps = {tap: transfer_map(m, style[tap], method).weaken(options.strength) for tap, m in source.items()}
            condition = rendering.condition({tap: moved(m, maps[tap]) for tap, m in source.items()})
            plan.append(Region(stage.level_masks(mask, padded), maps, condition))
        uncovered = 1 - torch.stack(list(masks)).sum(0)
        unchanged = {tap: AffineMap(torch.ones_like(m.mean), torch.zeros_like(m.mean)) for tap, m in whole.items()}
        plan.append(Region(stage.level_masks(uncovered, padded), unchanged, rendering.condition(whole)))
        return plan


def _cut(region: Region, piece: Tile, strides: Mapping[str, int]) -> Region:
    """The region inside a tile with its context."""
    masks = None if region.masks is None else {tap: piece.outer(m, strides[tap]) for tap, m in region.masks.items()}
    return Region(masks, region.maps, region.condition)


def _move(levels: Mapping[str, Tensor], plan: Sequence[Region]) -> dict[str, Tensor]:
    """Apply every region's maps where the region is."""
    if plan[0].masks is None:
        return {tap: plan[0].maps[tap](f) for tap, f in levels.items()}
    moved_levels = {}
    for tap, f in levels.items():
        total = torch.zeros_like(f)
        for region in plan:
            if region.masks is not None:
                total += region.maps[tap](f) * region.masks[tap].to(f.dtype)
        moved_levels[tap] = total
    return moved_levels


def _condition_map(plan: Sequence[Region], levels: Mapping[str, Tensor]) -> Tensor | None:
    """What the decoder must know, at every point of the deepest level."""
    conditions = [region.condition for region in plan if region.condition is not None]
    if not conditions:
        return None
    if plan[0].masks is None:
        return conditions[0][:, :, None, None]
    tap = min(levels, key=lambda t: levels[t].shape[-1])
    masks = [region.masks[tap] for region in plan if region.masks is not None]
    return spread(conditions, masks, *levels[tap].shape[-2:])
