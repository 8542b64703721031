"""Reads checkpoints without ever running code from them: safetensors, TensorFlow's, ONNX's numbers, and what torch.load takes
with weights_only.
"""

from __future__ import annotations

import json
from argparse import Namespace
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from .containers import check_tensors, pick, split_networks
from .errors import CheckpointError
from .official_pickle import read_official
from .onnx import read_onnx
from .screening import Form, screen
from .tf_bundle import data_files, index_of, read_bundle
from .tf_v1 import read_v1
from .tfjs import read_tfjs, shards_of

# Keys of the metadata that the converter writes.
NETWORKS = "style_atelier.networks"
PUBLISHED = "style_atelier.metadata"
ORDER = "style_atelier.order"
SEPARATOR = "::"


@dataclass
class Raw:
    """What a checkpoint holds.

    `tensors` is the state dict: the flat one, else that of the usual container ("state_dict", "model", "params" ...),
    else that of the only network, else of all networks as `network.key`. `networks` holds every nested dict of tensors by
    its published name (dotted when nested deeper), and is empty for a flat file. `metadata` holds the plain values beside
    them as text. All on the CPU; a leading `module.` of every key is dropped.
    """

    tensors: dict[str, Tensor]
    networks: dict[str, dict[str, Tensor]] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)


def read_checkpoint(path: Path) -> Raw:
    """The tensors of the file at `path`; CheckpointError in one sentence for every file that is not a sound checkpoint."""
    path = Path(path)
    bundle = index_of(path)
    if bundle is not None:
        return _sound(bundle, Raw(read_bundle(bundle)), sum(file.stat().st_size for file in data_files(bundle)))
    form = screen(path)
    if form is Form.TFJS:
        tensors = read_tfjs(path)
        return _sound(path, Raw(tensors), 4 * sum(shard.stat().st_size for shard in shards_of(path)))
    if form in (Form.ONNX, Form.TENSORFLOW_V1):
        raw = Raw(read_onnx(path) if form is Form.ONNX else read_v1(path))
    elif form is Form.PICKLE:
        raw = _read_official(path)
    else:
        raw = _read_safetensors(path) if form is Form.SAFETENSORS else _read_torch(path, form)
    return _sound(path, raw, path.stat().st_size)


def _sound(path: Path, raw: Raw, size: int) -> Raw:
    if not raw.tensors:
        raise CheckpointError(f"{path} holds no tensors, so it is no checkpoint; choose a file of weights.")
    check_tensors(path, [raw.tensors, *raw.networks.values()], size)
    return raw


def _read_safetensors(path: Path) -> Raw:
    try:
        with safe_open(str(path), framework="pt", device="cpu") as file:
            metadata = dict(file.metadata() or {})
            flat = {key: file.get_tensor(key) for key in list(file.keys())}
    except (SafetensorError, OSError, ValueError, RuntimeError, TypeError, AttributeError, MemoryError) as error:
        raise CheckpointError(f"{path} is damaged or cut short ({_first_line(error)}); download it again.") from error
    names = metadata.pop(NETWORKS, None)
    if names is None:
        return Raw(pick(flat, {}), {}, metadata)
    try:
        # The format itself sorts by kind of number and name.
        flat = {key: flat[key] for key in json.loads(metadata[ORDER])}
        networks = {str(name): _part(flat, str(name)) for name in json.loads(names)}
        published = {str(key): str(value) for key, value in json.loads(metadata[PUBLISHED]).items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{path} was converted by another version of the pack; delete it and it is made again.") from error
    starts = tuple(name + SEPARATOR for name in networks)
    direct = {key: tensor for key, tensor in flat.items() if not key.startswith(starts)}
    return Raw(pick(direct, networks), networks, published)


def _read_official(path: Path) -> Raw:
    networks, metadata = read_official(path, path.read_bytes())
    return Raw(pick({}, networks), networks, metadata)


def _part(flat: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    start = name + SEPARATOR
    return {key[len(start) :]: tensor for key, tensor in flat.items() if key.startswith(start)}


def _read_torch(path: Path, form: Form) -> Raw:
    try:
        with _settings_allowed():
            # Mapping also bounds every storage by the file, whatever length its index claims.
            content: Any = torch.load(path, map_location="cpu", weights_only=True, mmap=form is Form.ZIP)
    except Exception as error:
        raise CheckpointError(
            f"{path} is damaged or holds more than plain tensors ({_first_line(error)}); choose another file."
        ) from error
    direct, networks, metadata = split_networks(path, content)
    return Raw(pick(direct, networks), networks, metadata)


def _settings_allowed() -> AbstractContextManager[None]:
    """Within it torch.load takes argparse.Namespace, a bare holder of values, in which training scripts keep their settings."""
    allow = getattr(torch.serialization, "safe_globals", None)  # since torch 2.5
    return nullcontext() if allow is None else allow([Namespace])


def _first_line(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    return text[0][:160].rstrip(".") if text else type(error).__name__
