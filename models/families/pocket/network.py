"""Pocket: the built-in stylizer, small enough to travel with the pack.

One encoder for content and style, four scales; at each scale the content's channel statistics are replaced by
the style's (AdaIN, arXiv:1703.06868); the decoder is modulated by a code computed from the same statistics
(in the spirit of Ghiasi et al. 2017, arXiv:1705.06830, and MicroAST, arXiv:2211.15313). There is no
normalization inside the decoder, so two passes over tiles give the picture of any size exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...ops.adain import adain_map
from ...ops.moments import Moments, measure


@dataclass(frozen=True)
class PocketConfig:
    """Channels at full, half, quarter and eighth size, and the width of the style code's hidden layer."""

    widths: tuple[int, int, int, int] = (32, 64, 128, 192)
    hidden: int = 128


def conv(inputs: int, outputs: int, stride: int = 1) -> nn.Conv2d:
    """3x3 with reflection at the border."""
    return nn.Conv2d(inputs, outputs, 3, stride, padding=1, padding_mode="reflect")


class ResidualBlock(nn.Module):
    """x + conv(relu(conv(x) * (1 + gain) + shift)): the gain and shift, [B, C, 1, 1] or a map, come from the style."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = conv(channels, channels)
        self.conv2 = conv(channels, channels)

    def forward(self, x: Tensor, film: tuple[Tensor, Tensor] | None = None) -> Tensor:
        h = self.conv1(x)
        if film is not None:
            gain, shift = film
            h = torch.addcmul(h + shift, h, gain)
        return x + self.conv2(F.relu(h))


class Encoder(nn.Module):
    """forward(images [B, 3, H, W] in 0..1) -> features at 1/2, 1/4 and 1/8 of the size. H, W: multiples of 8."""

    def __init__(self, config: PocketConfig) -> None:
        super().__init__()
        full, half, quarter, eighth = config.widths
        self.stem = conv(3, full)
        self.down1 = conv(full, half, 2)
        self.down2 = conv(half, quarter, 2)
        self.block2 = ResidualBlock(quarter)
        self.down3 = conv(quarter, eighth, 2)
        self.block3 = ResidualBlock(eighth)

    def forward(self, images: Tensor) -> list[Tensor]:
        x = F.relu(self.stem(images * 2 - 1))
        half = F.relu(self.down1(x))
        quarter = self.block2(F.relu(self.down2(half)))
        eighth = self.block3(F.relu(self.down3(quarter)))
        return [half, quarter, eighth]


class Pocket(nn.Module):
    """forward(content, style) -> picture; the stages are public so that statistics can come from whole pictures.

    `encode` gives the features, `code` the decoder's modulation from the style's moments, `decode` the picture.
    """

    def __init__(self, config: PocketConfig | None = None) -> None:
        super().__init__()
        config = config or PocketConfig()
        self.config = config
        full, half, quarter, eighth = config.widths
        self.encoder = Encoder(config)
        self.film_channels = (eighth, eighth, quarter, half)
        self.code_in = nn.Linear(2 * (half + quarter + eighth), config.hidden)
        self.code_out = nn.Linear(config.hidden, 2 * sum(self.film_channels))
        self.block3a = ResidualBlock(eighth)
        self.block3b = ResidualBlock(eighth)
        self.up2 = conv(eighth, quarter)
        self.skip2 = nn.Conv2d(quarter, quarter, 1)
        self.block2 = ResidualBlock(quarter)
        self.up1 = conv(quarter, half)
        self.skip1 = nn.Conv2d(half, half, 1)
        self.block1 = ResidualBlock(half)
        self.up0 = conv(half, full)
        self.out = conv(full, 3)
        nn.init.zeros_(self.code_out.weight)
        nn.init.zeros_(self.code_out.bias)

    def encode(self, images: Tensor) -> list[Tensor]:
        """Features at half, quarter and eighth size of images [B, 3, H, W] in 0..1."""
        return self.encoder(images)

    def code(self, style: Sequence[Moments]) -> Tensor:
        """The decoder's modulation [B, 2 * sum(film_channels)] from the style's moments at the three scales."""
        statistics = torch.cat([part for m in style for part in (m.mean, m.std())], dim=1)
        return self.code_out(F.relu(self.code_in(statistics.to(self.code_in.weight.dtype))))

    def split(self, code: Tensor) -> list[tuple[Tensor, Tensor]]:
        """[B, K, h, w] or [B, K, 1, 1] -> (gain, shift) of each modulated block."""
        parts = code.split([c for c in self.film_channels for _ in range(2)], dim=1)
        return list(zip(parts[::2], parts[1::2], strict=True))

    def decode(self, features: Sequence[Tensor], film: Sequence[tuple[Tensor, Tensor]]) -> Tensor:
        """Transformed features (half, quarter, eighth) -> picture [B, 3, H, W], not clamped.

        film: (gain, shift) of each block, [B, C, 1, 1] or maps at the size of the deepest features.
        """
        half, quarter, x = features
        x = self.block3b(self.block3a(x, film[0]), film[1])
        x = F.relu(self.up2(upsample(x)) + self.skip2(quarter))
        x = self.block2(x, enlarge(film[2], 2))
        x = F.relu(self.up1(upsample(x)) + self.skip1(half))
        x = self.block1(x, enlarge(film[3], 4))
        x = F.relu(self.up0(upsample(x)))
        return self.out(x) * 0.5 + 0.5

    def forward(self, content: Tensor, style: Tensor) -> Tensor:
        """content, style: [B, 3, H, W] in 0..1 (sides multiples of 8) -> [B, 3, H, W]; the plain formula."""
        features = self.encode(content)
        style_moments = [measure(f.float()) for f in self.encode(style)]
        transformed = [adain_map(measure(f.float()), m)(f) for f, m in zip(features, style_moments, strict=True)]
        return self.decode(transformed, self.split(self.code(style_moments)[:, :, None, None]))


def upsample(x: Tensor) -> Tensor:
    """Nearest neighbor, twice the sides."""
    return F.interpolate(x, scale_factor=2, mode="nearest")


def enlarge(film: tuple[Tensor, Tensor], factor: int) -> tuple[Tensor, Tensor]:
    """Maps of gain and shift at `factor` times the size; those of one point serve any size as they are."""
    gain, shift = film
    if gain.shape[-2:] == (1, 1):
        return film
    return (
        F.interpolate(gain, scale_factor=factor, mode="bilinear", align_corners=False),
        F.interpolate(shift, scale_factor=factor, mode="bilinear", align_corners=False),
    )
