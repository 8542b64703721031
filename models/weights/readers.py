"""Reads checkpoints without ever running code from them: each form by a reader of the pack's own, which knows data alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor

from .budget import Budget
from .containers import check_tensors, pick, split_networks
from .errors import FAULTS, CheckpointError
from .files import map_plain
from .json_text import read_json
from .official_pickle import read_official
from .onnx import read_onnx
from .safetensors_file import read_safetensors
from .screening import Form, screen
from .tf_bundle import data_files, index_of, read_bundle
from .tf_v1 import read_v1
from .tfjs import read_tfjs
from .torch_file import read_legacy, read_zip
from .words import reason

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
    try:
        return _read(Path(path))
    except (*FAULTS, OSError) as error:  # the readers know their own; this is for what none of them foresaw
        raise CheckpointError(f"{path} is damaged ({type(error).__name__}: {reason(error)}); download it again.") from error


def _read(path: Path) -> Raw:
    bundle = index_of(path)
    if bundle is not None:
        size = bundle.stat().st_size + sum(file.stat().st_size for file in data_files(bundle))
        budget = Budget(size)
        return _sound(bundle, Raw(read_bundle(bundle, budget)), size, budget)
    form = screen(path)
    if form is Form.TFJS:
        tensors, size = read_tfjs(path)
        return _sound(path, Raw(tensors), 4 * size, Budget(4 * size))
    size = path.stat().st_size * (4 if form is Form.ONNX else 1)  # bytes that stand for floats
    budget = Budget(size)
    return _sound(path, READERS[form](path, budget), size, budget)


def _sound(path: Path, raw: Raw, size: int, budget: Budget) -> Raw:
    if not raw.tensors:
        raise CheckpointError(f"{path} holds no tensors, so it is no checkpoint; choose a file of weights.")
    check_tensors(path, [raw.tensors, *raw.networks.values()], size, budget)
    return raw


def _read_safetensors(path: Path, budget: Budget) -> Raw:
    flat, metadata = read_safetensors(path, budget)
    names = metadata.pop(NETWORKS, None)
    if names is None:
        return Raw(pick(flat, {}), {}, metadata)
    try:
        # The format itself sorts by kind of number and name.
        flat = {str(key): flat[key] for key in read_json(metadata[ORDER])}
        networks: dict[str, dict[str, Tensor]] = {str(name): {} for name in read_json(names)}
        published = {str(key): str(value) for key, value in read_json(metadata[PUBLISHED]).items()}
        direct = _apart(flat, networks)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{path} was converted by another version of the pack; delete it and it is made again.") from error
    return Raw(pick(direct, networks), networks, published)


def _apart(flat: dict[str, Tensor], networks: dict[str, dict[str, Tensor]]) -> dict[str, Tensor]:
    """Put NETWORK::KEY into its network; what belongs to none is returned. Both names may hold the separator."""
    direct: dict[str, Tensor] = {}
    for key, tensor in flat.items():
        ends = (at for at in range(len(key)) if key.startswith(SEPARATOR, at) and key[:at] in networks)
        end = next(ends, None)
        if end is None:
            direct[key] = tensor
        else:
            networks[key[:end]][key[end + len(SEPARATOR) :]] = tensor
    return direct


def _read_official(path: Path, budget: Budget) -> Raw:
    direct, networks, metadata = read_official(path, map_plain(path), budget)
    return Raw(pick(direct, networks), networks, metadata)


def _read_zip(path: Path, budget: Budget) -> Raw:
    direct, networks, metadata = split_networks(path, read_zip(path, budget), budget)
    return Raw(pick(direct, networks), networks, metadata)


def _read_legacy(path: Path, budget: Budget) -> Raw:
    direct, networks, metadata = split_networks(path, read_legacy(path, budget), budget)
    return Raw(pick(direct, networks), networks, metadata)


READERS = {
    Form.SAFETENSORS: _read_safetensors,
    Form.ZIP: _read_zip,
    Form.LEGACY: _read_legacy,
    Form.PICKLE: _read_official,
    Form.ONNX: lambda path, budget: Raw(read_onnx(path, budget)),
    Form.TENSORFLOW_V1: lambda path, budget: Raw(read_v1(path, budget)),
}
