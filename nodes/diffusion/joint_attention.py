"""Cross attention in which pictures' keys and values stand beside the prompt's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .unets import Replacement, attend, in_range


@dataclass(frozen=True, eq=False)
class Entry:
    """Keys and values [1, N, C] of pictures for one attention, weighted; None where it has `count` zeros in their place.

    start, end: noise levels between which it holds.
    """

    pair: tuple[Tensor, Tensor] | None
    count: int
    start: float
    end: float


class JointAttention:
    """k = [k of the text; w k of the pictures], v likewise, under one softmax (DEADiff, eq. 4).

    The negative prompt has zeros for its pictures, and so has a layer that is another word's: zeros are keys too, and take
    their share. Two words share them: where one has tokens, the other's zeros are left out, as in the authors' code.
    before: what another node had put here, which gets the joined keys and values.
    """

    def __init__(self, entries: tuple[Entry, ...], before: Replacement | None = None) -> None:
        self.entries, self.before = entries, before
        self.added: list[tuple[Callable[..., Tensor], dict[str, Any]]] = []
        self.moved: dict[tuple[int, torch.device, torch.dtype], tuple[Tensor, Tensor]] = {}

    @classmethod
    def over(cls, before: Any, entry: Entry) -> JointAttention:
        """One more entry on what is there."""
        if not isinstance(before, JointAttention):
            return cls((entry,), before)
        made = cls((*before.entries, entry), before.before)
        made.added = list(before.added)
        return made

    def add(self, callback: Callable[..., Tensor], **settings: Any) -> None:
        """As IPAdapter nodes call it on what they find here: their attention is added to the result."""
        self.added.append((callback, settings))

    def __call__(self, q: Tensor, k: Tensor, v: Tensor, options: dict[str, Any]) -> Tensor:
        """q, k, v [B, N, C] of the host's batch -> [B, N, C]."""
        sigmas = options["sigmas"]
        active = [i for i, entry in enumerate(self.entries) if in_range(sigmas, entry.start, entry.end)]
        joined_k, joined_v = self.joined(k, v, options, active) if active else (k, v)
        out = (self.before or attend)(q, joined_k, joined_v, options)
        for callback, settings in self.added:
            if in_range(sigmas, settings.get("sigma_start", float("inf")), settings.get("sigma_end", -1.0)):
                out = out + callback(out, q, k, v, options, **settings)
        return out

    def joined(self, k: Tensor, v: Tensor, options: dict[str, Any], active: list[int]) -> tuple[Tensor, Tensor]:
        """Keys and values with those of the pictures for positive rows, zeros for negative ones."""
        kinds = options["cond_or_uncond"]
        rows = len(k) // len(kinds)
        positive = torch.tensor([kind == 0 for kind in kinds for _ in range(rows)], device=k.device)[:, None, None]
        pairs = [pair for pair in (self.on(i, k) for i in active) if pair is not None]
        if not pairs:
            zeros = k.new_zeros(len(k), max(self.entries[i].count for i in active), k.shape[2])
            return torch.cat([k, zeros], dim=1), torch.cat([v, zeros], dim=1)
        extra = (torch.cat(parts, dim=1) for parts in zip(*pairs, strict=True))
        key, value = (torch.where(positive, each, torch.zeros_like(each)) for each in extra)
        return torch.cat([k, key], dim=1), torch.cat([v, value], dim=1)

    def on(self, index: int, like: Tensor) -> tuple[Tensor, Tensor] | None:
        """An entry's keys and values where and how the model computes."""
        pair = self.entries[index].pair
        if pair is None:
            return None
        place = (index, like.device, like.dtype)
        if place not in self.moved:
            self.moved[place] = (pair[0].to(like), pair[1].to(like))
        return self.moved[place]
