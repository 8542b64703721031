"""Keeps a safetensors copy beside a checkpoint, so that it is taken apart once and loaded quickly ever after."""

from __future__ import annotations

import json
import os
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from .ledger import sha256_of
from .locks import held
from .readers import NETWORKS, ORDER, PUBLISHED, SEPARATOR, Raw, read_checkpoint
from .screening import Form, screen
from .tf_bundle import INDEX, index_of

SOURCE_SHA256 = "style_atelier.source_sha256"
SOURCE_SIZE = "style_atelier.source_size"
SOURCE_MODIFIED = "style_atelier.source_modified_ns"


def safetensors_beside(path: Path) -> Path:
    """A safetensors file with the contents of the checkpoint at `path`: itself, or `NAME.converted.safetensors` beside it.

    Made on the first call and again when the original changes. The original where nothing can be written beside it, or where it
    holds kinds of numbers that safetensors has not. CheckpointError as `read_checkpoint`.
    """
    path = index_of(path) or path
    if path.suffix != INDEX and screen(path) is Form.SAFETENSORS:
        return path
    target = path.with_name(path.name + ".converted.safetensors")
    if _is_copy_of(target, path):
        return target
    raw = read_checkpoint(path)
    try:
        with held(target.with_name(target.name + ".lock"), lambda: None):
            if not _is_copy_of(target, path):
                _write(raw, path, target)
    except (OSError, SafetensorError, ValueError, KeyError):
        return path
    return target


def _is_copy_of(target: Path, source: Path) -> bool:
    try:
        with safe_open(str(target), framework="pt", device="cpu") as file:
            made_from = file.metadata() or {}
    except (OSError, SafetensorError):
        return False
    stat = source.stat()
    if made_from.get(SOURCE_SIZE) != str(stat.st_size):
        return False
    return made_from.get(SOURCE_MODIFIED) == str(stat.st_mtime_ns) or made_from.get(SOURCE_SHA256) == sha256_of(source)


def _write(raw: Raw, source: Path, target: Path) -> None:
    stat = source.stat()
    tensors = _flat(raw)
    metadata = {
        SOURCE_SHA256: sha256_of(source),
        SOURCE_SIZE: str(stat.st_size),
        SOURCE_MODIFIED: str(stat.st_mtime_ns),
        NETWORKS: json.dumps(list(raw.networks)),
        PUBLISHED: json.dumps(raw.metadata),
        ORDER: json.dumps(list(tensors)),
    }
    temporary = target.with_name(target.name + ".tmp")
    try:
        save_file(tensors, str(temporary), metadata)
        # On disk before it has its name: a crash must not leave a name without its bytes.
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def _flat(raw: Raw) -> dict[str, Tensor]:
    parts = {f"{name}{SEPARATOR}{key}": tensor for name, network in raw.networks.items() for key, tensor in network.items()}
    if not _made_of_networks(raw):
        parts.update(raw.tensors)
    owners: set[int] = set()
    return {key: _owned(tensor, owners) for key, tensor in parts.items()}


def _made_of_networks(raw: Raw) -> bool:
    inside = {id(tensor) for network in raw.networks.values() for tensor in network.values()}
    return bool(inside) and all(id(tensor) in inside for tensor in raw.tensors.values())


def _owned(tensor: Tensor, owners: set[int]) -> Tensor:
    """`tensor` laid out row by row in memory that no other has, as safetensors wants it."""
    tensor = tensor.contiguous()
    storage = tensor.untyped_storage()
    if storage.data_ptr() in owners or storage.nbytes() != tensor.numel() * tensor.element_size():
        return tensor.clone(memory_format=torch.contiguous_format)
    owners.add(storage.data_ptr())
    return tensor
