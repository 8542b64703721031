"""What the registry knows of a published network: how to recognise its file, read its configuration, build and fill it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor, nn

Tensors = Mapping[str, Tensor]


@dataclass(frozen=True)
class Architecture:
    """One kind of file.

    recognise: state dict -> whether it is this architecture (never two for one file).
    configure: state dict -> configuration, read from names and shapes alone.
    build: configuration -> network with random weights.
    rename: (state dict, configuration) -> the network's own parameter names.
    value_range: what the network takes at its public boundary. multiple: sides are padded to a multiple of this.
    licence: of the published weights (SPDX id or words).
    """

    id: str
    kind: Literal["encoder", "decoder", "stylizer"]
    title: str
    recognise: Callable[[Tensors], bool]
    configure: Callable[[Tensors], Any]
    build: Callable[[Any], nn.Module]
    rename: Callable[[Tensors, Any], dict[str, Tensor]]
    licence: str
    value_range: str = "RGB 0..1"
    multiple: int = 1


def shape(tensors: Tensors, name: str) -> tuple[int, ...]:
    """Shape of a tensor, () where the name is missing."""
    return tuple(tensors[name].shape) if name in tensors else ()
