"""What the training of a LoRA on a diffusion model decides: sizes, captions, noise levels, the loss, names in the file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt

import torch
from torch import Tensor

from ..lora.blocks import Family
from .draws import Draws

MULTIPLE = 64  # pixels of a bucket's sides
TRAINED = 1000
TARGETS = ("to_q", "to_k", "to_v", "to_out.0")


@dataclass(frozen=True)
class LoraPlan:
    """rank: of every module, alpha the same. min_snr: gamma of the loss's weights, 0 for none (Hang et al. 2023,
    arXiv:2303.09556). levels: "even" or "towards style". dropout: share of the steps without a caption. blocks: those that are
    trained, as `lora.blocks` reads them.
    """

    rank: int = 16
    min_snr: float = 5.0
    levels: str = "even"
    dropout: float = 0.05
    blocks: str = ""


def bucket(height: int, width: int, side: int) -> tuple[int, int]:
    """The size of a picture's bucket: its shape with about side x side pixels, in whole multiples of 64."""
    scale = side / sqrt(height * width)
    down, right = (max(MULTIPLE, round(length * scale / MULTIPLE) * MULTIPLE) for length in (height, width))
    return down, right


def captions_of(text: str, trigger: str, count: int) -> list[str]:
    """A caption for each of `count` pictures: a line each, or one for all, behind the trigger word.

    Raises ValueError with one sentence for another number of lines.
    """
    lines = [line.strip() for line in text.strip().splitlines()] or [""]
    if len(lines) not in (1, count):
        raise ValueError(f"captions has {len(lines)} lines for {count} pictures: write one for each, or one for all.")
    lines = lines * count if len(lines) == 1 else lines
    word = trigger.strip()
    return [line if word and word in line else ", ".join(part for part in (word, line) if part) for line in lines]


def timestep(draws: Draws, name: str, levels: str) -> int:
    """A noise level of 0 to 999: even, or towards style, the noisier of two draws, where color and composition are made."""
    found = draws.integers(name, 0, TRAINED, (2,))
    return int(found.max()) if levels == "towards style" else int(found[0])


def loss_weight(sigma: Tensor, min_snr: float, velocity: bool) -> Tensor:
    """The weight of the squared error of the noise at sigma = 1 / sqrt(snr).

    min(snr, gamma) / snr, with which the loss on v, whose error is sqrt((snr + 1) / snr) of the noise's, is the same. Without
    min-SNR 1 for models of the noise and (snr + 1) / snr for those of v.
    """
    snr = sigma**-2
    if min_snr:
        return snr.clamp(max=min_snr) / snr
    return (snr + 1) / snr if velocity else torch.ones_like(snr)


def blocks_wanted(what: str, written: str, family: Family | None) -> str:
    """The blocks that are trained, as Load LoRA writes them. Raises ValueError, in a sentence, for what the model has not."""
    if what == "blocks by name":
        if not written.strip():
            raise ValueError("blocks is empty: write blocks such as OUT01=1, rest=0")
        return written
    if what == "attention":
        return "rest=1"
    if family == "SDXL":
        return "OUT01=1, rest=0" if what == "style" else "OUT00=1, OUT01=1, rest=0"
    if family == "SD1.5" and what == "style":
        return ", ".join(f"OUT{number:02d}=1" for number in range(3, 12)) + ", rest=0"  # a guess: none are published
    raise ValueError(f"what is {what} and the model is {family or 'of another kind'}: choose attention, or blocks by name")


def file_tensors(adapters: Mapping[str, tuple[Tensor, Tensor]], rank: int) -> dict[str, Tensor]:
    """Modules' (up, down) under kohya's names, with alpha."""
    made: dict[str, Tensor] = {}
    for name, (up, down) in adapters.items():
        module = "lora_unet_" + name.removeprefix("diffusion_model.").replace(".", "_")
        made[f"{module}.lora_up.weight"] = up.detach().float().cpu().contiguous()
        made[f"{module}.lora_down.weight"] = down.detach().float().cpu().contiguous()
        made[f"{module}.alpha"] = torch.tensor(float(rank))
    return made
