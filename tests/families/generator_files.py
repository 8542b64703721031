"""A small generator of every kind, under its published names, with seeded numbers."""

from __future__ import annotations

from itertools import pairwise
from math import log2
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.signal import firwin
from torch import Tensor

from style_atelier.models.families import styleformer_gan, stylegan, stylegan2, stylegan3
from style_atelier.models.families.stylegan2.published import resampling_filter
from style_atelier.models.generation.generator import Generator
from style_atelier.models.generation.mapping import MappingConfig
from style_atelier.models.library.registry import architecture

MAPPING = MappingConfig(12, 0, 16, 0, (16, 16))
CONFIGS: dict[str, Any] = {
    "stylegan": stylegan.GeneratorConfig(MappingConfig(12, 0, 16, 0, (16, 16), labels_normalized=False), (8, 8, 6)),
    "stylegan2": stylegan2.GeneratorConfig(MAPPING, stylegan2.SynthesisConfig(16, (8, 8, 6, 4))),
    "stylegan3": stylegan3.GeneratorConfig(MAPPING, stylegan3.SynthesisConfig(16, 32, (8, 8, 8, 8, 6, 6, 4, 3), 3, False)),
    "styleformer-gan": styleformer_gan.GeneratorConfig(MAPPING, (8, 8), (1, 2), (0, 0), depth=32),
}


def small(identity: str) -> dict[str, Tensor]:
    """The state dict of the small configuration."""
    if identity == "stylegan":
        return tensorflow_stylegan(CONFIGS["stylegan"])
    return filled(architecture(identity).build(CONFIGS[identity]).state_dict())


def generator(identity: str, config: Any = None) -> Generator:
    """A small generator, ready to paint."""
    known = architecture(identity)
    wanted = config or CONFIGS[identity]
    network = known.build(wanted)
    tensors = small("stylegan") if identity == "stylegan" else filled(network.state_dict())
    network.load_state_dict(known.rename(tensors, wanted) if identity == "stylegan" else tensors)
    assert known.generator is not None
    return known.generator(network.train(False).requires_grad_(False), identity, known.title, known.license)


def filled(state: dict[str, Tensor], seed: int = 1) -> dict[str, Tensor]:
    """Numbers as a training would leave them: styles about one, filters that pass low frequencies."""
    drawn = torch.Generator().manual_seed(seed)
    made = {}
    for name, tensor in state.items():
        if name.endswith("resample_filter"):
            made[name] = resampling_filter((1.0, 3.0, 3.0, 1.0))
        elif name.endswith(("up_filter", "down_filter")):
            line = torch.from_numpy(firwin(tensor.shape[0], 0.4)).float()
            made[name] = line if tensor.ndim == 1 else torch.outer(line, line)
        elif name.endswith("transform"):
            made[name] = torch.eye(3)
        elif name.endswith("magnitude_ema"):
            made[name] = torch.tensor(1.3)
        else:
            own = torch.randn(tensor.shape, generator=drawn)
            made[name] = own * 0.3 + 1 if "affine" in name and name.endswith("bias") else own
    return made


def tensorflow_stylegan(config: Any, seed: int = 1) -> dict[str, Tensor]:
    """The variables of NVlabs/stylegan, `Gs`."""
    drawn = np.random.RandomState(seed)
    style, latent = config.mapping.style, config.mapping.latent
    shapes: dict[str, tuple[int, ...]] = {"dlatent_avg": (style,), "lod": ()}
    sizes = (latent, *config.mapping.widths)
    for i, (inputs, outputs) in enumerate(pairwise(sizes)):
        shapes |= {f"mapping/Dense{i}/weight": (inputs, outputs), f"mapping/Dense{i}/bias": (outputs,)}
    for level, width in enumerate(config.widths):
        side, before = 4 << level, config.widths[max(level - 1, 0)]
        place = f"synthesis/{side}x{side}"
        first, second = ("Const", "Conv") if level == 0 else ("Conv0_up", "Conv1")
        shapes[f"{place}/Const/const" if level == 0 else f"{place}/Conv0_up/weight"] = (
            (1, width, side, side) if level == 0 else (3, 3, before, width)
        )
        shapes[f"{place}/{second}/weight"] = (3, 3, width, width)
        for index, layer in enumerate((first, second)):
            shapes |= {
                f"synthesis/noise{2 * level + index}": (1, 1, side, side),
                f"{place}/{layer}/Noise/weight": (width,),
                f"{place}/{layer}/bias": (width,),
                f"{place}/{layer}/StyleMod/weight": (style, 2 * width),
                f"{place}/{layer}/StyleMod/bias": (2 * width,),
            }
        lod = int(log2(config.resolution)) - 2 - level
        shapes |= {f"synthesis/ToRGB_lod{lod}/weight": (1, 1, width, 3), f"synthesis/ToRGB_lod{lod}/bias": (3,)}
    return {name: torch.from_numpy(np.asarray(drawn.randn(*size), dtype=np.float32)) for name, size in shapes.items()}


def opened(path: Path) -> Generator:
    """The generator in a file, as Load Generator makes it."""
    from style_atelier.models.library.generators import as_generator
    from style_atelier.models.library.registry import open_checkpoint

    return as_generator(open_checkpoint(path), path.name)
