"""Finds the state dicts in what a checkpoint holds, whatever its authors wrapped around them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .budget import LONGEST_NAME, Budget
from .errors import CheckpointError
from .words import shown

# What authors call the network of a checkpoint that holds other things too; the first that is there is taken.
USUAL_NAMES = (
    "params_ema",
    "ema",
    "g_ema",
    "model_ema",
    "state_dict_ema",
    "ema_state_dict",
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
KEPT_BESIDE = ("latent_avg",)  # what belongs to the network beside which it lies; everything else there is of the training
LONGEST_LIST = 10_000
DEEPEST = 4
SPARE_BYTES = 64 << 20
LONGEST_VALUE = 1 << 20

State = dict[str, Tensor]


def split_networks(path: Path, content: Any, budget: Budget) -> tuple[State, dict[str, State], dict[str, str]]:
    """`content` as (tensors at its top, nested dicts of tensors by dotted name, plain values as text); lists count as dicts with
    numbers for names.

    CheckpointError when `content` is neither.
    """
    content = _numbered(content)
    if not isinstance(content, Mapping):
        raise CheckpointError(
            f"{path} holds a {type(content).__name__} where a dict of tensors is expected; choose a file of weights."
        )
    networks: dict[str, State] = {}
    metadata: dict[str, str] = {}
    try:
        _collect(content, "", networks, metadata, 0, budget)
    except ValueError as error:
        raise CheckpointError(f"{path} is damaged ({error}); download it again.") from error
    return networks.pop("", {}), networks, metadata


def pick(direct: State, networks: Mapping[str, State]) -> State:
    """The state dict among these: see `Raw.tensors`."""
    if direct and len(direct) > max((len(network) for network in networks.values()), default=0):
        return _unwrapped(direct)
    beside = {key: tensor for key, tensor in direct.items() if key in KEPT_BESIDE or not networks}
    return {**_among(networks), **beside}


def _numbered(content: Any) -> Any:
    """A list of tensors or dicts as a dict; all else as it is."""
    if not isinstance(content, (list, tuple)) or not 0 < len(content) <= LONGEST_LIST:
        return content
    own = any(isinstance(item, (Mapping, Tensor)) for item in content)
    return {str(number): item for number, item in enumerate(content)} if own else content


def _among(networks: Mapping[str, State]) -> State:
    for name in USUAL_NAMES:
        if name in networks:
            return networks[name]
    if len(networks) == 1:
        return next(iter(networks.values()))
    return {f"{name}.{key}": tensor for name, network in networks.items() for key, tensor in network.items()}


def check_tensors(path: Path, states: Sequence[Mapping[str, Tensor]], size: int, budget: Budget) -> None:
    """CheckpointError when a tensor is not plain finite numbers, or there are more than a file of `size` bytes can hold."""
    named = {id(tensor): (key, tensor) for state in states for key, tensor in state.items()}
    try:
        budget.take_items(sum(map(len, states)))
        for key, tensor in named.values():
            _check_size(path, key, tensor, size)
        # Every tensor may be tied to others, but thousands of views of one storage are an attack on memory.
        if sum(tensor.nbytes for _, tensor in named.values()) > 2 * size + SPARE_BYTES:
            raise CheckpointError(
                f"{path} claims far more numbers than its {size:,} bytes hold and is refused; download it again."
            )
        for key, tensor in named.values():
            budget.take_time()
            _check_numbers(path, key, tensor)
    except ValueError as error:
        raise CheckpointError(f"{path} is refused ({error}); choose another file.") from error


def _check_size(path: Path, key: str, tensor: Tensor, size: int) -> None:
    if not 0 < len(key) <= LONGEST_NAME or not key.isprintable():
        raise CheckpointError(f"{path} calls a tensor {shown(key, 60)!r}, which is no name; choose another file.")
    if tensor.nbytes > size:
        shape = "x".join(map(str, tensor.shape))
        raise CheckpointError(f"{path} claims {shape} numbers for {key!r}, more than the file holds; download it again.")


def _check_numbers(path: Path, key: str, tensor: Tensor) -> None:
    if tensor.is_complex():
        raise CheckpointError(f"{path} holds {shown(key)!r} as complex numbers, which no network here has; choose another file.")
    # A single number may be a loss of the training, which begins at infinity.
    if tensor.numel() > 1 and tensor.is_floating_point() and not is_finite(tensor):
        raise CheckpointError(
            f"{path} holds numbers in {shown(key)!r} that are not finite (NaN or infinity) and would spoil every picture; choose "
            "another file."
        )


def is_finite(tensor: Tensor) -> bool:
    """Whether no number is NaN or an infinity. The sum tells it of all at once, unless it is itself too large."""
    if tensor.itemsize == 1:  # float8 has no sums
        tensor = tensor.float()
    total = tensor.sum(dtype=torch.float64 if tensor.dtype == torch.float64 else torch.float32)
    return isfinite(total.item()) or bool(torch.isfinite(tensor).all())


def _collect(
    content: Mapping[Any, Any], name: str, networks: dict[str, State], metadata: dict[str, str], depth: int, budget: Budget
) -> None:
    budget.take_items(len(content))  # the same dict may hang in a thousand places, and those in a thousand others
    state = {key: value.detach() for key, value in content.items() if isinstance(key, str) and isinstance(value, Tensor)}
    if state:
        networks[name] = _unwrapped(state) if name else state
    for key, value in content.items():
        # Optimizers keep their tensors under numbers.
        if not isinstance(key, str):
            continue
        dotted = f"{name}.{key}" if name else key
        value = _numbered(value)
        if isinstance(value, Mapping) and depth < DEEPEST:
            _collect(value, dotted, networks, metadata, depth + 1, budget)
        elif isinstance(value, (str, int, float, bool)):
            metadata[dotted] = _text(value, budget)


def _text(value: object, budget: Budget) -> str:
    """A plain value as text; the start of it alone when it is longer than any setting."""
    text = str(value)[:LONGEST_VALUE]
    budget.take_bytes(len(text))
    return text


def _unwrapped(state: State) -> State:
    times = min((_wrappers(key) for key in state), default=0)
    return {key[times * len(WRAPPER) :]: tensor for key, tensor in state.items()} if times else state


def _wrappers(key: str) -> int:
    """How often a name begins with the wrapper's, with something left behind it."""
    at = 0
    while key.startswith(WRAPPER, at) and len(key) > at + len(WRAPPER):
        at += len(WRAPPER)
    return at // len(WRAPPER)
