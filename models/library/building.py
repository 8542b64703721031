"""A network for a file: what the file makes of its shapes may neither fill the memory nor end in an error of Python's."""

from __future__ import annotations

import time
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from ..architecture import Architecture, Tensors
from ..weights.containers import is_finite
from ..weights.errors import FAULTS

SPARE_BYTES = 128 << 20
TIMES = 8  # networks make buffers and parts of their own that files do not hold
MOST_CALLS = 300_000
SECONDS = 30.0
FACTORIES = frozenset(
    (
        *("empty", "zeros", "ones", "full", "rand", "randn", "randint", "arange", "linspace", "eye", "tensor"),
        *("empty_like", "zeros_like"),
    )
)

DRAWN = frozenset(("uniform_", "normal_", "trunc_normal_"))


def fits(known: Architecture, tensors: Tensors) -> bool:
    """Whether a state dict is of this architecture; names that its test cannot even read are none of its own."""
    try:
        return bool(known.recognize(tensors))
    except FAULTS:
        return False


def build(known: Architecture, config: Any, tensors: Tensors) -> nn.Module:
    """The network of a configuration that was read from `tensors`. ValueError when it would be far larger than these."""
    with _Allowance(TIMES * sum(4 * tensor.numel() for tensor in tensors.values()) + SPARE_BYTES):
        return known.build(config)


def check_weights(weights: Tensors, network: nn.Module) -> None:
    """ValueError, naming the tensor, where a layer's weights are whole numbers, truth values or not finite."""
    for name, own in network.state_dict().items():
        if name not in weights or not own.is_floating_point():
            continue
        tensor = weights[name]
        if not tensor.is_floating_point():
            raise ValueError(f"{name} is of {str(tensor.dtype).removeprefix('torch.')} where weights belong")
        if tensor.numel() <= 1 and not is_finite(tensor):
            raise ValueError(f"{name} is not finite")


class _Allowance(TorchFunctionMode):
    """Counts what is made while it is active. Memory that is only reserved is not taken yet when it is counted."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._left = most
        self._calls = MOST_CALLS
        self._end = time.thread_time() + SECONDS

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = getattr(func, "__name__", "")
        if name in DRAWN and args and isinstance(args[0], nn.Parameter):
            return args[0]  # the file's numbers take the place of whatever would be drawn
        self._calls -= 1
        if name not in FACTORIES:
            return func(*args, **(kwargs or {}))
        self._take(args)
        made = func(*args, **(kwargs or {}))
        self._left -= made.nbytes
        if self._left < 0 or self._calls < 0 or time.thread_time() > self._end:
            raise ValueError("its shapes ask for a network far larger than the file")
        return made

    def _take(self, args: Any) -> None:
        """Before numbers are written: sizes that are given as such."""
        sizes = args[0] if args and isinstance(args[0], (tuple, list, torch.Size)) else args
        total = 4
        for size in sizes:
            if isinstance(size, int) and not isinstance(size, bool):
                total *= max(size, 1)
        if total > max(self._left, 0) + SPARE_BYTES:
            raise ValueError("its shapes ask for a network far larger than the file")
