"""Files of StyleFormer in its published names."""

from __future__ import annotations

import runpy
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from style_atelier.models.families.styleformer.network import DECODER, ENCODER, StyleFormerConfig, StyleFormerNetworks

fill = runpy.run_path(str(Path(__file__).parent.parent / "golden" / "fill.py"))["fill"]
SMALL = StyleFormerConfig(32, 2, 2, 16, (32, 24, 24, 16, 16, 8, 8, 3), (8, 8, 16, 16, 32))
SMALL_GAINS = {"encoder.": 1.4, "a.": 1.4, "b.": 1.0}


def styleformer_file(config: StyleFormerConfig) -> dict[str, Tensor]:
    """A file with the authors' names, and torchvision's below `encoder.`, of zeros."""
    names = {f"b.convs.{name}.": f"b.model.{place}." for name, place in DECODER.items()}
    names |= {f"encoder.convs.{name}.": f"encoder.features.{place}." for name, place in ENCODER.items()}
    state = StyleFormerNetworks(config).state_dict()
    return {next((k.replace(own, there) for own, there in names.items() if k.startswith(own)), k): t for k, t in state.items()}


def filled(config: StyleFormerConfig, seed: int, gains: Mapping[str, float]) -> dict[str, Tensor]:
    """The same with weights. gains: of each network, by the start of its names."""
    tensors = styleformer_file(config)
    for start, gain in gains.items():
        fill({k.removeprefix("encoder."): t for k, t in tensors.items() if k.startswith(start)}, seed, gain)
    return tensors
