"""Style codes: the style of a picture, or one drawn by chance, as a vector that people can keep, mix and walk between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from ..ops.blending import great_circle, mean_of_rows, shares_of, stops_on_the_way

Path = Literal["straight", "arc"]


@dataclass(frozen=True)
class StyleCode:
    """ATELIER_STYLE_CODE. values: [N, D] float32 on the CPU, a code in each row. family: the kind of code, equal where codes
    may be
    mixed and used by the same networks. domain: what kind of picture they stand for, "" where the network has no domains.
    """

    values: Tensor
    family: str
    domain: str = ""

    def __len__(self) -> int:
        return self.values.shape[0]

    def __repr__(self) -> str:
        count = f"{len(self)} codes" if len(self) != 1 else "1 code"
        return f"StyleCode({count} of {self.values.shape[1]} numbers, {self.family}{f', {self.domain}' if self.domain else ''})"


def blend(codes: Sequence[StyleCode], weights: Sequence[float]) -> StyleCode:
    """The weighted mean of codes, weights scaled to sum 1; batches of codes are mixed row by row, shorter ones repeat.

    Raises ValueError for no codes, codes of different networks, or weights that do not fit.
    """
    family = _family(codes)
    mixed = mean_of_rows([code.values for code in codes], shares_of(weights, len(codes)))
    return StyleCode(mixed, family, _domain(codes))


def interpolate(codes: Sequence[StyleCode], frames: int, path: Path = "straight", closed: bool = False) -> StyleCode:
    """`frames` codes on the way through all rows of `codes`, evenly spaced from the first to the last.

    straight: linear. arc: along the great circle with lengths interpolated (Shoemake 1985), which keeps the length of codes drawn
    by chance; nearly parallel codes fall back to straight. closed: the way leads back to the first code, and the last frame stops
    one step before it, so that an animation loops. Raises ValueError for fewer than two codes or frames.
    """
    family = _family(codes)
    stops = torch.cat([code.values for code in codes])
    if len(stops) < 2:
        raise ValueError(f"codes holds {len(stops)} style code: connect at least two to move between")
    if frames < 2:
        raise ValueError(f"frames is {frames}: give at least 2")
    if closed:
        stops = torch.cat([stops, stops[:1]])
    span, along = stops_on_the_way(len(stops) - 1, frames, closed)
    a, b, share = stops[span], stops[span + 1], along.float()[:, None]
    return StyleCode(torch.lerp(a, b, share) if path == "straight" else great_circle(a, b, share), family, _domain(codes))


def _family(codes: Sequence[StyleCode]) -> str:
    if not codes:
        raise ValueError("codes holds no style code: connect at least one")
    families = {(code.family, code.values.shape[1]) for code in codes}
    if len(families) > 1:
        names = " and ".join(sorted(f"{name} ({size} numbers)" for name, size in families))
        raise ValueError(f"codes are of different networks ({names}): take all of them from one translator")
    return codes[0].family


def _domain(codes: Sequence[StyleCode]) -> str:
    domains = {code.domain for code in codes}
    return domains.pop() if len(domains) == 1 else ""
