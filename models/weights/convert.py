"""Keeps a safetensors copy beside a checkpoint, so that it is taken apart once and loaded quickly ever after.

The copy says in its header what it was made of, when it was written and what its numbers come to, so that a change of either file
is noticed: by sizes and dates each time, by hashes when a date differs and when `verification` looks.
"""

from __future__ import annotations

import json
import os
import time
from hashlib import sha256
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from .errors import CheckpointError
from .json_text import read_json
from .ledger import sha256_of
from .locks import held
from .readers import NETWORKS, ORDER, PUBLISHED, SEPARATOR, Raw, read_checkpoint
from .safetensors_file import read_metadata, read_safetensors
from .screening import Form, screen
from .tf_bundle import INDEX, data_files, index_of
from .writing import write_over

SUFFIX = ".converted.safetensors"
SOURCE_SHA256 = "style_atelier.source_sha256"
SOURCE_SIZE = "style_atelier.source_size"
SOURCE_MODIFIED = "style_atelier.source_modified_ns"
MADE = "style_atelier.made_ns"
SHA256 = "style_atelier.sha256"
COARSEST_DATE = 2_000_000_000  # ns, of the disks that keep dates least exactly


def safetensors_beside(path: Path) -> Path:
    """A safetensors file with the contents of the checkpoint at `path`: itself, or `NAME.converted.safetensors` beside it.

    Made on the first call and again when the original or the copy changes. The original where nothing can be written beside it,
    or where it holds kinds of numbers that safetensors has not. CheckpointError as `read_checkpoint`.
    """
    path = index_of(path) or path
    if path.suffix != INDEX and screen(path) is Form.SAFETENSORS:
        return path
    target = copy_of(path)
    if is_copy(target, path):
        return target
    raw = read_checkpoint(path)
    try:
        with held(target.with_name(target.name + ".lock"), lambda: None):
            if not is_copy(target, path):
                _write(raw, path, target)
    except (OSError, SafetensorError, ValueError, KeyError):
        return path
    return target


def copy_of(path: Path) -> Path:
    """Where the copy of the checkpoint at `path` lies."""
    return path.with_name(path.name + SUFFIX)


def is_copy(target: Path, source: Path, thoroughly: bool = False) -> bool:
    """Whether `target` is an undamaged copy of `source`. thoroughly: by hashes even where sizes and dates agree."""
    try:
        if target.is_symlink():
            return False
        made = read_metadata(target)
        changed = abs(target.stat().st_mtime_ns - int(made[MADE])) > COARSEST_DATE
        if (changed or thoroughly) and not _is_sound(target, made):
            return False
        if made[SOURCE_SIZE] != _sizes(source):
            return False
        same_date = made[SOURCE_MODIFIED] == _dates(source)
        return (same_date and not thoroughly) or made[SOURCE_SHA256] == _hash(source)
    except (OSError, CheckpointError, KeyError, ValueError):
        return False


def _is_sound(target: Path, made: dict[str, str]) -> bool:
    tensors, _ = read_safetensors(target)
    order = read_json(made[ORDER])
    return len(order) == len(tensors) and digest({name: tensors[name] for name in order}, made) == made[SHA256]


def _parts(source: Path) -> list[Path]:
    """The files that a checkpoint is in."""
    return [source, *(data_files(source) if source.suffix == INDEX else ())]


def _sizes(source: Path) -> str:
    return ",".join(str(part.stat().st_size) for part in _parts(source))


def _dates(source: Path) -> str:
    return ",".join(str(part.stat().st_mtime_ns) for part in _parts(source))


def _hash(source: Path) -> str:
    return ",".join(sha256_of(part) for part in _parts(source))


def _write(raw: Raw, source: Path, target: Path) -> None:
    tensors = _flat(raw)
    made = time.time_ns()
    metadata = {
        SOURCE_SHA256: _hash(source),
        SOURCE_SIZE: _sizes(source),
        SOURCE_MODIFIED: _dates(source),
        MADE: str(made),
        NETWORKS: json.dumps(list(raw.networks)),
        PUBLISHED: json.dumps(raw.metadata),
        ORDER: json.dumps(list(tensors)),
    }
    metadata[SHA256] = digest(tensors, metadata)

    def save(name: str) -> None:
        save_file(tensors, name, metadata)
        os.utime(name, ns=(made, made))

    write_over(target, save)


def digest(tensors: dict[str, Tensor], metadata: dict[str, str]) -> str:
    """What the tensors of a copy, and what it says of them, come to: sha256 in hex of all names and of a sum of each's bytes.

    The sum of all 8-byte words notices every flipped bit and is as fast as memory. It is no defense against somebody who writes
    the copy anew, and who could write its hash anew too.
    """
    total = sha256("\n".join(metadata[key] for key in (NETWORKS, PUBLISHED, ORDER)).encode())
    for name, tensor in tensors.items():
        content = tensor.reshape(-1).view(torch.uint8) if tensor.numel() else torch.empty(0, dtype=torch.uint8)
        words = len(content) // 8 * 8
        whole = content[:words]
        whole = whole if whole.data_ptr() % 8 == 0 else whole.clone()
        rest = bytes(content[words:].numpy())
        total.update(f"{name} {tensor.dtype} {tuple(tensor.shape)} {int(whole.view(torch.int64).sum())} {rest.hex()}\n".encode())
    return total.hexdigest()


def _flat(raw: Raw) -> dict[str, Tensor]:
    parts = {f"{name}{SEPARATOR}{key}": tensor for name, network in raw.networks.items() for key, tensor in network.items()}
    inside = {id(tensor) for network in raw.networks.values() for tensor in network.values()}
    parts.update({key: tensor for key, tensor in raw.tensors.items() if id(tensor) not in inside})
    owners: set[int] = set()
    return {key: _owned(tensor, owners) for key, tensor in parts.items()}


def _owned(tensor: Tensor, owners: set[int]) -> Tensor:
    """`tensor` laid out row by row in memory that no other has, as safetensors wants it."""
    tensor = tensor.contiguous()
    storage = tensor.untyped_storage()
    if storage.data_ptr() in owners or storage.nbytes() != tensor.numel() * tensor.element_size():
        return tensor.clone(memory_format=torch.contiguous_format)
    owners.add(storage.data_ptr())
    return tensor
