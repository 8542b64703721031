"""Conditional instance normalization (Dumoulin et al. 2017, arXiv:1610.07629): magenta's TensorFlow checkpoints, Apache-2.0."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ...architecture import Architecture, Tensors, shape
from .network import PasticheConfig, contract_names, expand_names, residual_names
from .stylize import MultiStyle, StyledPastiche

ROOT = "transformer/"
FIRST_OF_ONNX = "contract.0.norm.gamma"
ONNX_LAYERS = {"contract": "contract/conv{0}", "res": "residual/residual{0}/conv{1}", "expand": "expand/conv{0}/conv"}
NORM = "/InstanceNorm"


@dataclass(frozen=True)
class CINConfig:
    """net: the transformer. styles: rows of its tables."""

    net: PasticheConfig
    styles: int


def blocks_of(tensors: Tensors, layer: str = "conv1/weights") -> int:
    """How many residual blocks there are."""
    found = 0
    while f"{ROOT}residual/residual{found + 1}/{layer}" in tensors:
        found += 1
    return found


def names(blocks: int) -> list[str]:
    """All layers."""
    return [*contract_names(), *residual_names(blocks), *expand_names()]


def published(tensors: Tensors) -> Tensors:
    """An ONNX file's layers (contract.0.w, res.0.1.norm.gamma ...) under magenta's names; magenta's own as they are."""
    if FIRST_OF_ONNX not in tensors:
        return tensors
    made: dict[str, Tensor] = {}
    for key, tensor in tensors.items():
        group, *numbers, last = key.removesuffix(".w").removesuffix(".norm.gamma").removesuffix(".norm.beta").split(".")
        if group not in ONNX_LAYERS or not all(n.isdecimal() for n in (*numbers, last)):
            continue
        name = ONNX_LAYERS[group].format(*(int(n) + 1 for n in (*numbers, last)))
        if key.endswith(".w"):
            made[f"{ROOT}{name}/weights"] = tensor.permute(2, 3, 1, 0)
        else:
            made[f"{ROOT}{name}{NORM}/{key.rpartition('.')[2]}"] = tensor
    return made


def recognize(tensors: Tensors) -> bool:
    """A table of styles behind every convolution."""
    tensors = published(tensors)
    tables = [f"{ROOT}{name}{NORM}/{what}" for name in names(blocks_of(tensors)) for what in ("gamma", "beta")]
    return blocks_of(tensors) > 0 and all(len(shape(tensors, table)) == 2 for table in tables)


def configure(tensors: Tensors) -> CINConfig:
    """Widths, depth and number of styles."""
    tensors = published(tensors)
    widths = {n: shape(tensors, f"{ROOT}{n}{NORM}/gamma") for n in names(blocks_of(tensors))}
    net = PasticheConfig(
        widths=tuple(widths[n][1] for n in contract_names()),
        expand=tuple(widths[n][1] for n in expand_names()[:2]),
        blocks=blocks_of(tensors),
    )
    return CINConfig(net, widths["contract/conv1"][0])


def turned(kernel: Tensor) -> Tensor:
    """TensorFlow's [kh, kw, in, out] as [out, in, kh, kw]."""
    return kernel.permute(3, 2, 0, 1).contiguous()


def rename(tensors: Tensors, config: CINConfig) -> dict[str, Tensor]:
    """The network's own parameter names."""
    tensors = published(tensors)
    made: dict[str, Tensor] = {}
    for name in names(config.net.blocks):
        made[f"net.layers.{name}.weight"] = turned(tensors[f"{ROOT}{name}/weights"])
        made[f"gammas.{name}"] = tensors[f"{ROOT}{name}{NORM}/gamma"]
        made[f"betas.{name}"] = tensors[f"{ROOT}{name}{NORM}/beta"]
    return made


def build(config: CINConfig) -> StyledPastiche:
    """The network with random weights and gammas of 1."""
    network = StyledPastiche(config.net, config.styles)
    with torch.no_grad():
        for table in network.gammas.parameters():
            table.fill_(1)
    return network


ARCHITECTURES = (
    Architecture(
        id="cin",
        kind="stylizer",
        title="Multi-style pastiche",
        recognize=recognize,
        configure=configure,
        build=build,
        rename=rename,
        license="Apache-2.0",
        stylizer=MultiStyle,
    ),
)
