"""CAP-VSTNet (Wen et al. 2023, arXiv:2303.17867; linfengWen98/CAP-VSTNet, MIT).

Photorealistic and artistic files have the same names and shapes and differ in how the features are spread over positions. Which
one a file is must be said: by the catalogue, or by its own name.
"""

from __future__ import annotations

import re
from dataclasses import replace

from torch import Tensor

from ...architecture import Architecture, Tensors, shape
from ...weights.errors import CheckpointError
from .network import CONVS, BlockConfig, RevConfig, RevResNet
from .stylize import CAPVSTNet

__all__ = ["ARCHITECTURES", "CAPVSTNet", "RevConfig", "RevResNet", "of_kind"]

PHOTO, ART = 2, 1  # how often the features are spread
KINDS = {"photo": PHOTO, r"(?<![a-z])art(?![a-z])|artistic": ART}  # how names say it
STACK, REDUCTION = "stack.", "channel_reduction.block_list."


def count(tensors: Tensors, start: str) -> int:
    """How many blocks have names that begin so."""
    found = 0
    while f"{start}{found}.conv.{CONVS[0]}.weight" in tensors:
        found += 1
    return found


def block_config(tensors: Tensors, start: str) -> BlockConfig:
    """Channels and stride of a block."""
    first, last = (shape(tensors, f"{start}.conv.{place}.weight") for place in (CONVS[0], CONVS[-1]))
    return BlockConfig(last[0], first[0], 1 if first[1] == last[0] else 2)


def is_reversible(tensors: Tensors) -> bool:
    """A stack of blocks of three 3x3 convolutions, a channel reduction of such blocks, and nothing else."""
    blocks = [f"{start}{i}" for start in (STACK, REDUCTION) for i in range(count(tensors, start))]
    names = [f"{block}.conv.{place}" for block in blocks for place in CONVS]
    square = all(shape(tensors, f"{name}.weight")[2:] == (3, 3) for name in names)
    return (
        count(tensors, REDUCTION) > 0 and square and set(tensors) == {f"{n}.{part}" for n in names for part in ("weight", "bias")}
    )


def reversible_config(tensors: Tensors) -> RevConfig:
    """Blocks from the shapes; photorealistic until it is said otherwise. Raises ValueError for blocks that do not join."""
    blocks, reductions = (
        tuple(block_config(tensors, f"{start}{i}") for i in range(count(tensors, start))) for start in (STACK, REDUCTION)
    )
    width = blocks[-1].width
    if any(block.width != width or block.stride != 1 for block in reductions):
        raise ValueError(f"its channel reduction has other channels than the {width} of its stack")
    return RevConfig(blocks, reductions, PHOTO)


def of_kind(config: RevConfig, name: str) -> RevConfig:
    """The configuration of the kind that a name says. Raises CheckpointError for a name that says neither or both."""
    said = [spread for words, spread in KINDS.items() if re.search(words, name.lower())]
    if len(said) != 1:
        raise CheckpointError(
            f"{name} is CAP-VSTNet's, whose photorealistic and artistic files look alike: put photo or art into its name"
        )
    return replace(config, spread=said[0])


def unchanged(tensors: Tensors, config: RevConfig) -> dict[str, Tensor]:
    """The published names are the network's own."""
    return dict(tensors)


ARCHITECTURES = (
    Architecture(
        id="cap-vstnet",
        kind="stylizer",
        title="CAP-VSTNet",
        recognize=is_reversible,
        configure=reversible_config,
        build=RevResNet,
        rename=unchanged,
        license="MIT",
        multiple=4,
        stylizer=CAPVSTNet,
    ),
)
