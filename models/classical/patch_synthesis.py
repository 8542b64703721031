"""A picture made of patches of another, as its guides say: EbSynth's energy, from coarse to fine.

For every position t of the target and its place s in the source the energy is the sum over the patch of
w_s |style difference|^2 + w_g |guide difference|^2 with values in 0..255, plus uniformity * Omega(s) / Omega_best, where Omega
says how often the patch's pixels are used (Fiser et al. 2016, StyLit; Jamriska et al. 2019; the reference program's defaults).
Search for places and voting for pixels take turns at every size. Without guides this is texture optimization (Kwatra et al.
2005, with PatchMatch and uniformity as in Kaspar et al. 2015), and `wrap` makes a tile without seams.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from ..progress import Progress, glance, silent
from .patch_match import PatchMatch
from .patches import WHITE, bands, energy_unit, fit_basis, project

AXES = 24  # of style and of guides, at most
KEPT = 0.999  # of the variance of patches
POLISHED_PATCH = 3
LARGEST_SEARCH = 2 << 20  # pixels; larger pictures take over what was found at half their size
CHANNEL_BITS = 20  # of a color in a number of three: room for the sum over any patch


@dataclass(frozen=True)
class Guide:
    """What source and target are to have in common: [1, C, h, w] of the source's size and [1, C, H, W] of the target's, 0..1."""

    source: Tensor
    target: Tensor
    weight: float


@dataclass(frozen=True)
class PatchSettings:
    """uniformity: 500..15000 are sensible, 0 turns it off. patch: odd. levels: 0 for as many as fit. seed: of what is drawn.

    style_weight: of the style's differences. rounds: of search and vote at each size. searches: PatchMatch iterations in each.
    polish: once more at full size with patches of 3x3 and no uniformity. wrap: the target is a tile.
    """

    uniformity: float = 3500.0
    patch: int = 5
    levels: int = 0
    rounds: int = 6
    searches: int = 4
    style_weight: float = 1.0
    polish: bool = False
    wrap: bool = False
    seed: int = 0


@dataclass(frozen=True)
class Synthesis:
    """picture: [1, 3, H, W] in 0..1. index: [H, W] places in the source, row * width + column. source_size: height, width.

    cost: of the patches without uniformity, at the largest size that was searched.
    """

    picture: Tensor
    index: Tensor
    cost: Tensor
    source_size: tuple[int, int]


def synthesize(
    style: Tensor,
    guides: Sequence[Guide],
    size: tuple[int, int],
    settings: PatchSettings,
    progress: Progress = silent,
    allowed: Tensor | None = None,
) -> Synthesis:
    """style [1, 3, h, w] in 0..1 and guides -> a picture of `size` (height, width) made of the style's patches.

    allowed: [1, 1, h, w], above 0.5 where patches may be taken. The same seed gives the same bytes on every device.
    Raises ValueError when the style is smaller than a patch, or a guide has another size.
    """
    return Synthesizer(style, guides, size, settings, allowed).run(progress)


class Synthesizer:
    """The work of `synthesize`, level by level."""

    def __init__(
        self, style: Tensor, guides: Sequence[Guide], size: tuple[int, int], settings: PatchSettings, allowed: Tensor | None
    ) -> None:
        least = 2 * settings.patch + 1
        if min(style.shape[-2:]) < least or min(size) < least:
            raise ValueError(
                f"pictures of {style.shape[-1]}x{style.shape[-2]} and {size[1]}x{size[0]} pixels are too small for patches of "
                f"{settings.patch}: each side must have at least {least}"
            )
        for guide in guides:
            if guide.source.shape[-2:] != style.shape[-2:] or guide.target.shape[-2:] != tuple(size):
                raise ValueError("a guide has another size than its picture: resize it first")
        self.style, self.size, self.settings, self.allowed = style, size, settings, allowed
        self.guides = [guide for guide in guides if guide.weight > 0]
        self.weights = torch.tensor(
            [guide.weight / guide.source.shape[1] for guide in self.guides for _ in range(guide.source.shape[1])]
        )
        self.style_weights = torch.full((3,), settings.style_weight / 3)
        self.chance = torch.Generator().manual_seed(settings.seed)
        smallest = min(*style.shape[-2:], *size)
        fitting = 1
        while smallest // 2**fitting >= least:
            fitting += 1
        self.levels = min(settings.levels or fitting, fitting)

    def run(self, progress: Progress) -> Synthesis:
        """All sizes, the smallest first."""
        passes = [(level, self.settings.patch, self.settings.uniformity) for level in reversed(range(self.levels))]
        if self.settings.polish:
            passes.append((0, POLISHED_PATCH, 0.0))
        shares = [max(1, self.size[0] * self.size[1] >> 2 * level) for level, _, _ in passes]
        made: Synthesis | None = None
        for number, (level, patch, uniformity) in enumerate(passes):
            report = partial(_part, progress, sum(shares[:number]), shares[number], sum(shares))
            source_size, size = reduced_size(self.style.shape[-2:], level), reduced_size(self.size, level)
            if made is not None and max(math.prod(source_size), math.prod(size)) > LARGEST_SEARCH:
                made = self._taken_over(made, level, patch, report)
            else:
                made = self._searched(made, level, patch, uniformity, report)
        assert made is not None
        return made

    def _searched(self, before: Synthesis | None, level: int, patch: int, uniformity: float, report: Progress) -> Synthesis:
        """Search and vote in turns at one size, from what was found at the size below or by chance."""
        settings, wrap = self.settings, self.settings.wrap
        style, size = whole_numbers(reduced(self.style, level)), reduced_size(self.size, level)
        source_size = reduced_size(self.style.shape[-2:], level)
        unit = energy_unit(torch.cat([self.style_weights, self.weights]), patch)
        basis = fit_basis(style, self.style_weights, patch, KEPT, AXES, unit, self.chance)
        sources, targets = [project(style, basis)], []
        if self.guides:
            source, target = (
                whole_numbers(torch.cat([reduced(side, level) for side in sides], dim=1))
                for sides in ([guide.source for guide in self.guides], [guide.target for guide in self.guides])
            )
            guide_basis = fit_basis(source, self.weights, patch, KEPT, AXES, unit, self.chance)
            sources.append(project(source, guide_basis))
            targets.append(project(target, guide_basis, wrap))
        allowed = None if self.allowed is None else (reduced(self.allowed, level) > 0.5).flatten()
        match = PatchMatch(torch.cat(sources, dim=1), source_size, size, patch, uniformity * unit**2, self.chance, allowed, wrap)
        del sources
        if before is not None:
            match.take(enlarged_field(before.index, before.source_size, size, source_size))
        picture = vote(style, match.index.view(size), patch, wrap)
        for done in range(settings.rounds):
            match.aim(torch.cat([project(picture.round(), basis, wrap), *targets], dim=1))
            match.search(settings.searches, partial(report, done, settings.rounds))
            picture = vote(style, match.index.view(size), patch, wrap)
            report(done + 1, settings.rounds, glance(picture / WHITE))
        return Synthesis(picture / WHITE, match.index.view(size), match.cost.view(size) / unit**2, source_size)

    def _taken_over(self, before: Synthesis, level: int, patch: int, report: Progress) -> Synthesis:
        """A size at which the pictures are too large to search: the places of the size below, with this size's pixels."""
        size, source_size = reduced_size(self.size, level), reduced_size(self.style.shape[-2:], level)
        index = enlarged_field(before.index, before.source_size, size, source_size).view(size)
        made = vote(whole_numbers(reduced(self.style, level)), index, patch, self.settings.wrap, partial(report, 0, 1))
        picture = made.div_(WHITE)
        report(1, 1, glance(picture))
        return Synthesis(picture, index, before.cost, source_size)


def _part(progress: Progress, before: int, share: int, whole: int, done: int, total: int, preview: Tensor | None = None) -> None:
    progress(int(before + share * done / total), whole, preview)


def whole_numbers(picture: Tensor) -> Tensor:
    """0..1 -> whole numbers in 0..255, as the energy wants them."""
    return (picture.float() * WHITE).round_().clamp_(0, WHITE)


def reduced_size(size: Sequence[int], level: int) -> tuple[int, int]:
    """Height and width, halved `level` times, rounded up."""
    return -(-size[0] // 2**level), -(-size[1] // 2**level)


def reduced(picture: Tensor, level: int) -> Tensor:
    """[1, C, H, W] averaged over squares of 2^level pixels."""
    if not level:
        return picture
    return F.interpolate(picture.cpu(), size=reduced_size(picture.shape[-2:], level), mode="area").to(picture.device)


def enlarged_field(index: Tensor, source_size: tuple[int, int], new_size: tuple[int, int], new_source: tuple[int, int]) -> Tensor:
    """A field [h, w] at twice its size (or the same), flat: the positions of a square of four take their place's four."""
    height, width = index.shape
    factor = 1 if (height, width) == new_size else 2
    rows, columns = torch.arange(new_size[0], device=index.device), torch.arange(new_size[1], device=index.device)
    near = index[(rows // factor).clamp_max(height - 1)][:, (columns // factor).clamp_max(width - 1)]
    row = near.div(source_size[1], rounding_mode="floor") * factor + (rows % factor)[:, None]
    column = near % source_size[1] * factor + columns % factor
    return (row.clamp(0, new_source[0] - 1) * new_source[1] + column.clamp(0, new_source[1] - 1)).flatten()


def vote(style: Tensor, index: Tensor, patch: int, wrap: bool = False, watch: Callable[[], None] = lambda: None) -> Tensor:
    """Every pixel's mean of what the patches over it say of it, [1, 3, H, W] in 0..255.

    style: [1, 3, h, w], whole numbers in 0..255. index: [H, W] places in it. Sums are exact: three colors in one number.
    """
    red, green, blue = style[0].flatten(1)
    packed = red.long() + (green.long() << CHANNEL_BITS) + (blue.long() << 2 * CHANNEL_BITS)
    height, width = index.shape
    reach, across = patch // 2, style.shape[-1]
    out = style.new_empty(1, 3, height, width)
    columns = torch.arange(-reach, width + reach, device=index.device)
    for top, bottom in bands(height, width):
        rows = torch.arange(top - reach, bottom + reach, device=index.device)
        near = index[rows % height if wrap else rows.clamp(0, height - 1)]
        near = near[:, columns % width if wrap else columns.clamp(0, width - 1)]
        known = ((rows >= 0) & (rows < height))[:, None] & ((columns >= 0) & (columns < width)) | wrap
        total = near.new_zeros(bottom - top, width)
        count = torch.zeros_like(total)
        for down in range(patch):
            for right in range(patch):
                part = slice(down, down + bottom - top), slice(right, right + width)
                place = (near[part] + ((reach - down) * across + reach - right)).clamp_(0, len(packed) - 1)
                total += packed.take(place).mul_(known[part])
                count += known[part]
        for channel in range(3):
            out[0, channel, top:bottom] = (total >> channel * CHANNEL_BITS & (1 << CHANNEL_BITS) - 1) / count
        watch()
    return out
