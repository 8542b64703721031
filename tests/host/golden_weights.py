"""Golden weights under the names of published files, for workflows whose weights cannot be had on this machine.

They are the authors' architectures with seeded numbers: what they paint is no picture to look at, but it runs.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from style_atelier.models.registry import architecture
from style_atelier.models.weights.catalogue import load_catalogue
from style_atelier.tests.models.translator_files import CONFIGS, fill, small
from style_atelier.tests.weights.bundle_writer import write_bundle

from .comfy import ROOT

GOLDEN = ROOT / "tests" / "golden"
COPIED = {
    "cyclegan-resnet": "cyclegan/resnet_9blocks.old.pth",
    "munit": "munit/gen_01000000.pt",
    "stargan": "stargan/200000-G.ckpt",
    "stylegan2": "stylegan/v3sg2_skip32_loud.pkl",
    "stylegan3": "stylegan/sg3_r16_layers6.pkl",
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
    else:
        return False
    return True


def _animals() -> dict[str, dict[str, Tensor]]:
    """A small StarGAN v2 with three domains, in its container."""
    config: Any = replace(CONFIGS["stargan2"], domains=3)
    networks: Any = architecture("stargan2").build(config)
    tensors = dict(networks.state_dict())
    fill(tensors, 3, 1.2)
    return {
        part: {k[len(part) + 1 :]: t for k, t in tensors.items() if k.startswith(f"{part}.")} for part in dict(networks.items())
    }
