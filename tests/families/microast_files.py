"""A small MicroAST with seeded numbers."""

from __future__ import annotations

import runpy
from pathlib import Path

from style_atelier.models.encoders.encoder import no_gradients
from style_atelier.models.families.microast.network import MicroAST, MicroASTConfig
from style_atelier.models.families.microast.stylize import MicroASTStylizer

fill = runpy.run_path(str(Path(__file__).parent.parent / "golden" / "fill.py"))["fill"]


def small_microast(seed: int = 13, gain: float = 1.5, inside: bool = False) -> MicroASTStylizer:
    """inside: results lie within 0..1, so that clamping hides no difference."""
    network = MicroAST(MicroASTConfig((4, 8, 16)))
    fill(network.state_dict(), seed, gain)
    no_gradients(network)
    if inside:
        last = network.decoder.dec3["10"].conv_layer
        last.weight.mul_(0.1)
        last.bias.add_(0.5)
    return MicroASTStylizer(network, "small", "MicroAST", "MIT")
