"""CAP-VSTNet's reversible network (Wen, Gao and Zou 2023, arXiv:2303.17867; linfengWen98/CAP-VSTNet, MIT), published names.

A picture is carried as two halves of its channels. Every block adds a function of one half to the other and exchanges them, so it
is undone by taking the same away, and nothing is lost on the way to the features and back.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...canvas.beat import Beat
from ...ops.masks import at_size
from ...ops.winograd import STEP, winograd, winograd_taps

RGB = 3
KERNEL = 3
CONVS = (1, 4, 7)  # places of a block's convolutions
STRIP = 1 << 15  # positions that are worked at once: a few channels of them stay in the cache through a block's convolutions
LEAST_ROWS = 32  # fewer would be made with too many rows around them
WIDE = 64  # channels from which Winograd's form pays here

Halves = list[Tensor]  # two, [1, C, h, w] each, channels-last; what is done to them is done in place


@dataclass(frozen=True)
class BlockConfig:
    """width: channels of a half. middle: channels inside. stride: 2 where sides are halved."""

    width: int
    middle: int
    stride: int = 1


@dataclass(frozen=True)
class RevConfig:
    """blocks: of the stack. reductions: of the channel reduction, which keeps the size.

    spread: how often the features' channels are spread over 2x2 positions: twice in photorealistic files, once in artistic ones,
    whose tensors are alike.
    """

    blocks: tuple[BlockConfig, ...]
    reductions: tuple[BlockConfig, ...]
    spread: int

    @property
    def channels(self) -> int:
        """Of the features: 32 in photorealistic files, 128 in artistic ones."""
        return 2 * self.blocks[-1].width // 4**self.spread


def squeeze(x: Tensor) -> Tensor:
    """[B, C, H, W] -> [B, 4 C, H / 2, W / 2]: the place among 2x2 is the slow part of a channel's number, row first."""
    batch, channels, height, width = x.shape
    parts = x.permute(0, 2, 3, 1).reshape(batch, height // 2, 2, width // 2, 2, channels).transpose(2, 3)
    return parts.reshape(batch, height // 2, width // 2, 4 * channels).permute(0, 3, 1, 2)


def unsqueeze(x: Tensor) -> Tensor:
    """The inverse of `squeeze`."""
    batch, channels, height, width = x.shape
    parts = x.permute(0, 2, 3, 1).reshape(batch, height, width, 2, 2, channels // 4).transpose(2, 3)
    return parts.reshape(batch, 2 * height, 2 * width, channels // 4).permute(0, 3, 1, 2)


class Block(nn.Module):
    """(x1, x2) -> (x2, x1 + F(x2)), F three 3x3 convolutions under reflection padding. Stride 2 squeezes both halves."""

    def __init__(self, config: BlockConfig) -> None:
        super().__init__()
        self.stride = config.stride
        inputs = config.width if config.stride == 1 else config.width // 4
        ends = ((inputs, config.middle), (config.middle, config.middle), (config.middle, config.width))
        strides = (config.stride, 1, 1)
        self.conv = nn.ModuleDict(
            {str(place): nn.Conv2d(*end, KERNEL, stride) for place, end, stride in zip(CONVS, ends, strides, strict=True)}
        )

    def forward(self, halves: Halves, beat: Beat) -> None:
        """The block."""
        if self.stride == 2:
            halves[0] = squeeze(halves[0])
        self.add_change(halves[0], halves[1], 1, beat)
        if self.stride == 2:
            halves[1] = squeeze(halves[1])
        halves.reverse()

    def inverse(self, halves: Halves, beat: Beat) -> None:
        """The block undone."""
        halves.reverse()
        if self.stride == 2:
            halves[1] = unsqueeze(halves[1])
        self.add_change(halves[0], halves[1], -1, beat)
        if self.stride == 2:
            halves[0] = unsqueeze(halves[0])

    def add_change(self, target: Tensor, source: Tensor, sign: int, beat: Beat) -> None:
        """target += sign * F(source), strip by strip."""
        beat()
        layers = [Layer(conv, source) for conv in self.conv.values()]  # type: ignore[arg-type]
        height = target.shape[2]
        rows = max(LEAST_ROWS, STRIP // target.shape[3])
        for top in range(0, height, rows):
            beat.look()
            bottom = min(top + rows, height)
            # what is there to read, from row `first` on; each layer makes as many rows around the strip as the next one reads
            x, first, whole = source, 0, source.shape[2]
            for number, layer in enumerate(layers):
                more = len(layers) - 1 - number
                lead, trail = max(top - more, 0), min(bottom + more, height)
                x = layer(x if number == 0 else x.relu_(), first, whole, lead, trail)
                first, whole = lead, height
            target[:, :, top:bottom].add_(x, alpha=sign)


class Layer:
    """A convolution under reflection padding, row by row; of many channels on a processor in Winograd's form."""

    def __init__(self, conv: nn.Conv2d, source: Tensor) -> None:
        self.weight, self.bias, self.stride = conv.weight, conv.bias, conv.stride[0]
        wide = min(self.weight.shape[:2]) >= WIDE and self.stride == 1
        fits = source.device.type == "cpu" and source.dtype == torch.float32
        self.taps = winograd_taps(self.weight) if wide and fits else None

    def __call__(self, x: Tensor, first: int, whole: int, lead: int, trail: int) -> Tensor:
        """Rows lead to trail of the result. x: rows of its source from `first` on, of `whole` in all."""
        start, stop = self.stride * lead - 1, self.stride * (trail - 1) + 2
        read = x[:, :, max(start, 0) - first : min(stop, whole) - first]
        padded = F.pad(read, (1, 1, max(-start, 0), max(stop - whole, 0)), mode="reflect")
        if self.taps is None:
            return F.conv2d(padded, self.weight, self.bias, self.stride)
        columns = x.shape[3]
        if columns % STEP:  # more than are wanted, as many as it takes
            padded = F.pad(padded, (0, -columns % STEP))
        return winograd(padded, self.taps, self.bias)[..., :columns]


class Reduction(nn.Module):
    """The blocks after the stack."""

    def __init__(self, config: RevConfig) -> None:
        super().__init__()
        self.block_list = nn.ModuleList(map(Block, config.reductions))


class RevResNet(nn.Module):
    """[1, 3, H, W], sides multiples of 4 -> features as two halves, and back. Both directions work in place."""

    def __init__(self, config: RevConfig) -> None:
        super().__init__()
        self.config = config
        self.stack = nn.ModuleList(map(Block, config.blocks))
        self.channel_reduction = Reduction(config)

    @property
    def blocks(self) -> list[Block]:
        """All blocks in order."""
        return [*self.stack, *self.channel_reduction.block_list]  # type: ignore[list-item]

    def encode(self, picture: Tensor, beat: Beat) -> Halves:
        """The picture, with channels of zeros beside its own, through all blocks."""
        shape = (1, self.config.blocks[0].width, *picture.shape[2:])
        halves = [picture.new_zeros(shape).contiguous(memory_format=torch.channels_last) for _ in range(2)]
        halves[0][:, : picture.shape[1]] = picture
        for block in self.blocks:
            block(halves, beat)
        return halves

    def decode(self, halves: Halves, beat: Beat) -> Tensor:
        """Features back into a picture [1, 3, H, W], not clamped; what the other channels then hold is not looked at."""
        for block in reversed(self.blocks):
            block.inverse(halves, beat)
        return halves[0][:, :RGB]

    def rows(self, halves: Halves) -> list[Tensor]:
        """The features, spread over more positions, as views [N, C]: which position a row is does not matter to statistics, and
        `rows_of_mask` has masks in the same order.
        """
        return [x.permute(0, 2, 3, 1).reshape(-1, self.config.channels) for x in halves]

    def rows_of_mask(self, mask: Tensor, halves: Halves) -> list[Tensor]:
        """A mask [1, 1, H, W] at every position of `rows`, [N] each."""
        height, width = halves[0].shape[2:]
        side = 2**self.config.spread
        spread = at_size(mask, side * height, side * width)
        for _ in range(self.config.spread):
            spread = squeeze(spread)
        return [half.permute(0, 2, 3, 1).flatten() for half in spread.chunk(2, dim=1)]
