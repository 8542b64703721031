"""The UNet's weights that ship with a ControlNeXt: increments to the base model's, or full weights that replace them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

WeightsKind = Literal["increments", "full"]
PREFIXES = ("model.diffusion_model.", "diffusion_model.", "unet.")
LOOKED_AT = 16
ALIKE = 0.6  # cosine to the base: full weights have 0.99, increments 0.15


def model_names(tensors: Mapping[str, Tensor], diffusers: Mapping[str, str]) -> dict[str, Tensor]:
    """Tensors under the host's names (diffusion_model.input_blocks....). diffusers: from diffusers' names to LDM's."""
    found = {}
    for key, tensor in tensors.items():
        start = next((prefix for prefix in PREFIXES if key.startswith(prefix)), "")
        name = key[len(start) :]
        found[f"diffusion_model.{diffusers.get(name, name)}"] = tensor
    return found


def kind_of(tensors: Mapping[str, Tensor], base: Mapping[str, Tensor]) -> WeightsKind:
    """Whether they replace the base's weights or are added to them, by how alike the two are."""
    names = [name for name in tensors if name in base and name.endswith("weight")][:LOOKED_AT]
    alike = [float(F.cosine_similarity(tensors[n].float().flatten(), base[n].float().flatten().cpu(), dim=0)) for n in names]
    return "full" if alike and float(torch.tensor(alike).mean()) > ALIKE else "increments"
