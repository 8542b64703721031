"""Fits the built-in encoder, Pocket VGG: VGG-19's shape at a quarter of its width, to relu4_1.

Its features are to hold what those of the normalized VGG-19 hold: at every relu*_1 a linear map of them (1x1, thrown away
afterwards) is to give the large network's (Romero et al. 2015, FitNets, arXiv:1412.6550, with a hint at four layers at once).
Written in the container of AdaIN's encoder, which the pack reads by its contents.

    python docs/samples/train_encoder.py VGG_NORMALIZED OUT.safetensors PICTURES [PICTURES ...] --minutes 20
"""

from __future__ import annotations

import argparse
import math
import sys
import time
import types
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

ROOT = Path(__file__).resolve().parents[2]
pack = types.ModuleType("style_atelier")
pack.__path__ = [str(ROOT)]
sys.modules["style_atelier"] = pack

from style_atelier.models.encoders.vgg import IMAGENET_MEAN, IMAGENET_STD, VGG, VGG19_BLOCKS, VGGConfig, conv_names  # noqa: E402
from style_atelier.models.library.registry import open_checkpoint  # noqa: E402
from style_atelier.models.library.stylizers import as_encoder  # noqa: E402
from style_atelier.models.training.pictures import PictureFolder  # noqa: E402

WIDTHS = (16, 32, 64, 128)
TAPS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
INDICES = (2, 5, 9, 12, 16, 19, 22, 25, 29)  # of conv1_1 ... conv4_1 in AdaIN's file
SIDE, BATCH = 112, 6


def student() -> VGG:
    """Quarter widths, reflection, pools that round up: as AdaIN's encoder."""
    names = [name for name in conv_names(VGG19_BLOCKS) if name <= "conv4_1"]
    network = VGG(VGGConfig(tuple((name, WIDTHS[int(name[4]) - 1]) for name in names), "reflect", True, "imagenet"))
    for conv in network.convs.values():
        nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")  # type: ignore[arg-type]
        nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
    return network


def container(network: VGG) -> dict[str, Tensor]:
    """The tensors under AdaIN's names; the normalization of pictures is the first 1x1 convolution."""
    scale = 1 / torch.tensor(IMAGENET_STD)
    tensors = {"0.weight": torch.diag(scale)[:, :, None, None], "0.bias": -torch.tensor(IMAGENET_MEAN) * scale}
    for index, conv in zip(INDICES, network.convs.values(), strict=True):
        tensors[f"{index}.weight"], tensors[f"{index}.bias"] = conv.weight, conv.bias  # type: ignore[assignment]
    return {name: tensor.detach().half().contiguous() for name, tensor in tensors.items()}


def main() -> None:
    """Train for so many minutes and write the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("teacher", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("pictures", type=Path, nargs="+")
    parser.add_argument("--minutes", type=float, default=20)
    wish = parser.parse_args()
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    pictures = PictureFolder(wish.pictures)
    teacher = as_encoder(open_checkpoint(wish.teacher)).module.to(torch.bfloat16)
    network = student().to(memory_format=torch.channels_last)
    heads = nn.ModuleList(nn.Conv2d(w, 4 * w, 1) for w in WIDTHS)
    optimizer = torch.optim.Adam([*network.parameters(), *heads.parameters()], lr=2e-3, betas=(0.9, 0.99))
    began, step = time.monotonic(), 0
    spreads = [1.0] * len(TAPS)
    while (done := (time.monotonic() - began) / (60 * wish.minutes)) < 1:
        for group in optimizer.param_groups:
            group["lr"] = 2e-3 * min(1, (step + 1) / 100) * 0.5 * (1 + math.cos(math.pi * done))
        batch = pictures.batch(rng, BATCH, SIDE, (SIDE, 320)).to(memory_format=torch.channels_last)
        with torch.no_grad():
            wanted = [f.float() for f in teacher(batch.to(torch.bfloat16), TAPS).values()]
        if not step:
            spreads = [float(f.var()) for f in wanted]
        errors = [
            (head(f) - w).square().mean() / s
            for head, f, w, s in zip(heads, network(batch, TAPS).values(), wanted, spreads, strict=True)
        ]
        optimizer.zero_grad(set_to_none=True)
        sum(errors, batch.new_zeros(())).backward()
        optimizer.step()
        step += 1
        if step % 100 == 0:
            shown = "  ".join(f"{tap} {float(e.detach()):.3f}" for tap, e in zip(TAPS, errors, strict=True))
            print(f"step {step}  {shown}  {done:.0%}", flush=True)
            save_file(container(network), wish.out, {"title": "Pocket VGG", "license": "MIT", "steps": str(step)})
    save_file(container(network), wish.out, {"title": "Pocket VGG", "license": "MIT", "steps": str(step)})


if __name__ == "__main__":
    main()
