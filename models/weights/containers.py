"""Finds the state dicts in what a checkpoint holds, whatever its authors wrapped around them."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .errors import CheckpointError

# What authors call the network of a checkpoint that holds other things too; the first that is there is taken.
USUAL_NAMES = (
    "params_ema",
    "ema",
    "g_ema",
    "state_dict",
    "model_state_dict",
    "model",
    "params",
    "net",
    "network",
    "module",
    "weights",
)
WRAPPER = "module."
DEEPEST = 4
MOST_TENSORS = 100_000
MOST_DIMENSIONS = 8

State = dict[str, Tensor]


def split_networks(path: Path, content: Any) -> tuple[State, dict[str, State], dict[str, str]]:
    """`content` as (tensors at its top, nested dicts of tensors by dotted name, plain values as text).

    CheckpointError when `content` is no dict.
    """
    if not isinstance(content, Mapping):
        raise CheckpointError(
            f"{path} holds a {type(content).__name__} where a dict of tensors is expected; choose a file of weights."
        )
    networks: dict[str, State] = {}
    metadata: dict[str, str] = {}
    _collect(content, "", networks, metadata, 0)
    return networks.pop("", {}), networks, metadata


def pick(direct: State, networks: Mapping[str, State]) -> State:
    """The state dict among these: see `Raw.tensors`."""
    if direct and len(direct) > max((len(network) for network in networks.values()), default=0):
        return _unwrapped(direct)
    return {**_among(networks), **direct}


def _among(networks: Mapping[str, State]) -> State:
    for name in USUAL_NAMES:
        if name in networks:
            return networks[name]
    if len(networks) == 1:
        return next(iter(networks.values()))
    return {f"{name}.{key}": tensor for name, network in networks.items() for key, tensor in network.items()}


def check_tensors(path: Path, states: Sequence[Mapping[str, Tensor]], size: int) -> None:
    """CheckpointError when a tensor is not plain numbers in memory, or has more of them than a file of `size` bytes can hold."""
    seen: dict[int, Tensor] = {}
    for state in states:
        for key, tensor in state.items():
            if id(tensor) not in seen:
                seen[id(tensor)] = tensor
                _check_tensor(path, key, tensor, size)
    # Every tensor may be tied to others, but thousands of views of one storage are an attack on memory.
    if len(seen) > MOST_TENSORS or sum(tensor.numel() * tensor.element_size() for tensor in seen.values()) > 8 * size + (1 << 20):
        raise CheckpointError(f"{path} claims far more numbers than its {size:,} bytes hold and is refused; download it again.")


def _check_tensor(path: Path, key: str, tensor: Tensor, size: int) -> None:
    plain = tensor.layout == torch.strided and tensor.device.type == "cpu" and not tensor.is_quantized
    if not plain or tensor.ndim > MOST_DIMENSIONS:
        raise CheckpointError(
            f"{path} holds {key!r} as a {tensor.layout} tensor on {tensor.device}, not as plain numbers; choose another file."
        )
    if tensor.numel() * tensor.element_size() > size:
        shape = "x".join(map(str, tensor.shape))
        raise CheckpointError(f"{path} claims {shape} numbers for {key!r}, more than the file holds; download it again.")


def _collect(content: Mapping[Any, Any], name: str, networks: dict[str, State], metadata: dict[str, str], depth: int) -> None:
    state = {key: value.detach() for key, value in content.items() if isinstance(key, str) and isinstance(value, Tensor)}
    if state:
        networks[name] = _unwrapped(state) if name else state
    for key, value in content.items():
        # Optimizers keep their tensors under numbers.
        if not isinstance(key, str):
            continue
        dotted = f"{name}.{key}" if name else key
        if isinstance(value, Namespace):
            value = vars(value)
        if isinstance(value, Mapping) and depth < DEEPEST:
            _collect(value, dotted, networks, metadata, depth + 1)
        elif isinstance(value, (str, int, float, bool)):
            metadata[dotted] = str(value)


def _unwrapped(state: State) -> State:
    while state and all(key.startswith(WRAPPER) and key != WRAPPER for key in state):
        state = {key[len(WRAPPER) :]: tensor for key, tensor in state.items()}
    return state
