"""A small file of CAP-VSTNet in its published names, filled with seeded numbers."""

from __future__ import annotations

import runpy
from pathlib import Path

from torch import Tensor

from style_atelier.models.families import cap_vstnet
from style_atelier.models.families.cap_vstnet.network import BlockConfig, RevConfig, RevResNet

fill = runpy.run_path(str(Path(__file__).parent.parent / "golden" / "fill.py"))["fill"]
SMALL = RevConfig(
    (
        BlockConfig(8, 2),
        BlockConfig(8, 2),
        BlockConfig(32, 8, 2),
        BlockConfig(32, 8),
        BlockConfig(128, 64, 2),
        BlockConfig(128, 64),
    ),
    (BlockConfig(128, 64),),
    cap_vstnet.PHOTO,
)


def small() -> dict[str, Tensor]:
    """A file in its published names."""
    tensors = {name: t.clone() for name, t in RevResNet(SMALL).state_dict().items()}
    fill(tensors, 5, 0.7)
    return tensors
