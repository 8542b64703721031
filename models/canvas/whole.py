"""Carrying out a network's layers on whole pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..ops.masks import at_size
from ..ops.normalization import ScaleShift, Statistics
from .activation import Activation, activate
from .beat import Beat
from .convolution import Kernel, Padding, Sides, all_sides, convolve, doubled, doubled_convolve, pad
from .regions import Regions, joined, large_enough, moments_under
from .statistics import moments_of, statistics_of

Normalization = Callable[[Statistics], ScaleShift]


def sides_of(amount: int | Sides) -> Sides:
    """One amount for all four sides, or the four."""
    return all_sides(amount) if isinstance(amount, int) else amount


def dropped(shape: torch.Size | tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Ones, and zeros where dropout of one half falls; drawn on the CPU, so that a seed means the same everywhere."""
    return torch.empty(shape).bernoulli_(0.5, generator=generator)


def weights_like(x: Tensor, layer: nn.Conv2d | nn.ConvTranspose2d | Kernel) -> tuple[Tensor, Tensor | None]:
    """A layer's weight and bias as numbers of the map's kind."""
    return layer.weight.to(x.dtype), None if layer.bias is None else layer.bias.to(x.dtype)


def affine_(x: Tensor, by: ScaleShift) -> Tensor:
    """scale * x + shift by channel in float32, in place."""
    scale, shift = (v[:, :, None, None] for v in by)
    if x.dtype == torch.float32:
        return torch.addcmul(shift, x, scale, out=x)
    return x.copy_(torch.addcmul(shift, x.float(), scale))


def as_measured(measured: Statistics) -> Statistics:
    """Statistics that nothing changes."""
    return measured


class Whole:
    """Layers on tensors [B, C, H, W]. A network's forward pass, written against this, also runs on `tiled.Tiled`.

    Every method gives a map that is the caller's own, and may use up the ones it is given; `fresh` keeps one for later.
    dtype: of the maps that it begins with; convolutions follow it, statistics and normalizations are always float32.
    settle: of statistics that normalizations measure to those that they use.
    """

    settle: Callable[[Statistics], Statistics] = staticmethod(as_measured)

    def __init__(self, beat: Beat | None = None, dtype: torch.dtype = torch.float32) -> None:
        self.beat = beat or Beat()
        self.dtype = dtype

    def open(self, images: Tensor) -> Tensor:
        """The picture as a map."""
        return images.to(self.dtype).contiguous(memory_format=torch.channels_last)

    def ranged(self, images: Tensor) -> Tensor:
        """A picture in 0..1 as a map in -1..1."""
        return (images * 2 - 1).to(self.dtype).contiguous(memory_format=torch.channels_last)

    def close(self, x: Tensor) -> Tensor:
        """The map as a picture."""
        return x.float()

    def fresh(self, x: Tensor, batch: int = 1) -> Tensor:
        """A copy to use up; of a single picture as many copies as `batch`."""
        x = x.expand(batch, -1, -1, -1) if x.shape[0] == 1 else x
        return x.clone(memory_format=torch.channels_last)

    def conv(
        self, x: Tensor, layer: nn.Conv2d | Kernel, padding: int | Sides = 0, mode: Padding = "zeros", act: Activation = "none"
    ) -> Tensor:
        """A convolution with padding of the map's borders."""
        self.beat()
        sides, even = sides_of(padding), len(set(sides_of(padding))) == 1
        weight, bias = weights_like(x, layer)
        if mode == "zeros" and even:
            made = convolve(x, weight, bias, layer.stride[0], sides[0], layer.groups)
        else:
            made = convolve(pad(x, sides, mode), weight, bias, layer.stride[0], 0, layer.groups)
        return activate(made, act)

    def doubled_conv(self, x: Tensor, layer: nn.Conv2d | Kernel, mode: Padding = "zeros") -> Tensor:
        """Nearest neighbor to twice the size, then a 3x3 or 5x5 convolution that keeps the size."""
        self.beat()
        return doubled_convolve(x, *weights_like(x, layer), mode)

    def doubled(self, x: Tensor) -> Tensor:
        """Nearest neighbor to twice the size."""
        return doubled(x)

    def transpose(self, x: Tensor, layer: nn.ConvTranspose2d) -> Tensor:
        """A transposed convolution."""
        self.beat()
        return F.conv_transpose2d(x, *weights_like(x, layer), layer.stride, int(layer.padding[0]), layer.output_padding)

    def norm(self, x: Tensor, norm: Normalization, act: Activation = "none") -> Tensor:
        """A normalization by the map's own statistics, then an activation."""
        return self.affine(x, norm(self.settle(statistics_of(moments_of(x)))), act)

    def regional_norm(self, x: Tensor, norms: Sequence[Normalization], regions: Regions, act: Activation = "none") -> Tensor:
        """A normalization for each region by the region's own statistics, of one picture, then an activation."""
        masks, whole = regions.at(*x.shape[2:]), moments_of(x)
        found = [moments_under(x, mask) if large_enough(mask) else whole for mask in masks]
        by = [norm(self.settle(statistics_of(m))) for norm, m in zip(norms, found, strict=True)]
        return self.regional_affine(x, by, regions, act)

    def regional_affine(self, x: Tensor, by: Sequence[ScaleShift], regions: Regions, act: Activation = "none") -> Tensor:
        """scale * x + shift by channel, both [1, C], for each region of one picture, then an activation."""
        return activate(joined(x, by, regions.at(*x.shape[2:])), act)

    def affine(self, x: Tensor, by: ScaleShift, act: Activation = "none") -> Tensor:
        """scale * x + shift by channel, both [B, C] or [1, C], then an activation."""
        return activate(affine_(x, by), act)

    def act(self, x: Tensor, act: Activation) -> Tensor:
        """An activation by itself."""
        return activate(x, act)

    def drop(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Dropout of one half, live as in training."""
        return x.mul_(dropped(x.shape, generator).to(x).mul_(2))

    def cropped(self, x: Tensor, amount: int) -> Tensor:
        """Without so many positions on each side."""
        return x[:, :, amount:-amount, amount:-amount].contiguous(memory_format=torch.channels_last)

    def cat(self, x: Tensor, y: Tensor) -> Tensor:
        """The channels of both."""
        return torch.cat([x, y], dim=1)

    def with_constants(self, x: Tensor, values: Tensor) -> Tensor:
        """Further channels of one value each, values [N, K]; of a single picture as many copies as there are rows."""
        rows, (height, width) = max(x.shape[0], values.shape[0]), x.shape[2:]
        levels = values.to(x.dtype)[:, :, None, None].expand(rows, -1, height, width)
        return torch.cat([x.expand(rows, -1, -1, -1), levels], dim=1).contiguous(memory_format=torch.channels_last)

    def add(self, x: Tensor, y: Tensor, strength: float = 1.0) -> Tensor:
        """x + strength * y."""
        return x.add_(y, alpha=strength)

    def mean(self, x: Tensor) -> Tensor:
        """Averages over positions, [B, C]."""
        return moments_of(x).mean.float()

    def statistics(self, x: Tensor, mask: Tensor | None = None) -> Statistics:
        """Statistics over positions, of one picture under a mask [1, 1, H, W] in 0..1 of any size where there is one."""
        return statistics_of(moments_of(x) if mask is None else moments_under(x, at_size(mask, *x.shape[2:])))

    def greatest(self, x: Tensor) -> Tensor:
        """Maxima over positions, [B, C]."""
        return x.amax(dim=(2, 3)).float()

    def max_pool(self, x: Tensor) -> Tensor:
        """The greatest of every 2x2 positions; sides are even."""
        return F.max_pool2d(x, 2)

    def every(self, x: Tensor, step: int) -> Tensor:
        """Every step-th position along both sides, from the first on, as a tensor; step is 1, 2, 4 or 8."""
        return x[:, :, ::step, ::step].contiguous(memory_format=torch.channels_last)

    def summed(self, x: Tensor) -> Tensor:
        """The sum over channels as a tensor [B, 1, H, W]."""
        return x.sum(dim=1, keepdim=True, dtype=torch.float32)

    def size(self, x: Tensor) -> tuple[int, int]:
        """Height and width."""
        return x.shape[2], x.shape[3]

    def resize(self, x: Tensor, height: int, width: int, align_corners: bool = True) -> Tensor:
        """Bilinear; with corners aligned, or by the centers of the positions."""
        return F.interpolate(x, (height, width), mode="bilinear", align_corners=align_corners)
