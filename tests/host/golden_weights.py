"""Golden weights under the names of published files, for workflows whose weights cannot be had on this machine.

They are the authors' architectures with seeded numbers: what they paint is no picture to look at, but it runs.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from style_atelier.models.families import stylegan2, stylegan3
from style_atelier.models.generation.latents import Latents
from style_atelier.models.generation.mapping import MappingConfig
from style_atelier.models.library.registry import architecture
from style_atelier.models.weights.catalogue import load_catalogue
from style_atelier.tests.families import (
    adaattn_files,
    cap_vstnet_files,
    johnson_files,
    metric_files,
    pastiche_files,
    styleformer_files,
)
from style_atelier.tests.families.generator_files import filled
from style_atelier.tests.families.translator_files import CONFIGS, fill, small
from style_atelier.tests.weights.bundle_writer import write_bundle

from .comfy import ROOT

GOLDEN = ROOT / "tests" / "golden"
MAPPING = MappingConfig(32, 0, 32, 0, (32, 32))
WIDE, NARROW = 16, 8  # channels
GENERATORS: dict[str, Any] = {  # of 256 px
    "stylegan2": stylegan2.GeneratorConfig(MAPPING, stylegan2.SynthesisConfig(32, (WIDE,) * 5 + (NARROW,) * 2)),
    "stylegan3": stylegan3.GeneratorConfig(
        MAPPING, stylegan3.SynthesisConfig(32, 256, (WIDE,) * 9 + (NARROW,) * 6 + (3,), kernel=3, radial=False)
    ),
}
COPIED = {
    "cyclegan-resnet": "cyclegan/resnet_9blocks.old.pth",
    "munit": "munit/gen_01000000.pt",
    "stargan": "stargan/200000-G.ckpt",
}


def _vivid_johnson() -> dict[str, Tensor]:
    """Its colors are in 0..255: seeded numbers alone paint black."""
    tensors = johnson_files.published("johnson")
    return tensors | {
        "deconv3.conv2d.weight": 60 * tensors["deconv3.conv2d.weight"],
        "deconv3.conv2d.bias": torch.full((3,), 128.0),
    }


VIVID = {"encoder.": 1.4, "a.": 1.4, "b.": 1.4}
STYLIZERS: dict[str, Callable[[], dict[str, Tensor]]] = {  # as one file of the person's own, by architecture
    "johnson": _vivid_johnson,
    "cin": pastiche_files.multi_style,
    "ghiasi": pastiche_files.FILES["ghiasi"],
    "adaattn": adaattn_files.small,
    "cap-vstnet": cap_vstnet_files.small,
    "styleformer": lambda: styleformer_files.filled(styleformer_files.SMALL, 0, VIVID),
    "inception-fid": lambda: metric_files.seeded("inception-fid"),
}


def place(name: str, folder: Path) -> bool:
    """Put golden files of this entry into the model folder; False where there are none."""
    entry = load_catalogue().entry(name)
    path = folder / entry.files[0].path
    path.parent.mkdir(parents=True, exist_ok=True)
    if entry.architecture in COPIED:
        shutil.copy(GOLDEN / COPIED[entry.architecture], path)
    elif entry.architecture == "ugatit-tensorflow":
        write_bundle(path.with_suffix(""), {key: tensor.numpy() for key, tensor in small("ugatit-tensorflow").items()})
    elif entry.architecture == "stargan2":
        torch.save(_animals(), path)
    elif entry.architecture in GENERATORS:
        torch.save({"g_ema": filled(architecture(entry.architecture).build(GENERATORS[entry.architecture]).state_dict())}, path)
    elif entry.architecture in STYLIZERS:
        stand_in = folder / instead_of(name)
        stand_in.parent.mkdir(parents=True, exist_ok=True)
        torch.save(STYLIZERS[entry.architecture](), stand_in)
    else:
        return False
    return True


def instead_of(name: str) -> str:
    """The person's own file that stands for an entry whose published sizes a golden file cannot have."""
    return f"own/{name}-golden.pt"


def points() -> Latents:
    """Points of W of the golden StyleGAN2."""
    rows, style = GENERATORS["stylegan2"].synthesis.rows, MAPPING.style
    drawn = torch.randn((1, 1, style), generator=torch.Generator().manual_seed(0))
    return Latents(drawn.repeat(1, rows, 1), torch.zeros(style), "stylegan2-ada-metfaces", (4, 8), "by chance")


def _animals() -> dict[str, dict[str, Tensor]]:
    """A small StarGAN v2 with three domains, in its container."""
    config: Any = replace(CONFIGS["stargan2"], domains=3)
    networks: Any = architecture("stargan2").build(config)
    tensors = dict(networks.state_dict())
    fill(tensors, 3, 1.2)
    return {
        part: {k[len(part) + 1 :]: t for k, t in tensors.items() if k.startswith(f"{part}.")} for part in dict(networks.items())
    }
