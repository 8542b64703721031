"""Merged LoRAs as files."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from ..weights.writing import contained, write_numbered
from .formats import PEFT_HEADER
from .merge import Merged

SUFFIX = ".safetensors"
ADAPTER_FILES, ADAPTER_SETTINGS = "adapter_model", "adapter_config.json"  # of PEFT's save_pretrained
LONGEST_SETTINGS = 1 << 20


def settings_beside(path: Path) -> dict[str, str]:
    """What PEFT writes beside a file of its own, as it stands in the headers of newer ones; {} for other files."""
    beside = path.with_name(ADAPTER_SETTINGS)
    if not path.name.startswith(ADAPTER_FILES) or not beside.is_file() or beside.stat().st_size > LONGEST_SETTINGS:
        return {}
    return {PEFT_HEADER: beside.read_text(encoding="utf-8", errors="replace")}


def write_lora(merged: Merged, folder: Path, name: str, made_from: str, half: bool = False) -> Path:
    """Save under `folder` with the next free number, in half precision or in full; nothing is overwritten. Returns the file.

    Raises ValueError for names that lead out of the folder.
    """
    ranks = set(merged.rank.values())
    header = {
        "ss_network_module": "networks.lora",
        "ss_network_dim": str(max(ranks)),
        "ss_network_alpha": str(max(ranks)),
        "style_atelier.merged": json.dumps({"from": made_from, "energy": merged.kept}),
    }
    tensors = {key: tensor.to(torch.float16 if half else torch.float32).contiguous() for key, tensor in merged.tensors.items()}
    return write_numbered(contained(folder, name, SUFFIX), SUFFIX, lambda path: save_file(tensors, path, header))
