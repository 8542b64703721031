"""U-GAT-IT's generator (Kim et al. 2020, arXiv:1907.10830): znxlwm/UGATIT-pytorch (MIT), and with more biases
taki0112/UGATIT (MIT).

Parameters have the names of the PyTorch code; the TensorFlow file's are renamed to them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...canvas.convolution import Kernel
from ...canvas.norm import Norm
from ...canvas.whole import Whole
from ...ops.normalization import instance_layer_norm


@dataclass(frozen=True)
class UGATITConfig:
    """width: channels of the first layer. size: side the full version is bound to, 0 for the light one. tensorflow: biases
    everywhere, affine instance norms, biased variances, and borders before strided convolutions at the top and left only.
    """

    width: int
    blocks: int
    size: int = 0
    tensorflow: bool = False


@dataclass(frozen=True)
class Drawn:
    """A map of the result, the class activation map's logits [B, 2] (average, maximum) and heat [B, 1, H/4, W/4]."""

    picture: Any
    logits: Tensor
    heat: Tensor


class ResnetBlock(nn.Module):
    """reflect, conv, IN, ReLU, reflect, conv, IN, added to what came in."""

    def __init__(self, width: int, biased: bool) -> None:
        super().__init__()
        conv = partial(nn.Conv2d, width, width, 3, bias=biased)
        norm = partial(Norm, width, affine=biased)
        self.conv_block = nn.ModuleDict({"1": conv(), "2": norm(), "5": conv(), "6": norm()})

    def forward(self, canvas: Any, h: Any) -> Any:
        first, norm, second, last = self.conv_block.values()
        y = norm(canvas, canvas.conv(h, first, 1, "reflect"), "relu")
        return canvas.add(h, last(canvas, canvas.conv(y, second, 1, "reflect"), "none"))


class AdaILN(nn.Module):
    """How much of instance and of layer normalization, by channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.rho = nn.Parameter(torch.full((1, channels, 1, 1), 0.9))


class ILN(AdaILN):
    """The same with gamma and beta of its own."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.gamma = nn.Parameter(torch.ones(1, channels, 1, 1))
        self.beta = nn.Parameter(torch.zeros(1, channels, 1, 1))


class AdaILNBlock(nn.Module):
    """The residual block of the decoder."""

    def __init__(self, width: int, biased: bool) -> None:
        super().__init__()
        self.conv1, self.conv2 = (nn.Conv2d(width, width, 3, bias=biased) for _ in range(2))
        self.norm1, self.norm2 = AdaILN(width), AdaILN(width)
        self.unbiased = not biased

    def forward(self, canvas: Any, h: Any, gamma: Tensor, beta: Tensor, strength: float) -> Any:
        def norm(layer: AdaILN) -> Any:
            return partial(instance_layer_norm, rho=layer.rho.flatten(), gamma=gamma, beta=beta, unbiased=self.unbiased)

        y = canvas.norm(canvas.conv(h, self.conv1, 1, "reflect"), norm(self.norm1), "relu")
        return canvas.add(h, canvas.norm(canvas.conv(y, self.conv2, 1, "reflect"), norm(self.norm2)), strength)


class Generator(nn.Module):
    """[B, 3, H, W] in -1..1 -> the same; H and W multiples of 4, in the full version `size`."""

    def __init__(self, config: UGATITConfig) -> None:
        super().__init__()
        self.config = config
        width, biased = config.width, config.tensorflow
        deep = 4 * width
        norm = partial(Norm, affine=biased)
        down: dict[str, nn.Module] = {"1": nn.Conv2d(3, width, 7, bias=biased), "2": norm(width)}
        for place, channels in ((5, width), (9, 2 * width)):
            down[str(place)] = nn.Conv2d(channels, 2 * channels, 3, stride=2, bias=biased)
            down[str(place + 1)] = norm(2 * channels)
        down |= {str(12 + i): ResnetBlock(deep, biased) for i in range(config.blocks)}
        self.DownBlock = nn.ModuleDict(down)
        self.gap_fc, self.gmp_fc = nn.Linear(deep, 1, bias=biased), nn.Linear(deep, 1, bias=biased)
        self.conv1x1 = nn.Conv2d(2 * deep, deep, 1)
        flat = deep if not config.size else deep * (config.size // 4) ** 2
        self.FC = nn.ModuleDict({"0": nn.Linear(flat, deep, bias=biased), "2": nn.Linear(deep, deep, bias=biased)})
        self.gamma, self.beta = nn.Linear(deep, deep, bias=biased), nn.Linear(deep, deep, bias=biased)
        for i in range(config.blocks):
            setattr(self, f"UpBlock1_{i + 1}", AdaILNBlock(deep, biased))
        up: dict[str, nn.Module] = {}
        for place, channels in ((2, deep), (7, deep // 2)):
            up[str(place)] = nn.Conv2d(channels, channels // 2, 3, bias=biased)
            up[str(place + 1)] = ILN(channels // 2)
        up["11"] = nn.Conv2d(width, 3, 7, bias=biased)
        self.UpBlock2 = nn.ModuleDict(up)

    def attend(self, canvas: Any, h: Any) -> tuple[Any, Tensor]:
        """Features weighted by how much they tell the two domains apart (class activation map), and the two logits [B, 2]."""
        logits = torch.cat([self.gap_fc(canvas.mean(h)), self.gmp_fc(canvas.greatest(h))], dim=1)
        # the TensorFlow code adds the bias to the weights that the map is multiplied with
        average, most = (fc.weight if fc.bias is None else fc.weight + fc.bias for fc in (self.gap_fc, self.gmp_fc))
        mix, half = self.conv1x1.weight, average.shape[1]
        # x times either weight, joined and mixed by 1x1: one 1x1 convolution of x
        joint = mix[:, :half] * average[:, :, None, None] + mix[:, half:] * most[:, :, None, None]
        return canvas.conv(h, Kernel(joint, self.conv1x1.bias), act="relu"), logits

    def style(self, canvas: Any, h: Any) -> tuple[Tensor, Tensor]:
        """gamma and beta of AdaLIN, [B, C], from the attended features."""
        x = canvas.close(h).contiguous().flatten(1) if self.config.size else canvas.mean(h)
        x = F.relu(self.FC["2"](F.relu(self.FC["0"](x))))
        return self.gamma(x), self.beta(x)

    def paint(self, canvas: Any, h: Any, strength: float = 1.0) -> Drawn:
        """A map of the picture -> the result. strength: of what the decoder's residual blocks change."""
        borders = (1, 0, 1, 0) if self.config.tensorflow else 1
        down = self.DownBlock
        h = down["2"](canvas, canvas.conv(h, down["1"], 3, "reflect"), "relu")
        for place in (5, 9):
            h = down[str(place + 1)](canvas, canvas.conv(h, down[str(place)], borders, "reflect"), "relu")
        for i in range(self.config.blocks):
            h = down[str(12 + i)](canvas, h)
        h, logits = self.attend(canvas, h)
        heat = canvas.summed(h)
        gamma, beta = self.style(canvas, h)
        for i in range(self.config.blocks):
            h = getattr(self, f"UpBlock1_{i + 1}")(canvas, h, gamma, beta, strength)
        for place in (2, 7):
            own: ILN = self.UpBlock2[str(place + 1)]  # type: ignore[assignment]
            rho, scale, shift = (v.flatten() for v in (own.rho, own.gamma, own.beta))
            norm = partial(instance_layer_norm, rho=rho, gamma=scale, beta=shift, unbiased=not self.config.tensorflow)
            h = canvas.norm(canvas.doubled_conv(h, self.UpBlock2[str(place)], "reflect"), norm, "relu")
        return Drawn(canvas.conv(h, self.UpBlock2["11"], 3, "reflect", "tanh"), logits, heat)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The authors' (picture, logits, heat map)."""
        canvas = Whole()
        drawn = self.paint(canvas, canvas.open(x))
        return canvas.close(drawn.picture), drawn.logits, drawn.heat
