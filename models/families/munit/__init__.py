"""MUNIT (Huang et al. 2018; NVlabs/MUNIT, CC BY-NC-SA 4.0): one photo, many styles, both ways."""

from __future__ import annotations

from torch import Tensor, nn

from ...architecture import STATISTICS, Architecture, Tensors, shape, split
from .network import AdaINGen, AdaINGenConfig, ContentConfig
from .translate import MUNIT

CONTAINED = ("a", "b")
PairConfig = tuple[tuple[str, AdaINGenConfig], ...]


def is_generator(tensors: Tensors) -> bool:
    """Content and style encoders, decoder and MLP."""
    return {"enc_style.model.0.conv.weight", "enc_content.model.0.conv.weight", "mlp.model.0.fc.weight"} <= tensors.keys()


def is_pair(tensors: Tensors) -> bool:
    """A container of one or two generators, or a bare one."""
    return all(is_generator(part) for part in split(tensors, CONTAINED).values())


def content_config(tensors: Tensors, start: str) -> ContentConfig:
    """Width and depth of a content encoder whose keys begin so."""
    width = shape(tensors, f"{start}.model.0.conv.weight")[0]
    downs = sum(f"{start}.model.{i}.conv.weight" in tensors for i in range(1, 16))
    head = f"{start}.model.{downs + 1}.model."
    return ContentConfig(width, downs, len({k[len(head) :].split(".")[0] for k in tensors if k.startswith(head)}))


def mlp_widths(tensors: Tensors) -> tuple[int, ...]:
    """Widths of the MLP from code to parameters."""
    layers = sum(k.startswith("mlp.") and k.endswith(".weight") for k in tensors)
    shapes = [shape(tensors, f"mlp.model.{i}.fc.weight") for i in range(layers)]
    return (shapes[0][1], *(s[0] for s in shapes))


def style_downs(tensors: Tensors, start: str) -> int:
    """Strided layers of a style encoder whose keys begin so."""
    return sum(f"{start}.model.{i}.conv.weight" in tensors for i in range(1, 16))


def configure(tensors: Tensors) -> PairConfig:
    """(name, configuration) of every generator."""
    return tuple(
        (n, AdaINGenConfig(content_config(part, "enc_content"), style_downs(part, "enc_style"), mlp_widths(part)))
        for n, part in split(tensors, CONTAINED).items()
    )


def without_statistics(part: Tensors) -> dict[str, Tensor]:
    """The parameters: norms have running statistics in the files, which the authors' code never uses."""
    return {k: t for k, t in part.items() if not k.endswith(STATISTICS)}


def rename(tensors: Tensors, config: PairConfig) -> dict[str, Tensor]:
    """The generators' parameters."""
    parts = split(tensors, CONTAINED)
    return {f"{n}.{k}": t for n, _ in config for k, t in without_statistics(parts[n]).items()}


ARCHITECTURES = (
    Architecture(
        id="munit",
        kind="translator",
        title="MUNIT",
        recognize=is_pair,
        configure=configure,
        build=lambda config: nn.ModuleDict({name: AdaINGen(own) for name, own in config}),
        rename=rename,
        license="CC-BY-NC-SA-4.0",
        value_range="RGB -1..1",
        multiple=4,
        translator=MUNIT,
    ),
)
