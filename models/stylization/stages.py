"""Closed-form style transfer in stages: AdaIN, WCT and Pocket are all this.

A stage encodes a picture, moves its features to the style's statistics by an affine map and decodes them. Statistics are
taken over the whole picture in a first pass over tiles, the picture is made in a second; without tiles one encoding
serves both.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch import compile as faster  # under its own name the registry takes it for the built-in that makes code

from ..decoders.decoder import Decoder, spread
from ..encoders.encoder import Encoder
from ..ops.affine import AffineMap, mix
from ..ops.masks import EmptyMask, at_size, partition
from ..ops.moments import Moments, measure
from ..ops.padding import pad_to_multiple
from ..ops.tiling import Tile, tiles
from ..ops.transfer import METHODS, moved, needs_covariance, transfer_map
from ..progress import Progress, glance, silent
from .moment_style import Part, packed, parts
from .style import Style
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

    def compiled(self) -> Stage:
        """The same stage, whose networks PyTorch compiles when they first run."""
        made = copy.copy(self)
        for name in ("encode", "render"):
            object.__setattr__(made, name, faster(getattr(self, name)))
        return made

    def encode(self, images: Tensor, half: bool = False) -> dict[str, Tensor]:
        """Features of already padded images, as float32."""
        with convolving(images, half):
            return {tap: f.float() for tap, f in self.encoder.encoding(images, self.taps).items()}

    def render(self, levels: Mapping[str, Tensor], condition: Tensor | None, half: bool = False) -> Tensor:
        """The picture of padded features, as float32; not clamped."""
        with convolving(next(iter(levels.values())), half):
            return self.decoder.rendering.render(levels, condition).float()

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


def convolving(x: Tensor, half: bool) -> AbstractContextManager[object]:
    """Inside, layers work in half precision where that is wanted."""
    return torch.autocast(x.device.type, torch.float16) if half else nullcontext()


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

    own: the transform used for "own". multiple: the content is extended by reflection to multiples of this once, before the first
    stage, and the result cropped; styles are measured as they are, by pools that round down. 1 for stages that look after that.
    """

    transforms = METHODS
    has_statistics = True
    has_half = True
    multiple = 1

    def __init__(self, name: str, title: str, license: str, stages: Sequence[Stage], own: str) -> None:
        self.name, self.title, self.license, self.own = name, title, license, own
        self.stages = tuple(stages)
        modules = {id(m): m for s in stages for m in (s.encoder.module, s.decoder.module)}
        self.module = nn.ModuleList(modules.values())  # type: ignore[arg-type]
        self.style_kind = "moments:" + "+".join(f"{s.encoder.name}/{','.join(s.taps)}" for s in self.stages)
        self.bytes_per_pixel = max(s.encoder.bytes_per_pixel(s.taps) + s.decoder.bytes_per_pixel for s in self.stages)

    def stylize(
        self,
        content: Tensor,
        styles: Sequence[Tensor | Style],
        options: StylizeOptions = StylizeOptions(),
        progress: Progress = silent,
    ) -> Tensor:
        options = self.check(styles, options)
        method = self.own if options.transform == "own" else options.transform
        full = needs_covariance(method)
        styles = [style.to(content.device) if isinstance(style, Style) else style for style in styles]
        sizes = [style.batch if isinstance(style, Style) else style.shape[0] for style in styles]
        batch = max(content.shape[0], *sizes)
        out = content.new_empty((batch, 3, *content.shape[-2:]))
        passes = 2 * len(self.stages)
        beat = Beat(batch * passes * self._pieces(content, options.tile), progress)
        known: dict[tuple[int, int, int], list[Part]] = {}
        height, width = content.shape[-2:]
        for i in range(batch):
            picture = pad_to_multiple(content[i % content.shape[0]][None], self.multiple)
            masks = [m[i % m.shape[0]][None] for m in options.content_masks]
            if picture.shape[-2:] != content.shape[-2:]:
                masks = [pad_to_multiple(at_size(m, height, width), self.multiple) for m in masks]
            for number, stage in enumerate(self.stages):
                targets = []
                for k, (style, size) in enumerate(zip(styles, sizes, strict=True)):
                    if (number, k, i % size) not in known:
                        known[number, k, i % size] = self._parts(number, k, i % size, style, options, full)
                    targets.append(known[number, k, i % size])
                picture = self._run(stage, picture, targets, masks, options, method, beat)
            out[i] = picture[0, :, :height, :width].clamp(0, 1)
        return out

    def style_of(self, style: Tensor, mask: Tensor | None = None, tile: int = 0, progress: Progress = silent) -> Style:
        """Moments, with covariances so that they serve every transform, of the features of each stage and level."""
        beat = Beat(style.shape[0] * len(self.stages) * self._pieces(style, tile), progress)
        rows = [
            [self._measured(stage, style, row, mask, True, tile, beat) for stage in self.stages] for row in range(style.shape[0])
        ]
        return packed(self.style_kind, rows, f"{style.shape[-1]} x {style.shape[-2]}")

    def compiled(self) -> FeatureStylizer:
        """Encoders and decoders: what lies between is linear algebra of a few small matrices."""
        made = copy.copy(self)
        made.stages = tuple(stage.compiled() for stage in self.stages)
        return made

    def _pieces(self, content: Tensor, tile: int) -> int:
        height, width = content.shape[-2:]
        return 1 if not tile else -(-height // tile) * -(-width // tile)

    def _parts(self, number: int, index: int, row: int, style: Tensor | Style, options: StylizeOptions, full: bool) -> list[Part]:
        """What a stage is to know of row `row` of style `index`."""
        stage = self.stages[number]
        if isinstance(style, Style):
            return parts(style, row, number, stage.taps)
        mask = options.style_masks[index] if index < len(options.style_masks) else None
        return [(1.0, self._measured(stage, style, row, mask, full, options.tile, Beat(1, silent)))]

    def _measured(
        self, stage: Stage, style: Tensor, row: int, mask: Tensor | None, full: bool, tile: int, beat: Beat
    ) -> dict[str, Moments]:
        """Moments of one style picture at a stage."""
        multiple = stage.encoder.multiple if self.multiple == 1 else 1
        picture = pad_to_multiple(style[row][None], multiple)
        if mask is None:
            return stage.moments(picture, [None], full, tile, beat)[0]
        part = pad_to_multiple(at_size(mask[row % mask.shape[0]][None], *style.shape[-2:]), multiple)
        if float(part.sum()) < 1:
            raise EmptyMask
        return stage.moments(picture, [part], full, tile, beat)[0]

    def _run(
        self,
        stage: Stage,
        picture: Tensor,
        styles: Sequence[Sequence[Part]],
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
        # whitening makes much of what rounding leaves, up to eighty levels of 255: what comes before it is in full precision
        half = options.half and not full
        painted_in_half = half or (options.half and len(self.stages) == 1)
        tile = options.tile if options.tile < max(padded.shape[-2:]) else 0
        whole = None if tile else stage.encode(padded, half)
        regions = [None, *sized]
        if whole is None:
            measured = stage.moments(padded, regions, full, tile, beat)
        else:
            levels = [None if m is None else stage.level_masks(m, padded) for m in regions]
            measured = [
                {tap: measure(f, None if level is None else level[tap], full) for tap, f in whole.items()} for level in levels
            ]
            beat()
        remembered = options.content_statistics
        if remembered is not None:
            start = f"stage{self.stages.index(stage)}"
            measured = [
                {tap: remembered.moments(f"{start}.{tap}.{region}", m) for tap, m in levels.items()}
                for region, levels in enumerate(measured)
            ]
        plan = self._plan(stage, padded, measured, styles, sized, options, method)
        if whole is not None:
            made = stage.render(_move(whole, plan), _condition_map(plan, whole), painted_in_half)[..., :height, :width]
            beat(glance(made))
            return made
        out = padded.new_empty(padded.shape)
        for piece in stage.pieces(padded, tile):
            levels = stage.encode(piece.outer(padded), half)
            local = [_cut(region, piece, stage.encoder.encoding.strides) for region in plan]
            made = stage.render(_move(levels, local), _condition_map(local, levels), painted_in_half)
            target = piece.core(out)
            target.copy_(piece.inner(made)[..., : target.shape[-2], : target.shape[-1]])
            beat(glance(out) if len(self.stages) == 1 else None)
        return out[..., :height, :width]

    def _plan(
        self,
        stage: Stage,
        padded: Tensor,
        measured: Sequence[Mapping[str, Moments]],
        styles: Sequence[Sequence[Part]],
        masks: Sequence[Tensor],
        options: StylizeOptions,
        method: str,
    ) -> list[Region]:
        """Maps and conditions of each region; without masks there is one region, everywhere."""
        whole, rest = measured[0], measured[1:]
        rendering = stage.decoder.rendering
        if not masks:
            weights = options.weights or (1.0,) * len(styles)
            every = [(weight * share, s) for weight, style in zip(weights, styles, strict=True) for share, s in style]
            maps = {tap: _mapped(m, every, tap, method).weaken(options.strength) for tap, m in whole.items()}
            return [Region(None, maps, rendering.condition({tap: moved(m, maps[tap]) for tap, m in whole.items()}))]
        plan = []
        for own, style, mask in zip(rest, styles, masks, strict=True):
            # a region too small to have statistics takes those of the whole picture
            source = {tap: m if float(m.weight.min()) > 2 else whole[tap] for tap, m in own.items()}
            maps = {tap: _mapped(m, style, tap, method).weaken(options.strength) for tap, m in source.items()}
            condition = rendering.condition({tap: moved(m, maps[tap]) for tap, m in source.items()})
            plan.append(Region(stage.level_masks(mask, padded), maps, condition))
        uncovered = 1 - torch.stack(list(masks)).sum(0)
        unchanged = {tap: AffineMap(torch.ones_like(m.mean), torch.zeros_like(m.mean)) for tap, m in whole.items()}
        plan.append(Region(stage.level_masks(uncovered, padded), unchanged, rendering.condition(whole)))
        return plan


def _mapped(content: Moments, styles: Sequence[Part], tap: str, method: str) -> AffineMap:
    """The map to styles mixed by their shares."""
    return mix([transfer_map(content, style[tap], method) for _, style in styles], [share for share, _ in styles])


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
