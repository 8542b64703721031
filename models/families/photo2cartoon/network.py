"""photo2cartoon's generator (minivision-ai/photo2cartoon, MIT): U-GAT-IT with hourglasses and Soft-AdaLIN, published names
kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...canvas.convolution import doubled
from ...canvas.norm import Norm
from ...canvas.whole import Whole
from ...ops.normalization import instance_layer_norm
from ..ugatit.network import ILN, AdaILN, Drawn, ResnetBlock


@dataclass(frozen=True)
class CartoonConfig:
    """width: channels of the first layer, 32 in the published file. size: side a full version is bound to, 0 for the light
    one.
    """

    width: int = 32
    size: int = 0


class ConvBlock(nn.Module):
    """Three convolutions in a row, each also an output: half, a quarter and a quarter of the channels, added to what came in."""

    def __init__(self, width: int) -> None:
        super().__init__()
        half, quarter = width // 2, width // 4
        self.ConvBlock1 = nn.ModuleDict({"3": nn.Conv2d(width, half, 3, bias=False)})
        self.ConvBlock2 = nn.ModuleDict({"3": nn.Conv2d(half, quarter, 3, bias=False)})
        self.ConvBlock3 = nn.ModuleDict({"3": nn.Conv2d(quarter, quarter, 3, bias=False)})

    def forward(self, canvas: Whole, x: Tensor) -> Tensor:
        made, y = [], x
        for layer in (self.ConvBlock1, self.ConvBlock2, self.ConvBlock3):
            normed = Norm.of_nothing(canvas, y.clone(), "relu")
            y = canvas.conv(normed, layer["3"], 1, "reflect")  # type: ignore[arg-type]
            made.append(y)
        return torch.cat(made, dim=1).add_(x)


class HourGlassBlock(nn.Module):
    """Four times half the size and back, with a way across at each size (Newell, Yang and Deng 2016, arXiv:1603.06937)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        for level in range(1, 5):
            for side in (1, 2):
                setattr(self, f"ConvBlock{level}_{side}", ConvBlock(width))
        for number in range(5, 10):
            setattr(self, f"ConvBlock{number}", ConvBlock(width))

    def block(self, name: str) -> ConvBlock:
        """ConvBlock<name>."""
        return getattr(self, f"ConvBlock{name}")

    def forward(self, canvas: Whole, x: Tensor) -> Tensor:
        across = []
        for level in range(1, 5):
            across.append(self.block(f"{level}_1")(canvas, x))
            x = self.block(f"{level}_2")(canvas, F.avg_pool2d(x, 2))
        x = self.block("5")(canvas, x)
        for number in range(6, 10):
            x = across.pop().add_(doubled(self.block(str(number))(canvas, x)))
        return x


class HourGlass(nn.Module):
    """An hourglass, and what it makes of three channels; `adds` it all to what came in, else gives the three channels."""

    def __init__(self, width: int, adds: bool = True) -> None:
        super().__init__()
        self.HG = nn.ModuleDict({"0": HourGlassBlock(width), "1": ConvBlock(width), "2": nn.Conv2d(width, width, 1, bias=False)})
        self.Conv1 = nn.Conv2d(width, 3, 1)
        if adds:
            self.Conv2, self.Conv3 = nn.Conv2d(width, width, 1), nn.Conv2d(3, width, 1)
        self.adds = adds

    def forward(self, canvas: Whole, x: Tensor) -> Tensor:
        y = self.HG["1"](canvas, self.HG["0"](canvas, x))
        y = Norm.of_nothing(canvas, canvas.conv(y, self.HG["2"]), "relu")  # type: ignore[arg-type]
        three = canvas.conv(y, self.Conv1)
        if not self.adds:
            return three
        return canvas.conv(y, self.Conv2).add_(canvas.conv(three, self.Conv3)).add_(x)


class SoftAdaLIN(nn.Module):
    """AdaLIN whose gamma and beta are a learned mixture of those from the content's and from the style's averages."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = AdaILN(width)
        self.w_gamma, self.w_beta = (nn.Parameter(torch.zeros(1, width)) for _ in range(2))
        self.c_gamma, self.c_beta = (nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width)) for _ in range(2))
        self.s_gamma, self.s_beta = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, canvas: Whole, h: Tensor, content: Tensor, style: Tensor, active: bool) -> Tensor:
        gamma = torch.lerp(self.s_gamma(style), self.c_gamma(content), self.w_gamma)
        beta = torch.lerp(self.s_beta(style), self.c_beta(content), self.w_beta)
        norm = partial(instance_layer_norm, rho=self.norm.rho.flatten(), gamma=gamma, beta=beta)
        return canvas.norm(h, norm, "relu" if active else "none")


class SoftAdaLINBlock(nn.Module):
    """The residual block of the decoder."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = (nn.Conv2d(width, width, 3, bias=False) for _ in range(2))
        self.norm1, self.norm2 = SoftAdaLIN(width), SoftAdaLIN(width)

    def forward(self, canvas: Whole, h: Tensor, content: Tensor, style: Tensor, strength: float) -> Tensor:
        y = self.norm1(canvas, canvas.conv(h, self.conv1, 1, "reflect"), content, style, True)
        return canvas.add(h, self.norm2(canvas, canvas.conv(y, self.conv2, 1, "reflect"), content, style, False), strength)


class Generator(nn.Module):
    """[B, 3, H, W] in -1..1 -> the same; H and W multiples of 16, at least 32."""

    def __init__(self, config: CartoonConfig = CartoonConfig()) -> None:
        super().__init__()
        self.config = config
        w, deep = config.width, 4 * config.width
        self.ConvBlock1 = nn.ModuleDict({"1": nn.Conv2d(3, w, 7, bias=False)})
        self.HourGlass1, self.HourGlass2, self.HourGlass3 = HourGlass(w), HourGlass(w), HourGlass(w)
        self.HourGlass4 = HourGlass(w, adds=False)
        self.DownBlock1 = nn.ModuleDict({"1": nn.Conv2d(w, 2 * w, 3, stride=2, bias=False)})
        self.DownBlock2 = nn.ModuleDict({"1": nn.Conv2d(2 * w, deep, 3, stride=2, bias=False)})
        for i in range(1, 5):
            setattr(self, f"EncodeBlock{i}", ResnetBlock(deep, biased=False))
            setattr(self, f"DecodeBlock{i}", SoftAdaLINBlock(deep))
        self.gap_fc, self.gmp_fc = nn.Linear(deep, 1), nn.Linear(deep, 1)
        self.conv1x1 = nn.Conv2d(2 * deep, deep, 1)
        flat = deep if not config.size else deep * (config.size // 4) ** 2
        self.FC = nn.Sequential(nn.Linear(flat, deep), nn.ReLU(), nn.Linear(deep, deep), nn.ReLU())
        self.UpBlock1 = nn.ModuleDict({"2": nn.Conv2d(deep, 2 * w, 3, bias=False), "3": ILN(2 * w)})
        self.UpBlock2 = nn.ModuleDict({"2": nn.Conv2d(2 * w, w, 3, bias=False), "3": ILN(w)})
        self.ConvBlock2 = nn.ModuleDict({"1": nn.Conv2d(3, 3, 7, bias=False)})

    def attend(self, canvas: Whole, h: Tensor) -> tuple[Tensor, Tensor]:
        """Features weighted by the class activation map, and its two logits [B, 2]."""
        logits = torch.cat([self.gap_fc(canvas.mean(h)), self.gmp_fc(canvas.greatest(h))], dim=1)
        both = torch.cat([h * self.gap_fc.weight[:, :, None, None], h * self.gmp_fc.weight[:, :, None, None]], dim=1)
        return canvas.conv(both, self.conv1x1, act="relu"), logits

    def paint(self, canvas: Whole, h: Tensor, strength: float = 1.0) -> Drawn:
        """A map of the picture -> the result. strength: of what the decoder's residual blocks change."""
        h = Norm.of_nothing(canvas, canvas.conv(h, self.ConvBlock1["1"], 3, "reflect"), "relu")  # type: ignore[arg-type]
        h = self.HourGlass2(canvas, self.HourGlass1(canvas, h))
        for down in (self.DownBlock1, self.DownBlock2):
            h = Norm.of_nothing(canvas, canvas.conv(h, down["1"], 1, "reflect"), "relu")  # type: ignore[arg-type]
        contents = []
        for i in range(1, 5):
            h = getattr(self, f"EncodeBlock{i}")(canvas, h)
            contents.append(canvas.mean(h))
        h, logits = self.attend(canvas, h)
        heat = canvas.summed(h)
        style = self.FC(h.contiguous().flatten(1) if self.config.size else canvas.mean(h))
        for i in range(1, 5):
            h = getattr(self, f"DecodeBlock{i}")(canvas, h, contents.pop(), style, strength)
        for up in (self.UpBlock1, self.UpBlock2):
            own: ILN = up["3"]  # type: ignore[assignment]
            rho, gamma, beta = (v.flatten() for v in (own.rho, own.gamma, own.beta))
            norm = partial(instance_layer_norm, rho=rho, gamma=gamma, beta=beta)
            h = canvas.norm(canvas.doubled_conv(h, up["2"], "reflect"), norm, "relu")  # type: ignore[arg-type]
        h = self.HourGlass4(canvas, self.HourGlass3(canvas, h))
        return Drawn(canvas.conv(h, self.ConvBlock2["1"], 3, "reflect", "tanh"), logits, heat)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The authors' (picture, logits, heat map)."""
        canvas = Whole()
        drawn = self.paint(canvas, canvas.open(x))
        return canvas.close(drawn.picture), drawn.logits, drawn.heat
