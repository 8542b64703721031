"""Points of W in safetensors: `w` [B, rows, style], `average` [style], `noise.N` [h, w]; the header says where they are from."""

from __future__ import annotations

from pathlib import Path

from ..weights.kept import kept, write_kept
from ..weights.words import shown
from .latents import Latents

HEADER = "style_atelier.w"
VERSION = 1


def write_latents(latents: Latents, path: Path) -> Path:
    """Save beside `path`, a name without suffix, with the next free number; nothing is overwritten. Returns the file."""
    tensors = {"w": latents.values, "average": latents.average}
    tensors |= {f"noise.{i}": level.float().cpu() for i, level in enumerate(latents.noise)}
    facts = {"version": VERSION, "generator": latents.generator, "groups": latents.groups, "summary": latents.summary}
    return write_kept(path, tensors, HEADER, facts)


def read_latents(path: Path) -> Latents:
    """What `write_latents` saved. Raises WeightsError, in a sentence, for any other file."""
    with kept(path, HEADER, "points of W as Save W writes them") as (facts, tensors):
        w, average = tensors["w"], tensors["average"]
        noise = tuple(tensors[name] for name in sorted(tensors, key=order) if name.startswith("noise."))
        middle, fine = (int(n) for n in facts["groups"])
        if w.dim() != 3 or not w.numel() or average.shape != w.shape[2:] or not 0 <= middle <= fine <= w.shape[1]:
            raise ValueError("its numbers have no such shape")
        if any(level.dim() != 2 for level in noise):
            raise ValueError("its noise has no such shape")
        return Latents(w.float(), average.float(), shown(facts["generator"]), (middle, fine), shown(facts["summary"]), noise)


def order(name: str) -> tuple[str, int]:
    """Noise maps by their number."""
    kind, _, number = name.partition(".")
    return kind, int(number) if number.isdecimal() else 0
