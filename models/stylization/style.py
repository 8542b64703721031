"""Styles: what a stylizer took from style pictures, apart from any content, for people to keep, mix and walk between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..ops.batches import rows_of
from ..ops.blending import shares_of, stops_on_the_way

SHARES = "shares"


@dataclass(frozen=True, repr=False)
class Style:
    """ATELIER_STYLE. A row is the style of a picture.

    kind: the code space, equal where styles may be mixed and used by the same stylizers ("moments:vgg19-normalised/relu4_1").
    values: floats, [B, ...] each, named by the family; [1, ...] stands for all rows. Where there are `shares` [B, K] a row is
    made of K parts that cannot be averaged themselves: all other values are [B, K, ...], and the stylizer weighs what it makes
    of them.
    summary: in words, what it was taken from.
    """

    kind: str
    values: dict[str, Tensor]
    summary: str

    def __post_init__(self) -> None:
        batches = {len(value) for value in self.values.values() if value.dim()}
        if not batches or 0 in batches or not batches <= {1, max(batches)} or not all(v.dim() for v in self.values.values()):
            raise ValueError(
                f"a style of {self.kind or 'no kind'} has values of {sorted(batches)} rows: all must have as many, or one"
            )

    @property
    def batch(self) -> int:
        """How many rows."""
        return max(len(value) for value in self.values.values())

    def value(self, name: str, start: int, stop: int) -> Tensor:
        """Rows start to stop of a value, repeated without end. Raises ValueError for a value that is not there."""
        if name not in self.values:
            raise ValueError(f"the style of {self.kind} has no {name}: take it from its pictures again")
        return rows_of(self.values[name], start, stop)

    def take(self, start: int, stop: int) -> Style:
        """Rows start to stop, repeated without end."""
        return Style(self.kind, {name: rows_of(value, start, stop) for name, value in self.values.items()}, self.summary)

    def to(self, device: torch.device | str) -> Style:
        """The same on a device."""
        return Style(self.kind, {name: value.to(device) for name, value in self.values.items()}, self.summary)

    def __repr__(self) -> str:
        count = f"{self.batch} styles" if self.batch != 1 else "1 style"
        return f"Style({count} of {self.kind}: {self.summary})"


def blend(styles: Sequence[Style], weights: Sequence[float]) -> Style:
    """The weighted mean of styles, weights scaled to sum 1; batches are mixed row by row, shorter ones repeat.

    Raises ValueError for no styles, styles of different kinds, values of different sizes, or weights that do not fit.
    """
    _check(styles)
    shares = shares_of(weights, len(styles))
    batch = max(style.batch for style in styles)
    even = [style if style.batch in (1, batch) else style.take(0, batch) for style in styles]
    words = " + ".join(f"{share:.2g} {style.summary}" for style, share in zip(styles, shares, strict=True))
    return _mixed(even, torch.tensor([shares]), words)


def interpolate(styles: Sequence[Style], frames: int, loop: bool = False) -> Style:
    """`frames` rows on the way through all rows of `styles`, evenly spaced from the first to the last.

    loop: the way leads back to the first row, and the last frame stops one step before it. Raises ValueError for fewer than two
    rows or frames, and for styles that cannot be mixed.
    """
    _check(styles)
    stops = [style.take(row, row + 1) for style in styles for row in range(style.batch)]
    if len(stops) < 2:
        raise ValueError(f"styles holds {len(stops)} style: connect at least two to move between")
    if frames < 2:
        raise ValueError(f"frames is {frames}: give at least 2")
    low, along = stops_on_the_way(len(stops) if loop else len(stops) - 1, frames, loop)
    share = along.float()
    weights = torch.zeros(frames, len(stops))
    every = torch.arange(frames)
    weights[every, low] = 1 - share
    weights[every, (low + 1) % len(stops)] += share
    words = f"{frames} frames through {', '.join(dict.fromkeys(style.summary for style in styles))}"
    return _mixed(stops, weights, words + (", loop" if loop else ""))


def _mixed(styles: Sequence[Style], weights: Tensor, summary: str) -> Style:
    """Row by row the sum of styles (of one row or B) by weights [1 or B, styles]."""
    first = styles[0]
    values: dict[str, Tensor] = {}
    for name in first.values:
        found = [style.values[name] for style in styles]
        by = [weights[:, i].to(value) for i, value in enumerate(found)]
        if SHARES not in first.values:
            values[name] = torch.stack(
                torch.broadcast_tensors(*(v * w.view(-1, *[1] * (v.dim() - 1)) for v, w in zip(found, by, strict=True)))
            ).sum(0)
        elif name == SHARES:
            batch = max(len(weights), *(len(value) for value in found))
            values[name] = torch.cat([rows_of(v, 0, batch) * w[:, None] for v, w in zip(found, by, strict=True)], dim=1)
        else:
            batch = max(len(value) for value in found)
            values[name] = torch.cat([rows_of(value, 0, batch) for value in found], dim=1)
    return Style(first.kind, values, summary)


def _check(styles: Sequence[Style]) -> None:
    if not styles:
        raise ValueError("styles holds no style: connect at least one")
    kinds = sorted({style.kind for style in styles})
    if len(kinds) > 1:
        raise ValueError(f"styles are of different kinds ({' and '.join(kinds)}): take all of them with one stylizer")
    ranks = 2 if SHARES in styles[0].values else 1
    for name, value in styles[0].values.items():
        if name != SHARES and any(style.values[name].shape[ranks:] != value.shape[ranks:] for style in styles):
            sizes = " and ".join(sorted({"x".join(map(str, style.values[name].shape[ranks:])) for style in styles}))
            raise ValueError(f"styles of {kinds[0]} hold different sizes ({sizes}): take them from pictures of one size")
