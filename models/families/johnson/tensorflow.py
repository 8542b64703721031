"""lengstrom/fast-style-transfer: fast neural style in TensorFlow, whose variables have numbers for names."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ...architecture import Tensors, shape
from .names import variables
from .network import JohnsonConfig

EPS = 1e-3
FIRST_KERNEL = 9


def is_lengstrom(tensors: Tensors) -> bool:
    """Numbered variables in layers of three, from three colors by 9x9 to three colors by 9x9."""
    layers = variables(tensors)
    if not layers:
        return False
    first, last = shape(tensors, layers["down.0"][0]), shape(tensors, layers["out"][0])
    return first[:3] == (FIRST_KERNEL, FIRST_KERNEL, 3) and last[:2] == (FIRST_KERNEL, FIRST_KERNEL) and last[3] == 3


def configure(tensors: Tensors) -> JohnsonConfig:
    """Widths and depth."""
    layers = variables(tensors)
    sizes = {name: shape(tensors, keys[0]) for name, keys in layers.items()}
    return JohnsonConfig(
        down=tuple(sizes[f"down.{i}"][3] for i in range(3)),
        blocks=sum(name.startswith("blocks.") for name in layers) // 2,
        block=tuple((sizes[f"blocks.0.{j}"][3], sizes[f"blocks.0.{j}"][0]) for j in (0, 1)),
        up=tuple(sizes[f"up.{i}"][2] for i in (0, 1)),
        transposed=True,
        tanh=True,
        eps=EPS,
        same=True,
    )


def rename(tensors: Tensors, config: JohnsonConfig) -> dict[str, Tensor]:
    """The network's own names: kernels turned, those that enlarge behind a row and a column of zeros, biases of 0 that a
    normalization would take away.
    """
    made: dict[str, Tensor] = {}
    for name, (kernel, shift, scale) in variables(tensors).items():
        weight = tensors[kernel].permute(3, 2, 0, 1).contiguous()
        conv, norm = ("out", "last") if name == "out" else (f"{name}.conv", f"{name}.norm")
        if name.startswith("up."):
            weight = F.pad(weight, (1, 0, 1, 0))
        channels = len(tensors[shift])
        made |= {f"{conv}.weight": weight, f"{conv}.bias": torch.zeros(channels)}
        made |= {f"{norm}.weight": tensors[scale], f"{norm}.bias": tensors[shift]}
    return made
