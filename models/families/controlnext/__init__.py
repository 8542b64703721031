"""ControlNeXt (Peng et al. 2024; dvlab-research/ControlNeXt, Apache-2.0): the light networks for SD1.5, SDXL and SVD."""

from __future__ import annotations

from torch import Tensor

from ...architecture import Architecture, Tensors, shape
from .inject import PLACEMENTS, Formula, Placement, Variant, injected
from .network import ControlNeXt, ControlNeXtConfig

__all__ = ["ARCHITECTURES", "PLACEMENTS", "ControlNeXt", "ControlNeXtConfig", "Formula", "Placement", "Variant", "injected"]
EMBEDDED_GROUPS, PLAIN_GROUPS = (4, 8), (1, 8, 8)


def recognize(tensors: Tensors) -> bool:
    """A time embedding, residual blocks that halve, and two middle convolutions."""
    needed = {"time_embedding.linear_1.weight", "down_res.0.conv1.weight", "down_sample.0.conv.weight", "mid_convs.1.weight"}
    return needed <= tensors.keys()


def configure(tensors: Tensors) -> ControlNeXtConfig:
    """Blocks and widths from shapes; the groups of the normalizations are the authors'."""
    embedded = "embedding.0.weight" in tensors
    groups = EMBEDDED_GROUPS if embedded else PLAIN_GROUPS
    shapes = [shape(tensors, f"down_res.{i}.conv1.weight") for i in range(len(groups))]
    blocks = tuple((s[1], s[0], g) for s, g in zip(shapes, groups, strict=True))
    return ControlNeXtConfig(blocks, shape(tensors, "mid_convs.1.weight")[0], embedded, "scale" in tensors)


def rename(tensors: Tensors, config: ControlNeXtConfig) -> dict[str, Tensor]:
    """The names are as published."""
    return dict(tensors)


ARCHITECTURES = (
    Architecture(
        id="controlnext",
        kind="control",
        title="ControlNeXt",
        recognize=recognize,
        configure=configure,
        build=ControlNeXt,
        rename=rename,
        license="Apache-2.0",
        multiple=8,
    ),
)
