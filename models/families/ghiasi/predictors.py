"""The networks that predict a style vector from a picture: MobileNetV2 and Inception-v3, both to relu6 (Ghiasi et al. 2017).

Their batch normalizations (eps 1e-3) are folded into the convolutions; layers have their published names.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...ops.masks import at_size
from ...ops.padding import same_size

STRIDED = (1, 3, 6, 13)  # MobileNet's blocks that halve the map
LAST_BLOCK = 16
AVERAGE, GREATEST = "average", "greatest"


@dataclass(frozen=True)
class Unit:
    """A convolution with relu6. valid: without borders; else as much as keeps the size (over the stride)."""

    name: str
    stride: int = 1
    valid: bool = False
    active: bool = True


@dataclass(frozen=True)
class PredictorConfig:
    """shapes: weights of every layer, (name, [out, in / groups, kh, kw]). vector: numbers in a style."""

    shapes: tuple[tuple[str, tuple[int, ...]], ...]
    vector: int


class Predictor(nn.Module):
    """Pictures [B, 3, h, w] in 0..1 -> style vectors [B, D], by the mean of deep features (under a mask)."""

    least = 1

    def __init__(self, config: PredictorConfig) -> None:
        super().__init__()
        self.config = config
        self.layers = nn.ModuleDict({name: _layer(name, size) for name, size in config.shapes})
        self.out = nn.Linear(self._deepest(), config.vector)

    def forward(self, images: Tensor, mask: Tensor | None = None) -> Tensor:
        """mask: [B, 1, h, w] in 0..1 of any size, where the style is taken from."""
        height, width = images.shape[-2:]
        if min(height, width) < self.least:
            grown = self.least / min(height, width)
            images = same_size(images, max(self.least, round(height * grown)), max(self.least, round(width * grown)))
        features = self.features(images.contiguous(memory_format=torch.channels_last))
        if mask is None:
            return self.out(features.mean(dim=(2, 3)))
        weight = at_size(mask, *features.shape[-2:]).to(features)
        return self.out((features * weight).sum(dim=(2, 3)) / weight.sum(dim=(2, 3)).clamp_min(1e-12))

    def features(self, x: Tensor) -> Tensor:
        """Deep features, [B, C, h', w']."""
        raise NotImplementedError

    def _deepest(self) -> int:
        raise NotImplementedError

    def run(self, x: Tensor, unit: Unit) -> Tensor:
        """One layer."""
        layer: nn.Conv2d = self.layers[unit.name]  # type: ignore[assignment]
        if not unit.valid:
            x = same_borders(x, layer.kernel_size, unit.stride)
        y = F.conv2d(x, layer.weight, layer.bias, unit.stride, 0, 1, layer.groups)
        return F.relu6(y) if unit.active else y


def _layer(name: str, size: tuple[int, ...]) -> nn.Conv2d:
    outputs, inputs, *kernel = size
    groups = outputs if name.endswith("/depthwise") else 1
    return nn.Conv2d(inputs * groups, outputs, (kernel[0], kernel[1]), groups=groups)


def same_borders(x: Tensor, kernel: Sequence[int], stride: int) -> Tensor:
    """Zeros around a map as TensorFlow's SAME has them: with strides more of them, or all, at the right and bottom."""
    down, right = (
        max((-(-length // stride) - 1) * stride + k - length, 0) for length, k in zip(x.shape[2:], kernel, strict=True)
    )
    return F.pad(x, (right // 2, right - right // 2, down // 2, down - down // 2)) if down or right else x


class MobileNet(Predictor):
    """MobileNetV2 (Sandler et al. 2018, arXiv:1801.04381) to its last 1x1 convolution, `layer_19`."""

    def features(self, x: Tensor) -> Tensor:
        x = self.run(x, Unit("MobilenetV2/Conv", 2))
        for number in range(LAST_BLOCK + 1):
            start = f"MobilenetV2/expanded_conv{f'_{number}' if number else ''}"
            y = self.run(x, Unit(f"{start}/expand")) if f"{start}/expand" in self.layers else x
            y = self.run(y, Unit(f"{start}/depthwise", 2 if number in STRIDED else 1))
            y = self.run(y, Unit(f"{start}/project", active=False))
            x = x + y if y.shape == x.shape else y
        return self.run(x, Unit("MobilenetV2/Conv_1"))

    def _deepest(self) -> int:
        return self.layers["MobilenetV2/Conv_1"].out_channels  # type: ignore[return-value]


def _small(block: str, second: tuple[str, str] = ("Conv2d_0a_1x1", "Conv2d_0b_5x5")) -> list[list[str]]:
    return [
        ["Conv2d_0a_1x1"],
        list(second),
        ["Conv2d_0a_1x1", "Conv2d_0b_3x3", "Conv2d_0c_3x3"],
        [AVERAGE, "Conv2d_0b_1x1"],
    ]


def _long() -> list[list[str]]:
    return [
        ["Conv2d_0a_1x1"],
        ["Conv2d_0a_1x1", "Conv2d_0b_1x7", "Conv2d_0c_7x1"],
        ["Conv2d_0a_1x1", "Conv2d_0b_7x1", "Conv2d_0c_1x7", "Conv2d_0d_7x1", "Conv2d_0e_1x7"],
        [AVERAGE, "Conv2d_0b_1x1"],
    ]


BLOCKS: dict[str, list[list[str]]] = {
    "Mixed_5b": _small("5b"),
    "Mixed_5c": _small("5c", ("Conv2d_0b_1x1", "Conv_1_0c_5x5")),
    "Mixed_5d": _small("5d"),
    "Mixed_6a": [["Conv2d_1a_1x1"], ["Conv2d_0a_1x1", "Conv2d_0b_3x3", "Conv2d_1a_1x1"], [GREATEST]],
    **{f"Mixed_6{letter}": _long() for letter in "bcde"},
}
STEM = (
    Unit("Conv2d_1a_3x3", 2, valid=True),
    Unit("Conv2d_2a_3x3", valid=True),
    Unit("Conv2d_2b_3x3"),
    GREATEST,
    Unit("Conv2d_3b_1x1", valid=True),
    Unit("Conv2d_4a_3x3", valid=True),
    GREATEST,
)
HALVING = "Conv2d_1a_1x1"  # of Mixed_6a, 3x3 in spite of its name


class Inception(Predictor):
    """Inception-v3 (Szegedy et al. 2016, arXiv:1512.00567) to Mixed_6e, with relu6."""

    least = 43  # below which a layer without borders has nothing left

    def features(self, x: Tensor) -> Tensor:
        for unit in STEM:
            x = F.max_pool2d(x, 3, 2) if isinstance(unit, str) else self.run(x, self._named(unit))
        for block, branches in BLOCKS.items():
            x = torch.cat([self._branch(x, f"{block}/Branch_{i}", names) for i, names in enumerate(branches)], dim=1)
        return x

    def _branch(self, x: Tensor, start: str, names: Sequence[str]) -> Tensor:
        for name in names:
            if name == AVERAGE:
                x = F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
            elif name == GREATEST:
                x = F.max_pool2d(x, 3, 2)
            else:
                halving = name == HALVING
                x = self.run(x, self._named(Unit(f"{start}/{name}", 2 if halving else 1, valid=halving)))
        return x

    def _named(self, unit: Unit) -> Unit:
        return Unit(f"InceptionV3/{unit.name}", unit.stride, unit.valid, unit.active)

    def _deepest(self) -> int:
        last = BLOCKS["Mixed_6e"]
        names = [f"InceptionV3/Mixed_6e/Branch_{i}/{branch[-1]}" for i, branch in enumerate(last)]
        return sum(self.layers[name].out_channels for name in names)  # type: ignore[misc]


def inception_layers() -> list[str]:
    """Published names of all convolutions."""
    stem = [unit.name for unit in STEM if isinstance(unit, Unit)]
    inside = [
        f"{block}/Branch_{i}/{name}"
        for block, branches in BLOCKS.items()
        for i, names in enumerate(branches)
        for name in names
        if name not in (AVERAGE, GREATEST)
    ]
    return [f"InceptionV3/{name}" for name in [*stem, *inside]]


def mobile_layers() -> list[str]:
    """Published names of all convolutions; the first block does not widen."""
    blocks = [
        f"MobilenetV2/expanded_conv{f'_{n}' if n else ''}/{part}"
        for n in range(LAST_BLOCK + 1)
        for part in ("expand", "depthwise", "project")
        if n or part != "expand"
    ]
    return ["MobilenetV2/Conv", *blocks, "MobilenetV2/Conv_1"]
