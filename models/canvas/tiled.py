"""Carrying out a network's layers tile by tile, with the statistics of the whole picture.

Normalization needs the mean and variance of a whole layer before any of it can go on, so a picture cannot simply be cut into
tiles
that run through the network one after the other. Instead every layer is finished over all its tiles before the next begins: the
tiles' moments are merged (exactly, in double precision), and what the normalization comes down to, a scale and a shift by
channel,
is applied when the next layer reads its windows. Maps at the picture's full size are the largest by far; those above `keep` bytes
are not stored but computed again from the smaller map before them, once for their statistics and once for their values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import sqrt

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..ops.masks import at_size
from ..ops.moments import Moments
from ..ops.normalization import ScaleShift, Statistics
from .activation import Activation, activate
from .beat import Beat
from .convolution import Kernel, Padding, Sides, convolve, doubled, doubled_valid
from .planes import Plane, Window, kept
from .regions import Regions, joined, large_enough, moments_under
from .statistics import moments_of, statistics_of
from .whole import Normalization, as_measured, dropped, sides_of, weights_like

USUAL_CHANNELS = 64
SMALLEST_SIDE = 32


class Tiled:
    """The counterpart of `whole.Whole` on planes, for one picture [1, 3, H, W] at a time.

    tile: side of the tiles of a map of 64 channels, in positions; wider maps have smaller tiles. keep: bytes above which a map is
    computed again instead of stored. settle: of statistics that normalizations measure to those that they use.
    """

    settle: Callable[[Statistics], Statistics] = staticmethod(as_measured)

    def __init__(self, tile: int, keep: float, beat: Beat | None = None, dtype: torch.dtype = torch.float32) -> None:
        self.tile = tile
        self.keep = keep
        self.beat = beat or Beat()
        self.dtype = dtype

    def open(self, images: Tensor) -> Plane:
        """The picture as a map."""
        return kept(images.to(self.dtype).contiguous(memory_format=torch.channels_last))

    def ranged(self, images: Tensor) -> Plane:
        """A picture in 0..1 as a map in -1..1."""
        two = torch.full((1, 3), 2.0, device=images.device)
        return self.open(images).with_pending((two, 1 - two), "none")

    def close(self, x: Plane) -> Tensor:
        """The map as a picture."""
        return self._filled(x).float()

    def fresh(self, x: Plane, batch: int = 1) -> Plane:
        """A copy to use up."""
        if batch != 1:
            raise ValueError("tiles are made of one picture at a time: ask for one")
        return kept(self._filled(x)) if x.data is not None else x

    def conv(
        self, x: Plane, layer: nn.Conv2d | Kernel, padding: int | Sides = 0, mode: Padding = "zeros", act: Activation = "none"
    ) -> Plane:
        """A convolution with padding of the map's borders."""
        self.beat()
        left, right, top, bottom = sides_of(padding)
        kernel, stride = layer.kernel_size[0], layer.stride[0]
        height, width = (x.height + top + bottom - kernel) // stride + 1, (x.width + left + right - kernel) // stride + 1

        def raw(window: Window) -> Tensor:
            source = x.padded(window.under(kernel, stride, left, top), mode)
            return activate(convolve(source, *weights_like(source, layer), stride, 0, layer.groups), act)

        return self._made(Plane(layer.out_channels, height, width, raw))

    def doubled_conv(self, x: Plane, layer: nn.Conv2d | Kernel, mode: Padding = "zeros") -> Plane:
        """Nearest neighbor to twice the size, then a 3x3 or 5x5 convolution that keeps the size."""
        self.beat()
        kernel = layer.kernel_size[0]
        reach = kernel // 2
        large = self.doubled(x)

        def raw(window: Window) -> Tensor:
            even = not (window.top % 2 or window.left % 2 or window.bottom % 2 or window.right % 2)
            source = window.under(kernel, 1, reach, reach)
            if even and source == source.within(large.height, large.width):
                around = Window(window.top // 2 - 1, window.bottom // 2 + 1, window.left // 2 - 1, window.right // 2 + 1)
                low = x.read(around)
                return doubled_valid(low, *weights_like(low, layer))
            high = large.padded(source, mode)
            return convolve(high, *weights_like(high, layer))

        return self._made(Plane(layer.out_channels, large.height, large.width, raw))

    def doubled(self, x: Plane) -> Plane:
        """Nearest neighbor to twice the size."""

        def raw(window: Window) -> Tensor:
            low = x.read(Window(window.top // 2, -(-window.bottom // 2), window.left // 2, -(-window.right // 2)))
            top, left = window.top % 2, window.left % 2
            return doubled(low)[:, :, top : top + window.bottom - window.top, left : left + window.right - window.left]

        return Plane(x.channels, 2 * x.height, 2 * x.width, raw)

    def transpose(self, x: Plane, layer: nn.ConvTranspose2d) -> Plane:
        """A transposed convolution of stride 2 to twice the size."""
        self.beat()

        def raw(window: Window) -> Tensor:
            # a position and its neighbors decide about two rows and columns; one more on each side is enough for 3x3 and 4x4
            source = Window(window.top // 2 - 1, -(-window.bottom // 2) + 1, window.left // 2 - 1, -(-window.right // 2) + 1)
            inside = source.within(x.height, x.width)
            values = x.read(inside)
            weight, bias = weights_like(values, layer)
            made = F.conv_transpose2d(values, weight, bias, layer.stride, int(layer.padding[0]), layer.output_padding)
            return Window(
                window.top - 2 * inside.top,
                window.bottom - 2 * inside.top,
                window.left - 2 * inside.left,
                window.right - 2 * inside.left,
            ).cut(made)

        return self._made(Plane(layer.out_channels, 2 * x.height, 2 * x.width, raw))

    def norm(self, x: Plane, norm: Normalization, act: Activation = "none") -> Plane:
        """A normalization by the map's own statistics, then an activation; both are done as the map is read."""
        return self._pending(x, norm(self.settle(statistics_of(self._moments(x)))), act)

    def regional_norm(self, x: Plane, norms: Sequence[Normalization], regions: Regions, act: Activation = "none") -> Plane:
        """A normalization for each region by the region's own statistics, then an activation."""
        found = self._moments_under(x, regions.at(x.height, x.width))
        by = [norm(self.settle(statistics_of(m))) for norm, m in zip(norms, found, strict=True)]
        return self.regional_affine(x, by, regions, act)

    def regional_affine(self, x: Plane, by: Sequence[ScaleShift], regions: Regions, act: Activation = "none") -> Plane:
        """scale * x + shift by channel, both [1, C], for each region, then an activation."""
        masks = regions.at(x.height, x.width)

        def raw(window: Window) -> Tensor:
            return joined(x.read(window), by, [window.cut(mask) for mask in masks])

        return Plane(x.channels, x.height, x.width, raw, activation=act)

    def affine(self, x: Plane, by: ScaleShift, act: Activation = "none") -> Plane:
        """scale * x + shift by channel, then an activation."""
        return self._pending(x, by, act)

    def act(self, x: Plane, act: Activation) -> Plane:
        """An activation by itself."""
        if x.activation == "none":
            return x.with_pending(x.pending, act)
        return Plane(x.channels, x.height, x.width, x.read, activation=act)

    def drop(self, x: Plane, generator: torch.Generator) -> Plane:
        """Dropout of one half, live as in training."""
        falls = dropped((1, x.channels, x.height, x.width), generator).bool()

        def raw(window: Window) -> Tensor:
            values = x.read(window)
            return values.mul_(window.cut(falls).to(values)).mul_(2)

        return self._made(Plane(x.channels, x.height, x.width, raw))

    def cropped(self, x: Plane, amount: int) -> Plane:
        """Without so many positions on each side."""

        def raw(window: Window) -> Tensor:
            return x.read(Window(window.top + amount, window.bottom + amount, window.left + amount, window.right + amount))

        return Plane(x.channels, x.height - 2 * amount, x.width - 2 * amount, raw)

    def cat(self, x: Plane, y: Plane) -> Plane:
        """The channels of both."""
        return Plane(
            x.channels + y.channels, x.height, x.width, lambda window: torch.cat([x.read(window), y.read(window)], dim=1)
        )

    def with_constants(self, x: Plane, values: Tensor) -> Plane:
        """Further channels of one value each, values [1, K]."""

        def raw(window: Window) -> Tensor:
            found = x.read(window)
            return torch.cat([found, values.to(found)[:, :, None, None].expand(-1, -1, *found.shape[2:])], dim=1)

        return Plane(x.channels + values.shape[1], x.height, x.width, raw)

    def add(self, x: Plane, y: Plane, strength: float = 1.0) -> Plane:
        """x + strength * y."""
        if x.data is None or y.data is None:
            return Plane(x.channels, x.height, x.width, lambda window: x.read(window).add_(y.read(window), alpha=strength))
        for window in self._windows(x):
            window.cut(x.data).copy_(x.read(window).add_(y.read(window), alpha=strength))
        return kept(x.data)

    def mean(self, x: Plane) -> Tensor:
        """Averages over positions, [1, C]."""
        return self._moments(x).mean.float()

    def statistics(self, x: Plane, mask: Tensor | None = None) -> Statistics:
        """Statistics over positions, under a mask [1, 1, H, W] in 0..1 of any size where there is one."""
        return statistics_of(self._moments(x, None if mask is None else at_size(mask, x.height, x.width)))

    def greatest(self, x: Plane) -> Tensor:
        """Maxima over positions, [1, C]."""
        return torch.stack([x.read(window).amax(dim=(2, 3)) for window in self._windows(x)]).amax(dim=0).float()

    def max_pool(self, x: Plane) -> Plane:
        """The greatest of every 2x2 positions; sides are even."""

        def raw(window: Window) -> Tensor:
            return F.max_pool2d(x.read(Window(2 * window.top, 2 * window.bottom, 2 * window.left, 2 * window.right)), 2)

        return self._made(Plane(x.channels, x.height // 2, x.width // 2, raw))

    def every(self, x: Plane, step: int) -> Tensor:
        """Every step-th position along both sides, from the first on, as a tensor; step is 1, 2, 4 or 8."""
        out: Tensor | None = None
        for window in self._windows(x):
            values = x.read(window)[:, :, ::step, ::step]
            if out is None:
                shape = (1, x.channels, -(-x.height // step), -(-x.width // step))
                out = torch.empty(shape, dtype=values.dtype, device=values.device, memory_format=torch.channels_last)
            top, left = window.top // step, window.left // step
            out[:, :, top : top + values.shape[2], left : left + values.shape[3]] = values
        assert out is not None
        return out

    def summed(self, x: Plane) -> Tensor:
        """The sum over channels as a tensor [1, 1, H, W]."""
        return self._filled(x, 1, lambda values: values.sum(dim=1, keepdim=True, dtype=torch.float32))

    def size(self, x: Plane) -> tuple[int, int]:
        """Height and width."""
        return x.height, x.width

    def resize(self, x: Plane, height: int, width: int, align_corners: bool = True) -> Plane:
        """Bilinear; with corners aligned, or by the centers of the positions."""

        def raw(window: Window) -> Tensor:
            rows = _between(window.top, window.bottom, x.height, height, align_corners)
            columns = _between(window.left, window.right, x.width, width, align_corners)
            source = Window(int(rows[0][0]), int(rows[1][-1]) + 1, int(columns[0][0]), int(columns[1][-1]) + 1)
            values = x.read(source)
            for axis, (low, high, share), first in ((2, rows, source.top), (3, columns, source.left)):
                a, b = (values.index_select(axis, (i - first).to(values.device)) for i in (low, high))
                values = torch.lerp(a, b, share.to(values).view((-1, 1) if axis == 2 else (-1,)))
            return values.contiguous(memory_format=torch.channels_last)

        return self._made(Plane(x.channels, height, width, raw))

    # Storing

    def _made(self, plane: Plane) -> Plane:
        """A map that a layer makes: stored, or left to be computed when it is read."""
        if 4 * plane.channels * plane.height * plane.width > self.keep:
            return plane
        return kept(self._filled(plane))

    def _filled(self, plane: Plane, channels: int = 0, of: Callable[[Tensor], Tensor] = lambda values: values) -> Tensor:
        out: Tensor | None = None
        for window in self._windows(plane):
            values = of(plane.read(window))
            if out is None:
                shape = (1, channels or plane.channels, plane.height, plane.width)
                out = torch.empty(shape, dtype=values.dtype, device=values.device, memory_format=torch.channels_last)
            window.cut(out).copy_(values)
        assert out is not None
        return out

    def _pending(self, x: Plane, by: ScaleShift, act: Activation) -> Plane:
        """x with an affine map still to be done; one that has something pending already is finished first."""
        if x.pending is None and x.activation == "none":
            return x.with_pending(by, act)
        return Plane(x.channels, x.height, x.width, x.read).with_pending(by, act)

    def _moments(self, x: Plane, mask: Tensor | None = None) -> Moments:
        total: Moments | None = None
        for window in self._windows(x):
            part = moments_of(x.read(window)) if mask is None else moments_under(x.read(window), window.cut(mask))
            total = part if total is None else total.merge(part)
        assert total is not None
        return total

    def _moments_under(self, x: Plane, masks: Sequence[Tensor]) -> list[Moments]:
        """Of each region, of the whole map for those that are too small; the map is read once."""
        totals: list[Moments | None] = [None] * len(masks)
        own = [mask if large_enough(mask) else None for mask in masks]
        for window in self._windows(x):
            values = x.read(window)
            for i, mask in enumerate(own):
                part = moments_of(values) if mask is None else moments_under(values, window.cut(mask))
                before = totals[i]
                totals[i] = part if before is None else before.merge(part)
        return [total for total in totals if total is not None]

    def _windows(self, plane: Plane) -> Iterator[Window]:
        side = max(SMALLEST_SIDE, int(self.tile * sqrt(USUAL_CHANNELS / max(plane.channels, USUAL_CHANNELS))) // 8 * 8)
        for window in plane.windows(side):
            self.beat.look()
            yield window


def _between(start: int, stop: int, source: int, target: int, corners: bool) -> tuple[Tensor, Tensor, Tensor]:
    """For positions start to stop of `target`: the two source positions on either side, and how far towards the second."""
    at = torch.arange(start, stop, dtype=torch.float64)
    at = at * ((source - 1) / max(target - 1, 1)) if corners else ((at + 0.5) * (source / target) - 0.5).clamp_min(0)
    low = at.floor().long().clamp_max(source - 1)
    return low, (low + 1).clamp_max(source - 1), (at - low).float()


def keep_limit(x: Tensor) -> float:
    """Bytes above which a map of a tiled picture is computed again: 128 channels at half the picture's sides are still kept."""
    return 4 * 40 * x.shape[2] * x.shape[3]
