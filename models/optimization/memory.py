"""How much memory an optimization takes, and how large its tiles may be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..encoders.encoder import Encoder
from ..encoders.vgg import VGG, tap_to_conv
from ..objectives.objective import Objectives
from ..ops.tiling import tile_for_budget

NUMBER = 4.0  # bytes
PICTURE = 3 * NUMBER  # bytes of a picture per pixel
PICTURES_OF_ADAM = 8  # picture, gradient, two moments, mean, best, start, and what a step makes
PICTURES_OF_LBFGS = 8
SHARE_OF_HISTORY = 0.3
TAPPED = 1.4  # maps of the forward pass, and the gradients that losses leave at some of them
FORWARD_AND_BACK = 4.0  # of the forward pass, where nothing better is known


@dataclass(frozen=True)
class MemoryPlan:
    """tile: side in pixels, 0 for whole. history: pairs that L-BFGS may keep. bytes: what all of it is expected to take."""

    tile: int
    history: int
    bytes: float


def bytes_of_gradient(encoder: Encoder, taps: Sequence[str]) -> float:
    """Peak memory of features and their way back, per pixel of a tile with its context.

    A VGG keeps every map of its forward pass until the way back has passed it, and at the widest one needs three more.
    """
    network = encoder.module
    if not isinstance(network, VGG):
        return encoder.bytes_per_pixel(taps) * FORWARD_AND_BACK
    names = [name for name, _ in network.config.widths]
    deepest = max(names.index(tap_to_conv(tap)) for tap in taps)
    area = {name: 4.0 ** (1 - int(name[4])) for name in names}
    maps = [width * area[name] for name, width in network.config.widths[: deepest + 1]]
    return NUMBER * (TAPPED * sum(maps) + 3 * max(maps))


def plan(
    objectives: Objectives, height: int, width: int, optimizer: str, history: int, budget: float, kept: float = 0.0
) -> MemoryPlan:
    """What fits in `budget` bytes. kept: numbers per pixel that targets keep, such as the content's features.

    Pictures of the optimizer come first, then L-BFGS's history within a part of the rest, then the tile.
    """
    pixels = height * width
    fixed = pixels * (PICTURE * (PICTURES_OF_ADAM if optimizer == "adam" else PICTURES_OF_LBFGS) + NUMBER * kept)
    beside = sum(getattr(part, "bytes_beside", 0.0) for part in objectives.parts)
    free = max(budget - fixed - beside, 0.0)
    pairs = history
    if optimizer == "lbfgs":
        pairs = int(min(history, max(free * SHARE_OF_HISTORY // (2 * PICTURE * pixels), 3)))
        free -= pairs * 2 * PICTURE * pixels
    # Without a look at layers' names: the deepest tap of each encoder is what it costs at most.
    encoders = {id(part.encoder.module): part.encoder for part in objectives.parts}.values()
    cost = max((bytes_of_gradient(e, e.taps[-1:]) for e in encoders), default=NUMBER)
    halo = max((e.encoding.halo(e.taps[-1:]) for e in encoders), default=0)
    tile = tile_for_budget(height, width, 1, cost, int(max(free, 1)), halo)
    worked = min(height, tile + 2 * halo) * min(width, tile + 2 * halo) if tile else pixels
    taken = fixed + worked * cost + (pairs * 2 * PICTURE * pixels if optimizer == "lbfgs" else 0)
    return MemoryPlan(tile, pairs, taken + beside)
