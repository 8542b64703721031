"""The loss of a picture and its gradient, whole or tile by tile with the statistics of the whole.

Of every piece the encoder's features are taken; terms make summaries of them, which add up to those of the whole picture. The
slope of the loss at the summaries is then sent back through each piece. Tiles need two passes where a term is not a plain sum
over positions, and their result is that of the whole picture up to rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from ..encoders.encoder import Encoder
from ..objectives.objective import AnyTerm
from ..objectives.term import PictureTerm, Place, Term
from ..ops.padding import pad_to_multiple
from ..ops.tiling import Span, Tile, tiles
from .backbone import Backbone, backbone_of

TINY = 1e-12
Beat = Callable[[], None]


@dataclass(frozen=True)
class Weighted:
    """A term, how much it counts in the loss, and of which objective it is a part (with which share of that one's value)."""

    term: AnyTerm
    weight: float
    share: float
    objective: int


@dataclass(frozen=True)
class Evaluation:
    """loss; values: of each objective, unweighted; gradient [1, 3, H, W] of the loss."""

    loss: float
    values: tuple[float, ...]
    gradient: Tensor


@dataclass
class Group:
    """All terms that look through one encoder, which is asked once for all of them."""

    encoder: Encoder
    backbone: Backbone
    terms: list[Weighted] = field(default_factory=list)

    @property
    def taps(self) -> tuple[str, ...]:
        """Shallow to deep."""
        wanted = {w.term.tap for w in self.terms if isinstance(w.term, Term)}
        return tuple(tap for tap in self.encoder.taps if tap in wanted)

    def pieces(self, height: int, width: int, tile: int) -> list[Tile]:
        """Tiles with the context that features and windows need."""
        return list(pieces_for(self.encoder, [w.term for w in self.terms if isinstance(w.term, Term)], height, width, tile))


class Evaluator:
    """Bound terms for pictures of one size. tile: side of the tiles, 0 for the whole picture.

    normalize: the gradient of every term on its features is divided by its size (the sum of absolute values), as neural-style's
    option does, before weights are applied. beat: called between pieces of work; it may raise to stop. backbones: those of
    encoders (by the id of their modules) that are ready from another size; new ones are added.
    """

    def __init__(
        self,
        terms: Sequence[Weighted],
        encoders: Sequence[Encoder],
        tile: int = 0,
        normalize: bool = False,
        beat: Beat = lambda: None,
        backbones: dict[int, Backbone] | None = None,
    ) -> None:
        self.tile = tile
        self.normalize = normalize
        self.beat = beat
        self.count = 1 + max((w.objective for w in terms), default=-1)
        self.whole = [w for w in terms if isinstance(w.term, PictureTerm)]
        groups: dict[int, Group] = {}
        ready = {} if backbones is None else backbones
        for weighted in terms:
            if isinstance(weighted.term, Term):
                encoder = encoders[weighted.objective]
                key = id(encoder.module)
                if key not in groups:
                    if key not in ready:
                        ready[key] = backbone_of(encoder, beat)
                    groups[key] = Group(encoder, ready[key])
                groups[key].terms.append(weighted)
        self.groups = list(groups.values())
        self.jumps = any(isinstance(w.term, Term) and w.term.jumps for w in terms)

    def __call__(self, picture: Tensor, chance: torch.Generator) -> Evaluation:
        """picture [1, 3, H, W] -> its loss and gradient. chance: for terms that draw; the same state gives the same."""
        total = Totals(torch.zeros_like(picture), [0.0] * self.count)
        for group in self.groups:
            self._group(group, picture, total, chance)
        for weighted in self.whole:
            self._picture_term(weighted, picture, total, chance)
        return Evaluation(total.loss, tuple(total.values), total.gradient)

    def _group(self, group: Group, picture: Tensor, total: Totals, chance: torch.Generator) -> None:
        x = picture.detach().requires_grad_(group.encoder.multiple > 1)
        with torch.enable_grad():
            framed = pad_to_multiple(x, group.encoder.multiple)
        frame = framed.detach()
        height, width = frame.shape[-2:]
        for weighted in group.terms:
            begin(weighted.term, group.encoder, height, width, chance)
        pieces = group.pieces(height, width, self.tile)
        gradient = total.gradient if framed is x else torch.zeros_like(frame)
        if len(pieces) == 1:
            self._whole(group, frame, gradient, total)
        else:
            self._tiled(group, frame, pieces, gradient, total)
        if framed is not x:
            total.gradient += torch.autograd.grad(framed, x, gradient)[0]

    def _whole(self, group: Group, frame: Tensor, gradient: Tensor, total: Totals) -> None:
        levels, trace = group.backbone.forward(frame, group.taps)
        slopes: dict[str, Tensor] = {}
        for weighted in group.terms:
            term: Any = weighted.term
            f = levels[term.tap].detach().requires_grad_()
            with torch.enable_grad():
                value = term(f)
            if self.normalize:
                slope = torch.autograd.grad(value, f)[0]
                slope = slope * self._factor(weighted, slope.abs().sum())
            else:
                slope = torch.autograd.grad(value, f, torch.full_like(value, weighted.weight))[0]
            slopes[term.tap] = slopes[term.tap] + slope if term.tap in slopes else slope
            total.count(weighted, float(value.detach()))
        self.beat()
        del levels
        gradient += group.backbone.backward(trace, slopes)

    def _tiled(self, group: Group, frame: Tensor, pieces: list[Tile], gradient: Tensor, total: Totals) -> None:
        at_summaries = self._first_pass(group, frame, pieces, total)
        sizes = self._sizes(group, frame, pieces, at_summaries) if self.normalize else None
        linear = [0.0] * len(group.terms)
        for index, piece in enumerate(pieces):
            levels, trace = group.backbone.forward(piece.outer(frame), group.taps)
            slopes: dict[str, Tensor] = {}
            for i, weighted in enumerate(group.terms):
                found = self._slope(group.encoder, weighted.term, piece, levels, at_summaries[i], index)
                if found is None:
                    continue
                slope, where, _, value = found
                linear[i] += value
                scaled = slope * self._factor(weighted, None if sizes is None else sizes[i])
                tap = weighted.term.tap  # type: ignore[union-attr]
                slopes.setdefault(tap, torch.zeros_like(levels[tap]))[where] += scaled
            del levels
            self.beat()
            if slopes:
                piece.outer(gradient).add_(group.backbone.backward(trace, slopes))
            del trace
            self.beat()
        for i, weighted in enumerate(group.terms):
            if at_summaries[i] is None:
                total.count(weighted, linear[i])

    def _first_pass(self, group: Group, frame: Tensor, pieces: list[Tile], total: Totals) -> list[list[Tensor | None] | None]:
        """For each term that is no plain sum the slope of the loss at every piece's summary; None for the plain sums."""
        at: list[list[Tensor | None] | None] = [None] * len(group.terms)
        wanted = [(i, w) for i, w in enumerate(group.terms) if isinstance(w.term, Term) and not w.term.linear]
        if not wanted:
            return at
        terms = [w.term for _, w in wanted]
        summaries = summaries_of(group.encoder, terms, frame, pieces, self.beat)  # type: ignore[arg-type]
        for (i, weighted), found in zip(wanted, summaries, strict=True):
            term: Any = weighted.term
            leaves = [None if s is None else s.requires_grad_() for s in found]
            present = [leaf for leaf in leaves if leaf is not None]
            with torch.enable_grad():
                value = term.value(term.join(present))
            slopes = iter(torch.autograd.grad(value, present))
            at[i] = [None if leaf is None else next(slopes) for leaf in leaves]
            total.count(weighted, float(value.detach()))
        return at

    def _sizes(
        self, group: Group, frame: Tensor, pieces: list[Tile], at_summaries: list[list[Tensor | None] | None]
    ) -> list[Tensor]:
        """The size of every term's gradient on its features over the whole picture."""
        sizes = [frame.new_zeros(()) for _ in group.terms]
        maps: dict[int, Tensor] = {}  # where pieces overlap by a window, their gradients are added before they are measured
        encoding = group.encoder.encoding
        height, width = frame.shape[-2:]
        for index, piece in enumerate(pieces):
            levels = encoding(piece.outer(frame), group.taps)
            for i, weighted in enumerate(group.terms):
                term: Any = weighted.term
                found = self._slope(group.encoder, term, piece, levels, at_summaries[i], index)
                if found is None:
                    continue
                if term.window == 1:
                    sizes[i] += found[0].abs().sum()
                    continue
                if i not in maps:
                    maps[i] = frame.new_zeros(1, found[0].shape[1], *encoding.size(height, width, term.tap))
                found[2].cut(maps[i]).add_(found[0])
            self.beat()
        for i, whole in maps.items():
            sizes[i] = whole.abs().sum()
        return sizes

    def _slope(
        self,
        encoder: Encoder,
        term: Any,
        piece: Tile,
        levels: dict[str, Tensor],
        at_summary: list[Tensor | None] | None,
        index: int,
    ) -> tuple[Tensor, tuple[Any, ...], Place, float] | None:
        """(gradient on the piece's features, where in them and in the map, value of a plain sum) of one term, or None."""
        cut = cut_for(encoder, term, piece, levels[term.tap])
        if cut is None:
            return None
        part, where, place = cut
        f = part.detach().requires_grad_()
        with torch.enable_grad():
            summary = term.summary(f, place)
        if at_summary is None:
            return torch.autograd.grad(summary, f)[0], where, place, float(summary.detach())
        slope = at_summary[index]
        assert slope is not None
        return torch.autograd.grad(summary, f, slope)[0], where, place, 0.0

    def _factor(self, weighted: Weighted, size: Tensor | None) -> Tensor | float:
        return weighted.weight if size is None else weighted.weight / size.clamp_min(TINY)

    def _picture_term(self, weighted: Weighted, picture: Tensor, total: Totals, chance: torch.Generator) -> None:
        x = picture.detach().requires_grad_()
        term: Any = weighted.term
        with torch.enable_grad():
            value = term.value(x, chance)
        slope = torch.autograd.grad(value, x)[0]
        total.gradient += slope * self._factor(weighted, slope.abs().sum() if self.normalize else None)
        total.count(weighted, float(value.detach()))
        self.beat()


@dataclass
class Totals:
    """What is added up over terms."""

    gradient: Tensor
    values: list[float]
    loss: float = 0.0

    def count(self, weighted: Weighted, value: float) -> None:
        """Add a term's value to its objective's and to the loss."""
        self.loss += weighted.weight * value
        self.values[weighted.objective] += weighted.share * value


def begin(term: Any, encoder: Encoder, height: int, width: int, chance: torch.Generator) -> None:
    """Tell a term the size of its map."""
    term.begin(*encoder.encoding.size(height, width, term.tap), chance)


def pieces_for(encoder: Encoder, terms: Sequence[Term], height: int, width: int, tile: int) -> Iterator[Tile]:
    """Tiles of an already padded picture with the context that features and windows of these terms need."""
    taps = [term.tap for term in terms]
    strides = encoder.encoding.strides
    reach = max((term.window - 1) * strides[term.tap] for term in terms)
    side = tile if tile < max(height, width) else 0
    return tiles(height, width, side, encoder.encoding.halo(taps) + reach, max(strides[tap] for tap in taps))


def cut_for(encoder: Encoder, term: Term, piece: Tile, f: Tensor) -> tuple[Tensor, tuple[Any, ...], Place] | None:
    """(features of the piece's core and the term's window beyond, where they lie in f, where in the whole map); None if empty."""
    stride = encoder.encoding.strides[term.tap]
    rows, below = along(piece.rows, stride, f.shape[2], term.window - 1)
    columns, right = along(piece.columns, stride, f.shape[3], term.window - 1)
    if rows.stop <= rows.start or columns.stop <= columns.start:
        return None
    where = (..., rows, columns)
    top, left = piece.rows.start // stride, piece.columns.start // stride
    return f[where], where, Place(top, left, rows.stop - rows.start, columns.stop - columns.start, below, right)


def along(span: Span, stride: int, length: int, beyond: int) -> tuple[slice, int]:
    """One axis: the core in features of the piece, and up to `beyond` after it; how many those are. Empty cores stay empty."""
    core = span.inner(stride)
    stop = length if core.stop is None else min(core.stop, length)
    if stop <= core.start:
        return slice(0, 0), 0
    more = min(beyond, length - stop)
    return slice(core.start, stop + more), more


def summaries_of(
    encoder: Encoder, terms: Sequence[Term], frame: Tensor, pieces: Sequence[Tile], beat: Beat
) -> list[list[Tensor | None]]:
    """For each term its summary of every piece, None where it sees nothing of it."""
    found: list[list[Tensor | None]] = [[] for _ in terms]
    taps = tuple(dict.fromkeys(term.tap for term in terms))
    with torch.no_grad():
        for piece in pieces:
            levels = encoder.encoding(piece.outer(frame), taps)
            for term, own in zip(terms, found, strict=True):
                cut = cut_for(encoder, term, piece, levels[term.tap])
                own.append(None if cut is None else term.summary(cut[0], cut[2]))
            beat()
    return found


def gather(
    encoder: Encoder, picture: Tensor, terms: Sequence[Term], tile: int, chance: torch.Generator, beat: Beat
) -> list[Tensor]:
    """The summaries of a reference picture [1, 3, h, w], one for each term."""
    frame = pad_to_multiple(picture, encoder.multiple)
    height, width = frame.shape[-2:]
    for term in terms:
        begin(term, encoder, height, width, chance)
    pieces = list(pieces_for(encoder, terms, height, width, tile))
    found = summaries_of(encoder, terms, frame, pieces, beat)
    return [term.join([s for s in own if s is not None]) for term, own in zip(terms, found, strict=True)]
