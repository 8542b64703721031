"""Merged LoRAs as files."""

from __future__ import annotations

import json
import os
from itertools import count
from pathlib import Path

import torch
from safetensors.torch import save_file

from .merge import Merged

SUFFIX = ".safetensors"


def write_lora(merged: Merged, folder: Path, name: str, made_from: str, half: bool = False) -> Path:
    """Save under `folder` with the next free number, in half precision or in full; nothing is overwritten. Returns the file.

    Raises ValueError for names that lead out of the folder.
    """
    root = folder.resolve()
    start = (root / name.strip().removesuffix(SUFFIX)).resolve()
    if not start.is_relative_to(root) or start == root:
        raise ValueError(f"name {name!r} leads out of {root}: write a plain name, such as merged")
    start.parent.mkdir(parents=True, exist_ok=True)
    ranks = set(merged.rank.values())
    header = {
        "ss_network_module": "networks.lora",
        "ss_network_dim": str(max(ranks)),
        "ss_network_alpha": str(max(ranks)),
        "style_atelier.merged": json.dumps({"from": made_from, "energy": merged.kept}),
    }
    tensors = {key: tensor.to(torch.float16 if half else torch.float32).contiguous() for key, tensor in merged.tensors.items()}
    for number in count(1):
        target = start.with_name(f"{start.name}_{number:05d}{SUFFIX}")
        try:
            os.close(os.open(target, os.O_CREAT | os.O_EXCL))  # the name is ours before the file is there
        except FileExistsError:
            continue
        temporary = target.with_name(f"{target.name}.tmp")
        try:
            save_file(tensors, str(temporary), header)
            os.replace(temporary, target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            target.unlink(missing_ok=True)
            raise
        return target
    raise AssertionError("there is always a next number")
