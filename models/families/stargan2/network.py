"""StarGAN v2's networks (Choi et al. 2020, arXiv:1912.01865; clovaai/stargan-v2, CC BY-NC 4.0), published names kept."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...canvas.activation import SLOPE, activate
from ...canvas.convolution import convolve, doubled, pooled_convolve
from ...canvas.norm import Norm
from ...canvas.whole import Whole
from ...ops.normalization import residual_adaptive_instance_norm

HALF_POWER = 2**-0.5  # of each residual sum, so that variance stays 1
MASKED_SIZES = (32, 64, 128)
WIDEST_TIMES_SIDE = 1 << 14  # channels of the first layer times the side of the pictures


@dataclass(frozen=True)
class GeneratorConfig:
    """widths: channels after each encoder block. first: channels of the first layer. style: numbers in a style code.
    highpass: whether details of the picture are added under masks of the face.
    """

    first: int
    widths: tuple[int, ...]
    style: int
    highpass: bool

    @property
    def side(self) -> int:
        """Side of the pictures it was trained on."""
        return WIDEST_TIMES_SIDE // self.first


class ResBlk(nn.Module):
    """Norm, LeakyReLU, conv, halve, norm, LeakyReLU, conv; added to the picture halved and mixed by 1x1."""

    def __init__(self, inputs: int, outputs: int, normalize: bool, halves: bool) -> None:
        super().__init__()
        self.halves = halves
        self.conv1, self.conv2 = nn.Conv2d(inputs, inputs, 3, 1, 1), nn.Conv2d(inputs, outputs, 3, 1, 1)
        self.norm1, self.norm2 = (Norm(inputs, affine=True) if normalize else None for _ in range(2))
        self.conv1x1 = nn.Conv2d(inputs, outputs, 1, bias=False) if inputs != outputs else None

    def forward(self, canvas: Whole, x: Tensor) -> Tensor:
        y = F.leaky_relu(x, SLOPE) if self.norm1 is None else self.norm1(canvas, x.clone(), "leaky")
        canvas.beat()
        y = (pooled_convolve if self.halves else partial(convolve, padding=1))(y, self.conv1.weight, self.conv1.bias)
        y = activate(y, "leaky") if self.norm2 is None else self.norm2(canvas, y, "leaky")
        y = canvas.conv(y, self.conv2, 1)
        # the mean of four pixels mixed by 1x1 is the same as the 1x1 mixtures' mean
        short = F.avg_pool2d(x, 2) if self.halves else x
        if self.conv1x1 is not None:
            short = canvas.conv(short, self.conv1x1)
        return y.add_(short).mul_(HALF_POWER)


class AdaIN(nn.Module):
    """gamma and beta of residual AdaIN from a style code."""

    def __init__(self, style: int, channels: int) -> None:
        super().__init__()
        self.fc = nn.Linear(style, 2 * channels)

    def forward(self, canvas: Whole, x: Tensor, code: Tensor) -> Tensor:
        gamma, beta = self.fc(code).chunk(2, dim=1)
        return canvas.norm(x, partial(residual_adaptive_instance_norm, gamma=gamma, beta=beta), "leaky")


class AdainResBlk(nn.Module):
    """The decoder's block. With the high-pass branch nothing goes around it, although the file has a 1x1 for that."""

    def __init__(self, inputs: int, outputs: int, style: int, doubles: bool, around: bool) -> None:
        super().__init__()
        self.doubles, self.around = doubles, around
        self.conv1, self.conv2 = nn.Conv2d(inputs, outputs, 3, 1, 1), nn.Conv2d(outputs, outputs, 3, 1, 1)
        self.norm1, self.norm2 = AdaIN(style, inputs), AdaIN(style, outputs)
        self.conv1x1 = nn.Conv2d(inputs, outputs, 1, bias=False) if inputs != outputs else None

    def forward(self, canvas: Whole, x: Tensor, code: Tensor) -> Tensor:
        y = self.norm1(canvas, x.clone() if self.around else x, code)
        y = canvas.doubled_conv(y, self.conv1) if self.doubles else canvas.conv(y, self.conv1, 1)
        y = canvas.conv(self.norm2(canvas, y, code), self.conv2, 1)
        if not self.around:
            return y
        short = x if self.conv1x1 is None else canvas.conv(x, self.conv1x1)  # 1x1 before enlarging: the same, four times cheaper
        return y.add_(doubled(short) if self.doubles else short).mul_(HALF_POWER)


class HighPass(nn.Module):
    """What differs from its neighbors: a constant, which the published file leaves out."""

    filter: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("filter", torch.full((3, 3), -1.0))
        self.filter[1, 1] = 8

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.filter.expand(x.shape[1], 1, 3, 3), padding=1, groups=x.shape[1])


@dataclass(frozen=True)
class Content:
    """What the encoder found: the deepest map, and the maps before its blocks by their nominal side, where masks need them."""

    features: Tensor
    details: dict[int, Tensor]


class Generator(nn.Module):
    """Pictures [B, 3, H, W] in -1..1 and style codes [B, style] -> pictures (not bounded); sides multiples of 32."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.config = config
        first, widths = config.first, config.widths
        self.from_rgb = nn.Conv2d(3, first, 3, 1, 1)
        shrinking = len(widths) - 2
        inputs = (first, *widths[:-1])
        self.encode = nn.ModuleList(
            ResBlk(a, b, normalize=True, halves=i < shrinking) for i, (a, b) in enumerate(zip(inputs, widths, strict=True))
        )
        blocks = [
            AdainResBlk(b, a, config.style, doubles=i < shrinking, around=not config.highpass)
            for i, (a, b) in enumerate(zip(inputs, widths, strict=True))
        ]
        self.decode = nn.ModuleList(blocks[::-1])
        self.to_rgb = nn.ModuleDict({"0": Norm(first, affine=True), "2": nn.Conv2d(first, 3, 1)})
        if config.highpass:
            self.hpf = HighPass()

    def content(self, canvas: Whole, h: Tensor, masked: bool) -> Content:
        """Encode a picture's map. masked: keep what masks are laid on."""
        h = canvas.conv(h, self.from_rgb, 1)
        details, side = {}, self.config.side
        for block in self.encode:
            if masked and side in MASKED_SIZES:
                details[side] = h
            h = block(canvas, h)
            side = side // 2 if block.halves else side
        return Content(h, details)

    def render(self, canvas: Whole, content: Content, code: Tensor, masks: tuple[Tensor, Tensor] | None) -> Tensor:
        """The picture from a content and codes. masks: [B, 1, h, w] for side 32, and for 64 and 128."""
        batch = max(content.features.shape[0], code.shape[0])
        h = canvas.fresh(content.features, batch)
        side = self.config.side >> (len(self.encode) - 2)
        for block in self.decode:
            h = block(canvas, h, code)
            side = side * 2 if block.doubles else side
            if masks is not None and side in content.details:
                mask = F.interpolate(masks[0] if side == MASKED_SIZES[0] else masks[1], tuple(h.shape[2:]), mode="bilinear")
                h = h.add_(self.hpf(mask * content.details[side]))
        return canvas.conv(self.to_rgb["0"](canvas, h, "leaky"), self.to_rgb["2"])  # type: ignore[arg-type]

    def forward(self, x: Tensor, s: Tensor, masks: tuple[Tensor, Tensor] | None = None) -> Tensor:
        """The authors' forward pass."""
        canvas = Whole()
        return self.render(canvas, self.content(canvas, canvas.open(x), masks is not None), s, masks)


class MappingNetwork(nn.Module):
    """Latents [B, latent] and domains [B] -> style codes [B, style]."""

    def __init__(self, latent: int, style: int, domains: int, width: int, depths: tuple[int, int] = (4, 4)) -> None:
        super().__init__()
        self.shared = _perceptron([latent] + [width] * depths[0], active_end=True)
        self.unshared = nn.ModuleList(_perceptron([width] * depths[1] + [style], active_end=False) for _ in range(domains))

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        h = self.shared(z)
        return _of_domain(torch.stack([branch(h) for branch in self.unshared], dim=1), y)


class StyleEncoder(nn.Module):
    """Pictures [B, 3, side, side] in -1..1 and domains [B] -> style codes [B, style]."""

    def __init__(self, first: int, widths: tuple[int, ...], style: int, domains: int) -> None:
        super().__init__()
        inputs = (first, *widths[:-1])
        blocks = [ResBlk(a, b, normalize=False, halves=True) for a, b in zip(inputs, widths, strict=True)]
        parts = {"0": nn.Conv2d(3, first, 3, 1, 1), **{str(i + 1): block for i, block in enumerate(blocks)}}
        parts[str(len(blocks) + 2)] = nn.Conv2d(widths[-1], widths[-1], 4)
        self.shared = nn.ModuleDict(parts)
        self.unshared = nn.ModuleList(nn.Linear(widths[-1], style) for _ in range(domains))

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        canvas = Whole()
        first, *blocks, last = self.shared.values()
        h = canvas.conv(canvas.open(x), first, 1)  # type: ignore[arg-type]
        for block in blocks:
            h = block(canvas, h)
        h = F.leaky_relu(F.conv2d(F.leaky_relu(h, SLOPE), last.weight, last.bias), SLOPE).flatten(1)  # type: ignore[arg-type]
        return _of_domain(torch.stack([branch(h) for branch in self.unshared], dim=1), y)


def _perceptron(widths: list[int], active_end: bool) -> nn.Sequential:
    layers: list[nn.Module] = []
    for a, b in pairwise(widths):
        layers += [nn.Linear(a, b), nn.ReLU()]
    return nn.Sequential(*(layers if active_end else layers[:-1]))


def _of_domain(every: Tensor, domains: Tensor) -> Tensor:
    """[B, domains, style] -> the row of each one's domain, [B, style]."""
    return every[torch.arange(len(domains), device=domains.device), domains]
