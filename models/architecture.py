"""What the registry knows of a published network: how to recognize its file, read its configuration, build and fill it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor, nn

from .generation.generator import Generator
from .stylization.stylizer import Stylizer
from .translation.translator import Translator

Tensors = Mapping[str, Tensor]
STATISTICS = (".running_mean", ".running_var", ".num_batches_tracked")  # what old norms leave in files and no one reads
Kind = Literal[
    "encoder",
    "decoder",
    "stylizer",
    "translator",
    "generator",
    "control",
    "adapter",
    "metric",
    "discriminator",
    "landmarks",
    "part",
]


@dataclass(frozen=True)
class Architecture:
    """One kind of file.

    recognize: state dict -> whether it is this architecture (never two for one file).
    configure: state dict -> configuration, read from names and shapes alone.
    build: configuration -> network with random weights.
    rename: (state dict, configuration) -> the network's own parameter names.
    value_range: what the network takes at its public boundary. multiple: sides are padded to a multiple of this.
    license: of the published weights (SPDX id or words).
    translator, generator, stylizer: for these, (network, name, title, license) -> the Translator, Generator or Stylizer around
    it.
    with_settings: (configuration, settings beside the tensors as text) -> configuration, where shapes do not tell all.
    notes: (state dict, configuration) -> sentences on what the file does not hold and what stands in its place.
    """

    id: str
    kind: Kind
    title: str
    recognize: Callable[[Tensors], bool]
    configure: Callable[[Tensors], Any]
    build: Callable[[Any], nn.Module]
    rename: Callable[[Tensors, Any], dict[str, Tensor]]
    license: str
    value_range: str = "RGB 0..1"
    multiple: int = 1
    translator: Callable[[Any, str, str, str], Translator] | None = None
    generator: Callable[[Any, str, str, str], Generator] | None = None
    stylizer: Callable[[Any, str, str, str], Stylizer] | None = None
    with_settings: Callable[[Any, Mapping[str, str]], Any] | None = None
    notes: Callable[[Tensors, Any], tuple[str, ...]] | None = None


def part(
    identity: str,
    title: str,
    recognize: Callable[[Tensors], bool],
    configure: Callable[[Tensors], Any],
    build: Callable[[Any], nn.Module],
    license: str,
    multiple: int = 1,
) -> Architecture:
    """A network of a method whose authors keep each in a file of its own, under its own names."""
    return Architecture(
        id=identity,
        kind="part",
        title=title,
        recognize=recognize,
        configure=configure,
        build=build,
        rename=lambda tensors, config: dict(tensors),
        license=license,
        multiple=multiple,
    )


def shape(tensors: Tensors, name: str) -> tuple[int, ...]:
    """Shape of a tensor, () where the name is missing."""
    return tuple(tensors[name].shape) if name in tensors else ()


def split(tensors: Tensors, names: Sequence[str]) -> dict[str, Tensors]:
    """The parts of a file of several networks, `name.key`, by name; a file of one bare network is under the first name."""
    parts = {n: {k[len(n) + 1 :]: t for k, t in tensors.items() if k.startswith(f"{n}.")} for n in names}
    found: dict[str, Tensors] = {n: part for n, part in parts.items() if part}
    return found or {names[0]: tensors}
