"""CycleGAN's and pix2pix's discriminators: PatchGAN (`basic`, `n_layers`) and PixelGAN (Isola et al. 2017, arXiv:1611.07004)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn


@dataclass(frozen=True)
class PatchConfig:
    """widths: output channels of the convolutions before the last. batch: batch instead of instance normalization."""

    widths: tuple[int, ...]
    inputs: int
    batch: bool


def _norm(channels: int, batch: bool) -> nn.Module:
    return nn.BatchNorm2d(channels) if batch else nn.InstanceNorm2d(channels)


class PatchDiscriminator(nn.Module):
    """[B, inputs, H, W] in -1..1 -> how real each 70x70 patch looks (three strided layers), [B, 1, h, w]."""

    def __init__(self, config: PatchConfig) -> None:
        super().__init__()
        first, *rest = config.widths
        layers: list[nn.Module] = [nn.Conv2d(config.inputs, first, 4, 2, 1), nn.LeakyReLU(0.2)]
        channels = first
        for number, width in enumerate(rest):
            stride = 1 if number == len(rest) - 1 else 2
            layers += [nn.Conv2d(channels, width, 4, stride, 1, bias=not config.batch), _norm(width, config.batch)]
            layers.append(nn.LeakyReLU(0.2))
            channels = width
        layers.append(nn.Conv2d(channels, 1, 4, 1, 1))
        self.model = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)


class PixelDiscriminator(nn.Module):
    """[B, inputs, H, W] in -1..1 -> how real each pixel looks, [B, 1, H, W]."""

    def __init__(self, config: PatchConfig) -> None:
        super().__init__()
        first, second = config.widths
        self.net = nn.Sequential(
            nn.Conv2d(config.inputs, first, 1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(first, second, 1, bias=not config.batch),
            _norm(second, config.batch),
            nn.LeakyReLU(0.2),
            nn.Conv2d(second, 1, 1, bias=not config.batch),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)
