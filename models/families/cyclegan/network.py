"""The ResNet generator of CycleGAN (Zhu et al. 2017, arXiv:1703.10593; junyanz/pytorch-CycleGAN-and-pix2pix, BSD).

Its parameters have their published names: places in an nn.Sequential.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import Tensor, nn

from ...canvas.norm import Norm
from ...canvas.whole import Whole


@dataclass(frozen=True)
class ResnetConfig:
    """width: channels of the first layer. batch: batch instead of instance normalization. affine: instance norms with weights.
    biased: convolutions before a normalization have a bias. dropout: in the residual blocks.
    """

    width: int
    blocks: int
    inputs: int = 3
    outputs: int = 3
    batch: bool = False
    affine: bool = False
    biased: bool = True
    dropout: bool = False


class ResnetBlock(nn.Module):
    """reflect, conv, norm, ReLU, (dropout), reflect, conv, norm, added to what came in."""

    def __init__(self, config: ResnetConfig) -> None:
        super().__init__()
        width = 4 * config.width
        second = 6 if config.dropout else 5  # dropout has a place, and is still when the network is used
        norm = partial(Norm, width, config.batch, config.affine)
        self.conv_block = nn.ModuleDict(
            {
                "1": nn.Conv2d(width, width, 3, bias=config.biased),
                "2": norm(),
                str(second): nn.Conv2d(width, width, 3, bias=config.biased),
                str(second + 1): norm(),
            }
        )

    def forward(self, canvas: Any, h: Any, strength: float) -> Any:
        """The map with strength times what the block adds."""
        first, norm, second, last = self.conv_block.values()
        y = norm(canvas, canvas.conv(h, first, 1, "reflect"), "relu")
        return canvas.add(h, last(canvas, canvas.conv(y, second, 1, "reflect"), "none"), strength)


class ResnetGenerator(nn.Module):
    """[B, inputs, H, W] in -1..1 -> [B, outputs, H, W] in -1..1; H and W rounded up to multiples of 4."""

    def __init__(self, config: ResnetConfig) -> None:
        super().__init__()
        self.config = config
        width, last = config.width, 10 + config.blocks
        norm = partial(Norm, batch=config.batch, affine=config.affine)
        parts: dict[str, nn.Module] = {"1": nn.Conv2d(config.inputs, width, 7, bias=config.biased), "2": norm(width)}
        for place, channels in ((4, width), (7, 2 * width)):
            parts[str(place)] = nn.Conv2d(channels, 2 * channels, 3, stride=2, bias=config.biased)
            parts[str(place + 1)] = norm(2 * channels)
        parts |= {str(place): ResnetBlock(config) for place in range(10, last)}
        for place, channels in ((last, 4 * width), (last + 3, 2 * width)):
            parts[str(place)] = nn.ConvTranspose2d(channels, channels // 2, 3, 2, 1, 1, bias=config.biased)
            parts[str(place + 1)] = norm(channels // 2)
        parts[str(last + 7)] = nn.Conv2d(width, config.outputs, 7)
        self.model = nn.ModuleDict(parts)

    def paint(self, canvas: Any, h: Any, strength: float = 1.0) -> Any:
        """A map of the picture -> a map of the result. strength: of what the residual blocks change."""
        names = list(self.model)
        convs = [name for name in names if isinstance(self.model[name], (nn.Conv2d, nn.ConvTranspose2d))]
        for number, name in enumerate(convs[:3]):
            h = canvas.conv(h, self.model[name], *((3, "reflect") if number == 0 else (1, "zeros")))
            h = self.model[str(int(name) + 1)](canvas, h, "relu")
        for block in self.model.values():
            if isinstance(block, ResnetBlock):
                h = block(canvas, h, strength)
        for name in convs[3:-1]:
            h = self.model[str(int(name) + 1)](canvas, canvas.transpose(h, self.model[name]), "relu")
        return canvas.conv(h, self.model[convs[-1]], 3, "reflect", "tanh")

    def forward(self, x: Tensor) -> Tensor:
        """The authors' forward pass in evaluation mode."""
        canvas = Whole()
        return canvas.close(self.paint(canvas, canvas.open(x)))
