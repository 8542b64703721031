"""StyleFormer (Wu et al., ICCV 2021; Wxl-stars/PytorchStyleFormer): style as a bank of affine maps that content looks up.

From a style's features come, at every position of a coarse grid and for some bins of brightness, the coefficients of maps
Y = A Z + b of groups of 16 channels: A is the stroke, b the background. Content positions find theirs by attention, and slice
them out of the grid by a guide as in bilateral grids (Gharbi et al. 2017). Parameters have their published names.

As the networks were trained, and other than in the paper: of a group's 272 coefficients (16 rows of A with a b each) the authors'
code reads the first 32, for each channel one factor of the sum of Z's channels, and one b. The others are not computed here.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...decoders.inverse_vgg import InverseVGG, InverseVGGConfig
from ...encoders.vgg import VGG, VGGConfig

GROUP = 16  # channels that a map takes and gives
COEFFICIENTS = GROUP * (GROUP + 1)  # that the network has for a group
READ = 2 * GROUP  # that are used: for each channel a factor, then a b
# mirrored convolution -> its place in the published decoder
DECODER = {
    "conv3_4": 1,
    "conv3_3": 4,
    "conv3_2": 7,
    "conv3_1": 10,
    "conv2_2": 14,
    "conv2_1": 17,
    "conv1_2": 21,
    "conv1_1": 24,
}
# convolution -> its place in torchvision's VGG-16
ENCODER = {"conv1_1": 0, "conv1_2": 2, "conv2_1": 5, "conv2_2": 7, "conv3_1": 10}


@dataclass(frozen=True)
class StyleFormerConfig:
    """channels: of the features. luma: bins of brightness. splats: how often the style's features are halved. hidden: width of
    the local features. widths: outputs of the decoder's convolutions. encoder: those of VGG-16's first five, () where it is not
    there. Published 256, 4, 2, 128.
    """

    channels: int
    luma: int
    splats: int
    hidden: int
    widths: tuple[int, ...]
    encoder: tuple[int, ...] = ()

    @property
    def groups(self) -> int:
        """Groups of 16 channels."""
        return self.channels // GROUP


@dataclass(frozen=True)
class Bank:
    """A style: keys [G, 16, P] and coefficients [G, 32 * luma, P] at the P positions of its grid, and by how much each position
    counts, where [P], added to the attention's exponents.
    """

    keys: Tensor
    coefficients: Tensor
    where: Tensor


class ConvBlock(nn.Module):
    """Reflection and a convolution."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 3, stride: int = 1, bias: bool = True) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=bias, padding_mode="reflect")

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


class Coefficients(nn.Module):
    """Style features [B, C, h, w] -> the grid of coefficients [B * G, 272 * luma, h / 4, w / 4]."""

    def __init__(self, config: StyleFormerConfig) -> None:
        super().__init__()
        channels, hidden = config.channels, config.hidden
        self.splat_features = nn.ModuleList(ConvBlock(channels, channels, stride=2) for _ in range(config.splats))
        self.local_features = nn.ModuleList([ConvBlock(channels, hidden), ConvBlock(hidden, hidden, bias=False)])
        self.conv_out = ConvBlock(hidden, config.groups * config.luma * COEFFICIENTS, 1)
        self.groups = config.groups

    def forward(self, style: Tensor) -> Tensor:
        x = style
        for layer in self.splat_features:
            x = layer(x).relu()
        first, second = self.local_features
        x = self.conv_out(second(first(x).relu()).relu())
        return x.reshape(len(style) * self.groups, -1, *x.shape[2:])


class Attention(nn.Module):
    """Keys of content and style, and a last convolution over the grid."""

    def __init__(self, config: StyleFormerConfig) -> None:
        super().__init__()
        self.convc1, self.convc2 = ConvBlock(GROUP, GROUP, stride=2), ConvBlock(GROUP, GROUP, stride=2)
        self.convs1, self.convs2 = ConvBlock(GROUP, GROUP, stride=2), ConvBlock(GROUP, GROUP, stride=2)
        self.convsr = ConvBlock(config.luma * COEFFICIENTS, config.luma * COEFFICIENTS)
        self.read = config.luma * READ

    def content(self, z: Tensor) -> Tensor:
        """Normalized groups [G, 16, h, w] -> keys [G, 16, h / 4, w / 4]."""
        return self.convc2(self.convc1(z).relu())

    def style(self, z: Tensor) -> Tensor:
        """Likewise for the style."""
        return self.convs2(self.convs1(z).relu())

    def coefficients(self, grid: Tensor) -> Tensor:
        """The coefficients that are read [G, 32 * luma, h, w], of the whole grid [G, 272 * luma, h, w]."""
        conv = self.convsr.conv
        assert conv.bias is not None
        return F.conv2d(F.pad(grid, (1, 1, 1, 1), "reflect"), conv.weight[: self.read], conv.bias[: self.read])


class Guide(nn.Module):
    """Normalized groups [G, 16, h, w] -> where in the bins of brightness they are, [G, 1, h, w] in 0..1."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = ConvBlock(GROUP, 4, 1), ConvBlock(4, 1, 1)

    def forward(self, z: Tensor) -> Tensor:
        return self.conv2(self.conv1(z).relu()).sigmoid()


class StyleFormer(nn.Module):
    """The style transformer, between the features of an encoder and a decoder (VGG-16 relu3_1; published as `a`)."""

    def __init__(self, config: StyleFormerConfig) -> None:
        super().__init__()
        self.config = config
        self.coeffs, self.att, self.guide = Coefficients(config), Attention(config), Guide()
        self.fcc, self.fcs = (nn.Conv2d(config.channels, config.channels, 1) for _ in range(2))

    def bank(self, style: Tensor, mask: Tensor | None = None) -> Bank:
        """The style of features [1, C, h, w]. mask: by how much each position of the grid counts, [h / 4, w / 4] in 0..1."""
        keys = self.att.style(self._normalized(self.fcs(style)))
        coefficients = self.att.coefficients(self.coeffs(style))
        where = keys.new_zeros(keys.shape[2:]) if mask is None else mask.log().clamp_min(-1e9)
        return Bank(keys.flatten(2), coefficients.flatten(2), where.flatten())

    def content(self, features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Features [1, C, h, w] -> Z [G, 16, h, w], its keys [G, 16, h / 4, w / 4], and its guide [G, 1, h, w]."""
        z = self._normalized(self.fcc(features))
        return z, self.att.content(z), self.guide(z)

    def look_up(self, keys: Tensor, bank: Bank, group: int) -> Tensor:
        """The style's coefficients for each of the content's keys, [32 * luma, h, w], of one group."""
        query = keys[group].flatten(1).T[None, None]
        key, value = (x[group].T[None, None] for x in (bank.keys, bank.coefficients))
        mask = bank.where[None, None, None].expand(1, 1, query.shape[2], -1)
        found = F.scaled_dot_product_attention(query, key, value, mask, scale=1.0)
        return found[0, 0].T.contiguous().view(-1, *keys.shape[2:])

    def apply(self, z: Tensor, coefficients: Tensor, guide: Tensor) -> Tensor:
        """A Z + b of one group: z [16, h, w], coefficients [32 * luma, h / 4, w / 4], guide [1, h, w] -> [16, h, w].

        As published the guide is not stretched to -1..1, so that of the bins of brightness the upper half is looked at.
        """
        height, width = z.shape[1:]
        rows, columns = (torch.linspace(-1, 1, n, device=z.device, dtype=z.dtype) for n in (height, width))
        places = torch.stack([columns.expand(height, -1), rows[:, None].expand(-1, width), guide[0]], dim=-1)
        grid = coefficients.view(1, READ, self.config.luma, *coefficients.shape[1:])
        found = F.grid_sample(grid, places[None, None], padding_mode="reflection", align_corners=True)[0, :, 0]
        return torch.addcmul(found[1::2], found[0::2], z.sum(0))

    def _normalized(self, x: Tensor) -> Tensor:
        return F.group_norm(x, self.config.groups).reshape(-1, GROUP, *x.shape[2:])


class StyleFormerNetworks(nn.Module):
    """The transformer `a` and the decoder `b` of the authors' file, and the encoder, torchvision's VGG-16 to relu3_1 with
    reflection in the place of zeros.
    """

    def __init__(self, config: StyleFormerConfig) -> None:
        super().__init__()
        self.config = config
        self.a = StyleFormer(config)
        inputs = (config.channels, *config.widths[:-1])
        self.b = InverseVGG(InverseVGGConfig(tuple(zip(DECODER, inputs, config.widths, strict=True))))
        widths = tuple(zip(ENCODER, config.encoder, strict=True)) if config.encoder else ()
        self.encoder = VGG(VGGConfig(widths, "reflect")) if widths else None


def scaled(coefficients: Tensor, stroke: float, background: float) -> Tensor:
    """Coefficients [32 * luma, h, w] with A times `stroke` and b times `background`."""
    factors = coefficients.new_tensor([stroke, background]).view(2, 1)
    return (coefficients.view(GROUP, 2, -1) * factors).view_as(coefficients)
