"""Moments of features as a Style: one part a picture, its shares, and what the closed forms read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from ..ops.moments import Moments
from .style import SHARES, Style

Part = tuple[float, Mapping[str, Moments]]  # a share, and moments [1, C] by level


def packed(kind: str, rows: Sequence[Sequence[Mapping[str, Moments]]], summary: str) -> Style:
    """rows: of each picture, of each stage, moments [1, C] by level -> a Style of one part a row.

    Maps are mixed and not moments, so that a blend of styles is the blend of what they do (and WCT's of covariances exact).
    """
    values: dict[str, Tensor] = {}
    for number, levels in enumerate(rows[0]):
        for tap in levels:
            found = [row[number][tap] for row in rows]
            values |= {
                f"{_name(number, tap)}.weight": torch.stack([m.weight for m in found]),
                f"{_name(number, tap)}.mean": torch.stack([m.mean for m in found]),
                f"{_name(number, tap)}.scatter": torch.stack([m.scatter for m in found]),
            }
    any_value = next(iter(values.values()))
    return Style(kind, {SHARES: any_value.new_ones(len(rows), 1), **values}, summary)


def parts(style: Style, row: int, number: int, taps: Sequence[str]) -> list[Part]:
    """What a row holds for stage `number`: its parts that have a share."""
    shares = style.value(SHARES, row, row + 1)[0]
    found: list[Part] = []
    for k, share in enumerate(shares.tolist()):
        if share > 0:
            found.append((share, {tap: _moments(style, row, k, _name(number, tap)) for tap in taps}))
    return found


def _moments(style: Style, row: int, part: int, name: str) -> Moments:
    weight, mean, scatter = (style.value(f"{name}.{what}", row, row + 1)[:, part] for what in ("weight", "mean", "scatter"))
    return Moments(weight, mean, scatter)


def _name(number: int, tap: str) -> str:
    return f"stage{number}.{tap}"
