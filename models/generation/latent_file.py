"""Points of W in safetensors: `w` [B, rows, style], `average` [style], `noise.N` [h, w]; the header says where they are from."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from ..weights.errors import WeightsError
from ..weights.numbered import write_numbered
from .latents import Latents

SUFFIX = ".safetensors"
HEADER = "style_atelier.w"
VERSION = 1


def write_latents(latents: Latents, path: Path) -> Path:
    """Save beside `path`, a name without suffix, with the next free number; nothing is overwritten. Returns the file."""
    tensors = {"w": latents.values.contiguous(), "average": latents.average.contiguous()}
    tensors |= {f"noise.{i}": level.float().cpu().contiguous() for i, level in enumerate(latents.noise)}
    facts = {"version": VERSION, "generator": latents.generator, "groups": latents.groups, "summary": latents.summary}
    return write_numbered(path, SUFFIX, lambda name: save_file(tensors, name, {HEADER: json.dumps(facts)}))


def read_latents(path: Path) -> Latents:
    """What `write_latents` saved. Raises WeightsError, in a sentence, for any other file."""
    try:
        with safe_open(str(path), framework="pt", device="cpu") as file:
            facts = json.loads((file.metadata() or {})[HEADER])
            names = [name for name in sorted(file.keys(), key=order) if name.startswith("noise.")]
            w, average, noise = file.get_tensor("w"), file.get_tensor("average"), tuple(file.get_tensor(n) for n in names)
        middle, fine = (int(n) for n in facts["groups"])
        if (
            w.dim() != 3
            or average.shape != w.shape[2:]
            or not 0 <= middle <= fine <= w.shape[1]
            or not bool(torch.isfinite(w).all())
        ):
            raise ValueError("its numbers have no such shape")
        return Latents(w.float(), average.float(), str(facts["generator"]), (middle, fine), str(facts["summary"]), noise)
    except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
        raise WeightsError(f"{path.name} holds no points of W as Save W writes them ({error}): choose another file") from error


def order(name: str) -> tuple[str, int]:
    """Noise maps by their number."""
    kind, _, number = name.partition(".")
    return kind, int(number) if number.isdecimal() else 0
