"""Where the layers of a ResNet generator stand in its authors' nn.Sequential, and what kind of layers they are.

CycleGAN shrinks and enlarges by strides. CUT and FastCUT do so behind and in front of filters against aliasing (Zhang 2019,
arXiv:1904.11486), PyTorch-GAN enlarges by nearest neighbor; blocks are called conv_block or block.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import comb
from typing import Literal

import torch
from torch import Tensor

from ...architecture import Tensors, shape

Enlarging = Literal["transposed", "filtered", "nearest"]
BLOCK_NAMES = ("conv_block", "block")
SECOND = (5, 6)  # of a block's convolutions, without and with dropout
DOWN_TAPS, UP_TAPS = (3, 3), (4, 4)
STRIDED, FILTERED = (1, 4, 7), (1, 4, 8)


@dataclass(frozen=True)
class Layout:
    """Places of convolutions: three that shrink, two that enlarge, the last. blocks: the places of residual blocks, whose name in
    the file is `inner`. filtered: shrinking by filters.
    """

    shrinking: tuple[int, ...]
    blocks: tuple[int, ...]
    enlarging: tuple[int, ...]
    last: int
    filtered: bool
    up: Enlarging
    inner: str


def places(tensors: Tensors, start: str) -> list[int]:
    """Numbers N of the keys `startN.weight` with four dimensions, in order."""
    found = (k[len(start) :].removesuffix(".weight") for k, t in tensors.items() if k.startswith(start) and t.dim() == 4)
    return sorted({int(n) for n in found if n.isdecimal()})


def binomial(taps: int) -> Tensor:
    """The filter of 3 taps before every second position is taken, which adds up to 1, or of 4 for twice the size, to 4."""
    along = torch.tensor([float(comb(taps - 1, i)) for i in range(taps)])
    along = along / along.sum() * (1 if taps == DOWN_TAPS[0] else 2)
    return along[:, None] * along


def places_of(filtered: bool, up: Enlarging, blocks: int) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], int]:
    """(shrinking, blocks, enlarging, last) of a network with so many blocks."""
    first = 12 if filtered else 10
    after = first + blocks
    shrinking, middle = FILTERED if filtered else STRIDED, tuple(range(first, after))
    if up == "transposed":
        return shrinking, middle, (after, after + 3), after + 7
    return shrinking, middle, (after + 1, after + 5), after + 9


def layout_of(tensors: Tensors) -> Layout | None:
    """The layout of a ResNet generator, None for another file."""
    inner = next((name for name in BLOCK_NAMES if any(f".{name}." in key for key in tensors)), "")
    heads = {key.split(".")[1] for key in tensors if inner and key.startswith("model.") and key.split(".")[2] == inner}
    blocks = tuple(sorted(int(head) for head in heads if head.isdecimal()))
    filtered = shape(tensors, "model.7.filt")[2:] == DOWN_TAPS
    up: Enlarging = "filtered" if blocks and shape(tensors, f"model.{blocks[-1] + 1}.filt")[2:] == UP_TAPS else "transposed"
    convs = places(tensors, "model.")
    for way in (up, "nearest") if up == "transposed" else (up,):
        shrinking, middle, enlarging, last = places_of(filtered, way, len(blocks))
        if blocks and blocks == middle and convs == [*shrinking, *enlarging, last]:
            return Layout(shrinking, blocks, enlarging, last, filtered, way, inner)
    return None
