"""What the published files of generators have in common: which of their networks paints, and what stands beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ..architecture import Tensors, shape
from ..generation.mapping import MappingConfig

GENERATORS = ("G_ema", "Gs", "g_ema")  # averaged over the training; beside it lie G, which is not, and D
ONLY = "G"  # of a file that has no averaged one


def generator_of(tensors: Tensors) -> Tensors:
    """The averaged generator in a file of several networks, the only one, or all tensors of a file of one."""
    for name in (*GENERATORS, ONLY):
        part = {key[len(name) + 1 :]: tensor for key, tensor in tensors.items() if key.startswith(f"{name}.")}
        if part:
            return part
    return tensors


def settings_of(metadata: Mapping[str, str]) -> dict[str, Any]:
    """What the averaged generator was made with, {} where the file does not say."""
    text = next((metadata[f"{name}.kwargs"] for name in (*GENERATORS, ONLY) if f"{name}.kwargs" in metadata), "{}")
    found = json.loads(text)
    return found if isinstance(found, dict) else {}


def mapping_config(tensors: Tensors, **settings: Any) -> MappingConfig:
    """The mapping network under its published names."""
    count = sum(1 for i in range(64) if f"mapping.fc{i}.weight" in tensors)
    embedding, label = shape(tensors, "mapping.embed.weight") or (0, 0)
    widths = tuple(shape(tensors, f"mapping.fc{i}.weight")[0] for i in range(count))
    return MappingConfig(
        latent=shape(tensors, "mapping.fc0.weight")[1] - embedding,
        label=label,
        style=widths[-1],
        embedding=embedding,
        widths=widths,
        **settings,
    )
