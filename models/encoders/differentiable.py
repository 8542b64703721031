"""VGG and the gradient of its picture, for pictures that are found by optimization (Gatys, Ecker and Bethge 2016).

There the weights are fixed and only the picture changes, so two thirds of what automatic differentiation offers is of no use. The
reverse pass is written out here: a convolution's input gradient is a convolution with flipped kernels, ReLU's is a mask that its
own result carries, pooling's is made from the map that was pooled. On the processor wide layers go through Winograd's tiles
(`winograd_tiles`) with kernels prepared once for both directions, everything is laid out channels-last, and what follows a
convolution (bias, ReLU, mask, a tap's own gradient) is done block by block while the block is in the cache.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..ops.padding import pad_small
from .vgg import VGG, tap_to_conv
from .winograd_tiles import Padding, convolve_tiles, tile_kernels, tiles_pay

NUMBERS_AT_ONCE = 1 << 20

_pool_indices = torch.ops.aten.max_pool2d_with_indices.default
_pool_backward = torch.ops.aten.max_pool2d_with_indices_backward.default
_average_backward = torch.ops.aten.avg_pool2d_backward.default
_relu_backward = torch.ops.aten.threshold_backward.grad_input


@dataclass
class Trace:
    """What `forward` leaves for `backward`, which uses it up.

    maps: post-ReLU maps of all convolutions carried out, by name and in order; those at taps are the caller's too, who must
    not write into them before `backward`. pooling: how they were pooled.
    """

    picture: torch.Size
    maps: dict[str, Tensor]
    pooling: str


@contextmanager
def _plain() -> Iterator[None]:
    """No graph, and tensors that may be written into anywhere: the host calls nodes in inference mode."""
    with torch.inference_mode(False), torch.no_grad():
        yield


class DifferentiableVGG:
    """`forward` and `backward` of one VGG, whose weights it shares. beat: called before every layer; it may raise to stop.

    Prepared kernels take four times the memory of the weights. They are made when a layer is first carried out in tiles, and
    again when its weights are other ones: the host's memory manager may move them at any time between calls.
    """

    def __init__(self, network: VGG, beat: Callable[[], None] = lambda: None) -> None:
        self.network = network
        self.beat = beat
        self._prepared: dict[str, tuple[tuple[object, ...], Tensor]] = {}

    def forward(self, images: Tensor, taps: Sequence[str]) -> tuple[dict[str, Tensor], Trace]:
        """images [B, 3, H, W] in 0..1 RGB -> ({tap: [B, C, h, w]}, post-ReLU and channels-last, what `backward` needs).

        Raises ValueError for a tap this network does not have.
        """
        network = self.network
        last = self._deepest(taps)
        with _plain():
            x = images if network.config.normalization == "conv0" else (images - network.mean) * network.scale
            x = _channels_last(x.flip(1) if network.config.normalization == "caffe" else x)
            trace = Trace(images.shape, {}, network.pooling)
            for name in self._names[: last + 1]:
                self.beat()
                if _opens_block(name):
                    x = network.pool(x)
                x = trace.maps[name] = self._convolve(name, x)
        return {tap: trace.maps[tap_to_conv(tap)] for tap in taps}, trace

    def backward(self, trace: Trace, gradients: Mapping[str, Tensor]) -> Tensor:
        """The gradient [B, 3, H, W] of the picture from those [B, C, h, w] of some taps; uses `trace` up.

        Gradients that are laid out channels-last are taken as they are. Raises ValueError for a tap that was not reached.
        """
        wanted = {tap_to_conv(tap): g for tap, g in gradients.items()}
        names, maps = list(trace.maps), trace.maps
        unknown = [name for name in wanted if name not in maps]
        if unknown:
            raise ValueError(f"there is nothing to go back from at {', '.join(name.replace('conv', 'relu') for name in unknown)}")
        with _plain():
            gradient: Any = None  # of what the convolution made, before ReLU; none above the deepest tap that is asked for
            for name, before in zip(reversed(names), [*reversed(names[:-1]), ""], strict=True):
                self.beat()
                own = wanted.get(name)
                if gradient is None:
                    made = maps.pop(name)
                    if own is None:
                        continue
                    gradient = torch.ops.aten.threshold_backward(_channels_last(own), made, 0)
                if not before:
                    return self._to_picture(gradient, trace.picture)
                made, own = maps.pop(before), wanted.get(before)
                own = None if own is None else _channels_last(own)
                if _opens_block(name):
                    pooled = self._transposed(name, gradient, self._pooled_size(made))
                    total = self._unpool(pooled, made, trace.pooling)
                    total = total if own is None else total.add_(own)
                    gradient = _relu_backward(total, made, 0, grad_input=total)
                else:
                    gradient = self._transposed(name, gradient, made.shape, made, own)
            return torch.zeros(trace.picture, dtype=self.network.mean.dtype, device=self.network.mean.device)

    @property
    def _names(self) -> tuple[str, ...]:
        return tuple(self.network.convs)

    def _deepest(self, taps: Sequence[str]) -> int:
        unknown = [tap for tap in taps if tap_to_conv(tap) not in self._names]
        if unknown:
            raise ValueError(f"this encoder has no {', '.join(unknown)}: it has {', '.join(self.network.config.taps)}")
        return max((self._names.index(tap_to_conv(tap)) for tap in taps), default=-1)

    def _conv(self, name: str) -> nn.Conv2d:
        conv = self.network.convs[name]
        assert isinstance(conv, nn.Conv2d)
        return conv

    def _kernels(self, name: str) -> Tensor:
        """A layer's kernels for tiles."""
        weight = self._conv(name).weight
        version = -1 if weight.is_inference() else weight._version
        key = (weight.data_ptr(), weight.device, weight.dtype, weight.shape, version)
        if name not in self._prepared or self._prepared[name][0] != key:
            self._prepared[name] = key, tile_kernels(weight)
        return self._prepared[name][1]

    def _in_tiles(self, name: str, x: Tensor, shape: Sequence[int]) -> bool:
        """Whether tiles make results of this shape [B, C, H, W] faster."""
        weight = self._conv(name).weight
        if x.device.type != "cpu" or x.dtype != torch.float32 or weight.dtype != torch.float32:
            self._prepared.pop(name, None)  # moved away: nobody needs the copy
            return False
        return tiles_pay(shape[0], shape[2], shape[3], *weight.shape[:2])

    def _convolve(self, name: str, x: Tensor) -> Tensor:
        """ReLU of a convolution of x [B, C, H, W]."""
        conv, reflect = self._conv(name), self.network.config.padding == "reflect"
        x = pad_small(x) if reflect else x
        if not self._in_tiles(name, x, x.shape):
            return _channels_last(conv(x)).relu_()
        made, bias = _like_map(x, (x.shape[0], conv.out_channels, *x.shape[2:])), conv.bias
        rows_of = made.permute(0, 2, 3, 1)

        def finish(block: Tensor, pictures: slice, rows: slice) -> None:
            target = rows_of[pictures, rows]
            (target.copy_(block) if bias is None else torch.add(block, bias, out=target)).clamp_min_(0)

        convolve_tiles(x.permute(0, 2, 3, 1), self._kernels(name), self.network.config.padding, finish)
        return made

    def _transposed(
        self, name: str, gradient: Tensor, shape: Sequence[int], made: Tensor | None = None, own: Tensor | None = None
    ) -> Tensor:
        """From the gradient of a convolution's results to that of its input [B, C, H, W].

        made, own: where the input is a ReLU's result `made`, go on to before that ReLU; `own` is a tap's gradient to be added.
        """
        batch, channels, height, width = shape
        if self.network.config.padding == "reflect":
            height, width = max(2, height), max(2, width)
            whole = self._plain_transposed(name, gradient, (batch, channels, height + 2, width + 2), "full")
            result = _fold_small(_fold_reflected(whole), shape)
        elif made is not None and self._in_tiles(name, gradient, shape):
            return self._masked_tiles(name, gradient, made, own)
        else:
            result = self._plain_transposed(name, gradient, shape, "zeros")
        if made is None:
            return result
        result = result if own is None else result.add_(own)
        target = result if result.is_contiguous(memory_format=torch.channels_last) else torch.empty_like(made)
        return _relu_backward(result, made, 0, grad_input=target)

    def _masked_tiles(self, name: str, gradient: Tensor, made: Tensor, own: Tensor | None) -> Tensor:
        """Gradient, sum and mask in one walk over the map."""
        result = torch.empty_like(made)
        to, mask = result.permute(0, 2, 3, 1), made.permute(0, 2, 3, 1)
        more = None if own is None else own.permute(0, 2, 3, 1)

        def finish(block: Tensor, pictures: slice, rows: slice) -> None:
            total = block if more is None else block.add_(more[pictures, rows])
            _relu_backward(total, mask[pictures, rows], 0, grad_input=to[pictures, rows])

        convolve_tiles(gradient.permute(0, 2, 3, 1), self._kernels(name), "zeros", finish, backward=True)
        return result

    def _plain_transposed(self, name: str, gradient: Tensor, shape: Sequence[int], padding: Padding) -> Tensor:
        """The gradient of a convolution's input; "full": of its padded input."""
        weight = self._conv(name).weight
        if self._in_tiles(name, gradient, shape):
            result = _like_map(gradient, shape)
            to = result.permute(0, 2, 3, 1)

            def finish(block: Tensor, pictures: slice, rows: slice) -> None:
                to[pictures, rows] = block

            convolve_tiles(gradient.permute(0, 2, 3, 1), self._kernels(name), padding, finish, backward=True)
            return result
        return _channels_last(_input_gradient(gradient, weight, shape, 0 if padding == "full" else 1))

    def _pooled_size(self, made: Tensor) -> tuple[int, int, int, int]:
        """[B, C, h, w] of a map behind its pool."""
        (batch, channels, height, width), up = made.shape, int(self._rounds_up(made))
        return batch, channels, (height + up) // 2, (width + up) // 2

    def _rounds_up(self, made: Tensor) -> bool:
        return self.network.config.ceil_pool or min(made.shape[-2:]) < 2

    def _unpool(self, gradient: Tensor, made: Tensor, pooling: str) -> Tensor:
        """The gradient of a map `made` that was pooled. Where its maxima are is looked up again: keeping that takes memory."""
        up = self._rounds_up(made)
        if pooling != "max":
            result = _average_backward(gradient, made, [2, 2], [2, 2], [0, 0], up, True, None)
        else:
            where = _pool_indices(made, [2, 2], [2, 2], [0, 0], [1, 1], up)[1]
            result = _pool_backward(gradient, made, [2, 2], [2, 2], [0, 0], [1, 1], up, where)
        return _channels_last(result)

    def _to_picture(self, gradient: Tensor, shape: Sequence[int]) -> Tensor:
        """Through the first convolution, its padding and the normalization of the picture."""
        network = self.network
        result = _to_few_channels(gradient, self._conv(self._names[0]).weight)
        reflect = network.config.padding == "reflect"
        result = _fold_small(_fold_reflected(result), shape) if reflect else result[:, :, 1:-1, 1:-1]
        if network.config.normalization == "caffe":
            result = result.flip(1)
        return (result if network.config.normalization == "conv0" else result * network.scale).contiguous()


def _opens_block(name: str) -> bool:
    """Whether a pool stands before this convolution."""
    return name.endswith("_1") and name != "conv1_1"


def _channels_last(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last)


def _like_map(x: Tensor, shape: Sequence[int]) -> Tensor:
    return torch.empty(tuple(shape), dtype=x.dtype, device=x.device, memory_format=torch.channels_last)


def _input_gradient(gradient: Tensor, weight: Tensor, shape: Sequence[int], padding: int) -> Tensor:
    """The library's gradient of a 3x3 convolution's input [B, C, H, W]."""
    like = _like_map(gradient, shape)  # only its shape is looked at, nothing is read
    pad, none, one = [padding, padding], [0, 0], [1, 1]
    found = torch.ops.aten.convolution_backward(gradient, like, weight, None, one, pad, one, False, none, 1, [True, False, False])
    return found[0]


def _to_few_channels(gradient: Tensor, weight: Tensor) -> Tensor:
    """The gradient [B, 3, H + 2, W + 2] of the padded picture.

    Three output channels leave most of a vector unit idle, so one matrix product makes all 27 products of a position and a sum
    of shifted planes puts them where they belong.
    """
    batch, outputs, height, width = gradient.shape
    inputs = weight.shape[1]
    result = gradient.new_zeros((batch, inputs, height + 2, width + 2))
    taps = weight.permute(2, 3, 1, 0).reshape(9 * inputs, outputs)
    rows = max(1, NUMBERS_AT_ONCE // (9 * inputs * width))
    for picture, total in zip(gradient.permute(0, 2, 3, 1), result, strict=True):
        for top in range(0, height, rows):
            part = picture[top : top + rows].reshape(-1, outputs)
            planes = (taps @ part.T).view(3, 3, inputs, -1, width)
            for i in range(3):
                for j in range(3):
                    total[:, top + i : top + i + planes.shape[3], j : j + width] += planes[i, j]
    return result


def _fold_reflected(padded: Tensor) -> Tensor:
    """The gradient of x from that of x padded by one by reflection; writes into it."""
    height, width = padded.shape[-2:]
    padded[:, :, 2] += padded[:, :, 0]
    padded[:, :, height - 3] += padded[:, :, height - 1]
    inner = padded[:, :, 1:-1]
    inner[..., 2] += inner[..., 0]
    inner[..., width - 3] += inner[..., width - 1]
    return inner[..., 1:-1]


def _fold_small(gradient: Tensor, shape: Sequence[int]) -> Tensor:
    """Undo `pad_small`, which repeats the only row or column; writes into it."""
    if gradient.shape[-2] > shape[-2]:
        gradient = gradient[..., :1, :].add_(gradient[..., 1:, :])
    if gradient.shape[-1] > shape[-1]:
        gradient = gradient[..., :1].add_(gradient[..., 1:])
    return gradient
