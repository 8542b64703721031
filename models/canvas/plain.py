"""Carrying out a network's layers so that gradients pass: what networks are trained on."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..ops.masks import at_size
from ..ops.normalization import ScaleShift, Statistics
from .activation import SLOPE, Activation
from .beat import Beat
from .convolution import Kernel, Padding, Sides, all_sides, doubled, pad
from .whole import as_measured, dropped

Normalization = Callable[[Statistics], ScaleShift]


def activated(x: Tensor, kind: Activation) -> Tensor:
    """x with the activation, as a new tensor. leaky: LeakyReLU of slope 0.2."""
    if kind == "relu":
        return F.relu(x)
    if kind == "leaky":
        return F.leaky_relu(x, SLOPE)
    if kind == "sigmoid":
        return x.sigmoid()
    return x.tanh() if kind == "tanh" else x


def plain_statistics(x: Tensor) -> Statistics:
    """Means and biased variances of [B, C, H, W] over positions, in the map's own precision (single for half ones)."""
    x = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
    mean = x.mean(dim=(2, 3))
    return Statistics(mean, (x - mean[:, :, None, None]).square().mean(dim=(2, 3)), x.shape[2] * x.shape[3])


def statistics_under(x: Tensor, mask: Tensor) -> Statistics:
    """The same, positions weighted by a mask [1, 1, H, W]."""
    weight = mask.to(x) / mask.sum().to(x)
    mean = (x * weight).sum(dim=(2, 3))
    variance = ((x - mean[:, :, None, None]).square() * weight).sum(dim=(2, 3))
    return Statistics(mean, variance, max(int(mask.sum()), 1))


class Plain:
    """Layers on tensors [B, C, H, W] in any precision, each by its plain formula, nothing in place.

    Stands wherever `whole.Whole` and `tiled.Tiled` do, except for regions, which no training needs.
    """

    settle: Callable[[Statistics], Statistics] = staticmethod(as_measured)

    def __init__(self, beat: Beat | None = None) -> None:
        self.beat = beat or Beat()

    def open(self, images: Tensor) -> Tensor:
        """The picture as a map."""
        return images

    def ranged(self, images: Tensor) -> Tensor:
        """A picture in 0..1 as a map in -1..1."""
        return images * 2 - 1

    def close(self, x: Tensor) -> Tensor:
        """The map as a picture."""
        return x

    def fresh(self, x: Tensor, batch: int = 1) -> Tensor:
        """The same map: nothing is used up here; of a single picture as many as `batch`."""
        return x.expand(batch, -1, -1, -1) if x.shape[0] == 1 else x

    def conv(
        self, x: Tensor, layer: nn.Conv2d | Kernel, padding: int | Sides = 0, mode: Padding = "zeros", act: Activation = "none"
    ) -> Tensor:
        """A convolution with padding of the map's borders."""
        self.beat()
        if isinstance(padding, int) and mode == "zeros":
            made = F.conv2d(x, layer.weight, layer.bias, layer.stride, padding, 1, layer.groups)
        else:
            sides = all_sides(padding) if isinstance(padding, int) else padding
            made = F.conv2d(pad(x, sides, mode), layer.weight, layer.bias, layer.stride, 0, 1, layer.groups)
        return activated(made, act)

    def doubled_conv(self, x: Tensor, layer: nn.Conv2d | Kernel, mode: Padding = "zeros") -> Tensor:
        """Nearest neighbour to twice the size, then a convolution that keeps the size."""
        return self.conv(doubled(x), layer, layer.kernel_size[0] // 2, mode)

    def doubled(self, x: Tensor) -> Tensor:
        """Nearest neighbour to twice the size."""
        return doubled(x)

    def transpose(self, x: Tensor, layer: nn.ConvTranspose2d) -> Tensor:
        """A transposed convolution."""
        self.beat()
        return F.conv_transpose2d(x, layer.weight, layer.bias, layer.stride, int(layer.padding[0]), layer.output_padding)

    def norm(self, x: Tensor, norm: Normalization, act: Activation = "none") -> Tensor:
        """A normalization by the map's own statistics, then an activation."""
        return self.affine(x, norm(self.settle(plain_statistics(x))), act)

    def affine(self, x: Tensor, by: ScaleShift, act: Activation = "none") -> Tensor:
        """scale * x + shift by channel, both [B, C] or [1, C], then an activation."""
        scale, shift = (value[:, :, None, None] for value in by)
        return activated(x * scale + shift, act)

    def act(self, x: Tensor, act: Activation) -> Tensor:
        """An activation by itself."""
        return activated(x, act)

    def drop(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Dropout of one half."""
        return x * dropped(x.shape, generator).to(x) * 2

    def cropped(self, x: Tensor, amount: int) -> Tensor:
        """Without so many positions on each side."""
        return x[:, :, amount:-amount, amount:-amount]

    def cat(self, x: Tensor, y: Tensor) -> Tensor:
        """The channels of both."""
        return torch.cat([x, y], dim=1)

    def with_constants(self, x: Tensor, values: Tensor) -> Tensor:
        """Further channels of one value each, values [N, K]; of a single picture as many copies as there are rows."""
        rows, (height, width) = max(x.shape[0], values.shape[0]), x.shape[2:]
        levels = values.to(x.dtype)[:, :, None, None].expand(rows, -1, height, width)
        return torch.cat([x.expand(rows, -1, -1, -1), levels], dim=1)

    def add(self, x: Tensor, y: Tensor, strength: float = 1.0) -> Tensor:
        """x + strength * y."""
        return x + y if strength == 1 else x + strength * y

    def mean(self, x: Tensor) -> Tensor:
        """Averages over positions, [B, C]."""
        return x.mean(dim=(2, 3))

    def statistics(self, x: Tensor, mask: Tensor | None = None) -> Statistics:
        """Statistics over positions, under a mask [1, 1, H, W] in 0..1 of any size where there is one."""
        return plain_statistics(x) if mask is None else statistics_under(x, at_size(mask, *x.shape[2:]))

    def greatest(self, x: Tensor) -> Tensor:
        """Maxima over positions, [B, C]."""
        return x.amax(dim=(2, 3))

    def max_pool(self, x: Tensor) -> Tensor:
        """The greatest of every 2x2 positions; sides are even."""
        return F.max_pool2d(x, 2)

    def every(self, x: Tensor, step: int) -> Tensor:
        """Every step-th position along both sides, from the first on."""
        return x[:, :, ::step, ::step]

    def summed(self, x: Tensor) -> Tensor:
        """The sum over channels, [B, 1, H, W]."""
        return x.sum(dim=1, keepdim=True)

    def size(self, x: Tensor) -> tuple[int, int]:
        """Height and width."""
        return x.shape[2], x.shape[3]

    def resize(self, x: Tensor, height: int, width: int, align_corners: bool = True) -> Tensor:
        """Bilinear; with corners aligned, or by the centers of the positions."""
        return F.interpolate(x, (height, width), mode="bilinear", align_corners=align_corners)
