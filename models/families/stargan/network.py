"""StarGAN's generator and discriminator (Choi et al. 2018, arXiv:1711.09020; yunjey/stargan, MIT), published names kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ...canvas.norm import Norm
from ...canvas.whole import Whole


@dataclass(frozen=True)
class StarGANConfig:
    """width: channels of the first layer. labels: numbers in a label vector."""

    width: int
    blocks: int
    labels: int


class ResidualBlock(nn.Module):
    """conv, IN, ReLU, conv, IN, added to what came in; borders are zeros."""

    def __init__(self, width: int) -> None:
        super().__init__()
        first, second = (nn.Conv2d(width, width, 3, padding=1, bias=False) for _ in range(2))
        self.main = nn.ModuleDict({"0": first, "1": Norm(width, affine=True), "3": second, "4": Norm(width, affine=True)})

    def forward(self, canvas: Any, h: Any, strength: float) -> Any:
        first, norm, second, last = self.main.values()
        y = norm(canvas, canvas.conv(h, first, 1), "relu")
        return canvas.add(h, last(canvas, canvas.conv(y, second, 1), "none"), strength)


class Generator(nn.Module):
    """[B, 3, H, W] in -1..1 and labels [B, labels] -> [B, 3, H, W] in -1..1; H and W multiples of 4.

    The files hold running statistics of the instance norms, but the authors never switch to evaluation mode: the picture's own
    are used.
    """

    def __init__(self, config: StarGANConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        parts: dict[str, nn.Module] = {"0": nn.Conv2d(3 + config.labels, width, 7, bias=False), "1": Norm(width, affine=True)}
        for place, channels in ((3, width), (6, 2 * width)):
            parts[str(place)] = nn.Conv2d(channels, 2 * channels, 4, 2, bias=False)
            parts[str(place + 1)] = Norm(2 * channels, affine=True)
        last = 9 + config.blocks
        parts |= {str(9 + i): ResidualBlock(4 * width) for i in range(config.blocks)}
        for place, channels in ((last, 4 * width), (last + 3, 2 * width)):
            parts[str(place)] = nn.ConvTranspose2d(channels, channels // 2, 4, 2, 1, bias=False)
            parts[str(place + 1)] = Norm(channels // 2, affine=True)
        parts[str(last + 6)] = nn.Conv2d(width, 3, 7, bias=False)
        self.main = nn.ModuleDict(parts)

    def paint(self, canvas: Any, h: Any, labels: Tensor, strength: float = 1.0) -> Any:
        """A map of the picture -> a map of the result. strength: of what the residual blocks change."""
        last, main = 9 + self.config.blocks, self.main
        # labels are maps of one value; where borders are zeros that is not the same as a bias
        h = main["1"](canvas, canvas.conv(canvas.with_constants(h, labels), main["0"], 3), "relu")
        for place in (3, 6):
            h = main[str(place + 1)](canvas, canvas.conv(h, main[str(place)], 1), "relu")
        for i in range(self.config.blocks):
            h = main[str(9 + i)](canvas, h, strength)
        for place in (last, last + 3):
            h = main[str(place + 1)](canvas, canvas.transpose(h, main[str(place)]), "relu")
        return canvas.conv(h, main[str(last + 6)], 3, act="tanh")

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        """The authors' forward pass as they run it (never in evaluation mode)."""
        canvas = Whole()
        return canvas.close(self.paint(canvas, canvas.open(x), labels))


@dataclass(frozen=True)
class DiscriminatorConfig:
    """widths: of the strided layers. kernel: side of the last map. labels: numbers in a label vector."""

    widths: tuple[int, ...]
    kernel: int
    labels: int


class Discriminator(nn.Module):
    """[B, 3, side, side] in -1..1 -> how real each patch looks [B, 1, h, w], and label logits [B, labels]."""

    def __init__(self, config: DiscriminatorConfig) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for width in config.widths:
            layers += [nn.Conv2d(channels, width, 4, 2, 1), nn.LeakyReLU(0.01)]
            channels = width
        self.main = nn.Sequential(*layers)
        self.conv1 = nn.Conv2d(channels, 1, 3, 1, 1, bias=False)
        self.conv2 = nn.Conv2d(channels, config.labels, config.kernel, bias=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = self.main(x)
        return self.conv1(h), torch.flatten(self.conv2(h), 1)
