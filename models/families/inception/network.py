"""Inception-v3 up to its pooled features (Szegedy et al. 2015, arXiv:1512.00567), as FID and ArtFID read it.

The two published forms differ in their pools. FID's came from TensorFlow: averages leave the padding out, and the pool of the
last block is a maximum (mseitzer/pytorch-fid). ArtFID's is torchvision's: averages count the padding (matthias-wright/art-fid).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn

EPS = 1e-3  # of all normalizations
SMALLEST_SIDE = 75  # below it nothing is left of a picture after the last block
STEM: tuple[str, ...] = ("Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "Conv2d_3b_1x1", "Conv2d_4a_3x3")
UNPADDED = ("Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_4a_3x3")
HALVING = (
    "Conv2d_1a_3x3",
    "Mixed_6a.branch3x3",
    "Mixed_6a.branch3x3dbl_3",
    "Mixed_7a.branch3x3_2",
    "Mixed_7a.branch7x7x3_4",
)

Step: TypeAlias = str | tuple[str, ...]  # a convolution, or several side by side
Branch: TypeAlias = tuple[Step, ...]
POOL: Branch = ("pool", "branch_pool")
DOUBLE: Branch = ("branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3")
KIND_A: tuple[Branch, ...] = (("branch1x1",), ("branch5x5_1", "branch5x5_2"), DOUBLE, POOL)
KIND_B: tuple[Branch, ...] = (("branch3x3",), DOUBLE, ("halve",))
KIND_C: tuple[Branch, ...] = (
    ("branch1x1",),
    tuple(f"branch7x7_{i}" for i in (1, 2, 3)),
    tuple(f"branch7x7dbl_{i}" for i in (1, 2, 3, 4, 5)),
    POOL,
)
KIND_D: tuple[Branch, ...] = (
    ("branch3x3_1", "branch3x3_2"),
    tuple(f"branch7x7x3_{i}" for i in (1, 2, 3, 4)),
    ("halve",),
)
KIND_E: tuple[Branch, ...] = (
    ("branch1x1",),
    ("branch3x3_1", ("branch3x3_2a", "branch3x3_2b")),
    ("branch3x3dbl_1", "branch3x3dbl_2", ("branch3x3dbl_3a", "branch3x3dbl_3b")),
    POOL,
)
BLOCKS: Mapping[str, tuple[Branch, ...]] = {
    **{f"Mixed_5{c}": KIND_A for c in "bcd"},
    "Mixed_6a": KIND_B,
    **{f"Mixed_6{c}": KIND_C for c in "bcde"},
    "Mixed_7a": KIND_D,
    **{f"Mixed_7{c}": KIND_E for c in "bc"},
}
POOLS = ("pool", "halve")


@dataclass(frozen=True)
class InceptionConfig:
    """convolutions: their weights' shapes by name. pools: "tensorflow" (FID) or "torchvision" (ArtFID), see the module."""

    convolutions: tuple[tuple[str, tuple[int, ...]], ...]
    pools: Literal["tensorflow", "torchvision"]


def names() -> list[str]:
    """Every convolution, as the published files name them."""
    found: list[str] = [*STEM]
    for block, branches in BLOCKS.items():
        for branch in branches:
            steps = [name for step in branch for name in ((step,) if isinstance(step, str) else step)]
            found += [f"{block}.{name}" for name in steps if name not in POOLS]
    return found


class Convolution(nn.Module):
    """Convolution without bias, normalization by running statistics, ReLU."""

    def __init__(self, name: str, shape: Sequence[int]) -> None:
        super().__init__()
        outputs, inputs, height, width = shape
        halving = name in HALVING
        padding = (0, 0) if halving or name in UNPADDED else (height // 2, width // 2)
        self.conv = nn.Conv2d(inputs, outputs, (height, width), 2 if halving else 1, padding, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=EPS)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)), inplace=not x.requires_grad)


class Inception(nn.Module):
    """forward(pictures [B, 3, H, W], laid out as the measure wants) -> [B, 2048]. Parameter names are the published.

    Sides of at least 75 pixels.
    """

    def __init__(self, config: InceptionConfig) -> None:
        super().__init__()
        self.config = config
        shapes = dict(config.convolutions)
        for name in STEM:
            self.add_module(name, Convolution(name, shapes[name]))
        for block in BLOCKS:
            inside = [name for name in shapes if name.startswith(f"{block}.")]
            parts = {name.partition(".")[2]: Convolution(name, shapes[name]) for name in inside}
            self.add_module(block, nn.ModuleDict(parts))

    @property
    def width(self) -> int:
        """Number of features of a picture."""
        shapes = dict(self.config.convolutions)
        steps = (step for branch in KIND_E for step in (branch[-1] if isinstance(branch[-1], tuple) else branch[-1:]))
        return sum(shapes[f"Mixed_7c.{name}"][0] for name in steps)

    def forward(self, x: Tensor) -> Tensor:
        return self.stages(x)["pool"]

    def stages(self, x: Tensor) -> dict[str, Tensor]:
        """Maps after the two first pools and after Mixed_6e, and the pooled features: "64", "192", "768", "pool".

        Raises ValueError for pictures that are too small.
        """
        if min(x.shape[-2:]) < SMALLEST_SIDE:
            raise ValueError(
                f"a picture of {x.shape[-1]}x{x.shape[-2]} pixels is too small for Inception-v3: give sides of {SMALLEST_SIDE} "
                "or more"
            )
        found = {}
        for name in STEM[:3]:
            x = self.get_submodule(name)(x)
        x = found["64"] = F.max_pool2d(x, 3, 2)
        for name in STEM[3:]:
            x = self.get_submodule(name)(x)
        x = found["192"] = F.max_pool2d(x, 3, 2)
        for block in BLOCKS:
            x = self.block(block, x)
            if block == "Mixed_6e":
                found["768"] = x
        found["pool"] = x.mean(dim=(2, 3))
        return found

    def block(self, name: str, x: Tensor) -> Tensor:
        """Its branches side by side."""
        return torch.cat([self.branch(name, branch, x) for branch in BLOCKS[name]], dim=1)

    def branch(self, block: str, steps: Branch, x: Tensor) -> Tensor:
        """One after another."""
        for step in steps:
            if step == "halve":
                x = F.max_pool2d(x, 3, 2)
            elif step == "pool":
                x = self.pool(block, x)
            elif isinstance(step, str):
                x = self.get_submodule(f"{block}.{step}")(x)
            else:
                x = torch.cat([self.get_submodule(f"{block}.{name}")(x) for name in step], dim=1)
        return x

    def pool(self, block: str, x: Tensor) -> Tensor:
        """Of the same size."""
        tensorflow = self.config.pools == "tensorflow"
        if tensorflow and block == "Mixed_7c":
            return F.max_pool2d(x, 3, 1, 1)
        return F.avg_pool2d(x, 3, 1, 1, count_include_pad=not tensorflow)
