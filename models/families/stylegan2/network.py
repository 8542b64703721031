"""StyleGAN2's synthesis network (Karras et al. 2019, arXiv:1912.04958) with the names and gains of
NVlabs/stylegan2-ada-pytorch: architectures `skip`, `resnet` and `orig`.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...generation.mapping import EqualLinear, MappingConfig, MappingNetwork
from ...generation.noise import Noise
from ...ops.fir import upsample
from ...ops.modulation import demodulation, modulated_conv2d, sum_of_squares, winograd_suits
from ...ops.winograd import winograd_taps

Form = Literal["skip", "resnet", "orig"]
FIRST = 4
SLOPE = 0.2
FILTER = 4


@dataclass(frozen=True)
class SynthesisConfig:
    """widths: channels of 4 x 4, 8 x 8 ...; images: channels of the picture. clamp: bound of every layer's results.

    half_from: resolution from which the authors compute in half precision. noisy: layers have noise.
    """

    style: int
    widths: tuple[int, ...]
    images: int = 3
    form: Form = "skip"
    clamp: float | None = None
    half_from: int = 1 << 30
    noisy: bool = True

    @property
    def resolution(self) -> int:
        """Side of the pictures."""
        return FIRST << (len(self.widths) - 1)

    @property
    def rows(self) -> int:
        """Rows of W: two for each resolution but the first, and one for the last ToRGB."""
        return 2 * len(self.widths)


@dataclass(frozen=True)
class GeneratorConfig:
    """Both networks."""

    mapping: MappingConfig
    synthesis: SynthesisConfig


class SynthesisLayer(nn.Module):
    """Modulated 3x3 convolution, noise, bias, leaky ReLU times sqrt 2; `up` makes twice the size."""

    def __init__(self, style: int, inputs: int, outputs: int, resolution: int, up: bool, config: SynthesisConfig) -> None:
        super().__init__()
        self.affine = EqualLinear(style, inputs)
        self.weight = nn.Parameter(torch.empty(outputs, inputs, 3, 3))
        self.bias = nn.Parameter(torch.empty(outputs))
        self.noise_const: Tensor
        self.resample_filter: Tensor
        if config.noisy:
            self.noise_strength = nn.Parameter(torch.zeros(()))
            self.register_buffer("noise_const", torch.zeros(resolution, resolution))
        self.register_buffer("resample_filter", torch.zeros(FILTER, FILTER))
        self.up, self.clamp, self.noisy = up, config.clamp, config.noisy
        self._made_for: tuple[object, ...] | None = None
        self._made: tuple[Tensor, Tensor | None, list[Tensor] | None] = (self.bias, None, None)
        self.register_load_state_dict_post_hook(SynthesisLayer._forget)

    def forward(self, x: Tensor, w: Tensor, noise: Noise, gain: float = 1.0) -> Tensor:
        """x [B or 1, I, H, W], w [B, style] -> [B, O, H or 2H, W or 2W]."""
        style = self.affine(w)
        squares, factor, taps = self._prepared(x)
        if x.dtype == torch.float16:  # both factors cancel in the demodulation and keep the products in range
            style = style / style.abs().amax(dim=1, keepdim=True)
        total = sqrt(2) * gain
        scale = demodulation(style, squares) * total
        own = noise.of(self.noise_const, self.noise_strength, style.shape[0]) if self.noisy else None
        y = modulated_conv2d(
            x,
            self.weight if factor is None else (self.weight * factor).to(x.dtype),
            style.to(x.dtype),
            scale.to(x.dtype),
            (self.bias * total).to(x.dtype),
            None if own is None else (own * total).to(x.dtype),
            padding=1,
            up_filter=self.resample_filter if self.up else None,
            taps=taps,
        )
        y = F.leaky_relu_(y, SLOPE)
        return y if self.clamp is None else clamped(y, self.clamp * gain)

    def _prepared(self, x: Tensor) -> tuple[Tensor, Tensor | None, list[Tensor] | None]:
        """The kernel's sums of squares, its factor in half precision, its transformed form; made once for a place and dtype.

        The kernel itself is not kept: it would stay where it was when the host moves the network.
        """
        state = (self.weight.data_ptr(), self.weight.device, x.dtype, winograd_suits(x, self.weight))
        if self._made_for != state:
            # Made as plain tensors also while nothing is tracked: a projection may use them later.
            with torch.inference_mode(False), torch.no_grad():
                weight, factor = self.weight.detach(), None
                if x.dtype == torch.float16:
                    factor = 1 / (weight.abs().amax(dim=(1, 2, 3), keepdim=True) * sqrt(weight[0].numel()))
                    weight = weight * factor
                # On wide maps the kernel is another for every picture, and so is its transformed form.
                shared = not self.up and state[-1] and weight.numel() > x[0].numel()
                self._made = sum_of_squares(weight), factor, winograd_taps(weight) if shared else None
            self._made_for = state
        return self._made

    def _forget(self, *_: object) -> None:
        self._made_for = None


class ToRGB(nn.Module):
    """Modulated 1x1 convolution to colors, without demodulation."""

    def __init__(self, style: int, inputs: int, config: SynthesisConfig) -> None:
        super().__init__()
        self.affine = EqualLinear(style, inputs)
        self.weight = nn.Parameter(torch.empty(config.images, inputs, 1, 1))
        self.bias = nn.Parameter(torch.empty(config.images))
        self.gain, self.clamp = 1 / sqrt(inputs), config.clamp

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """x [B, I, H, W], w [B, style] -> [B, 3, H, W] in full precision."""
        style = self.affine(w) * self.gain
        y = modulated_conv2d(x, self.weight.to(x.dtype), style.to(x.dtype), bias=self.bias.to(x.dtype))
        return (y if self.clamp is None else clamped(y, self.clamp)).to(self.weight.dtype)


class Skip(nn.Module):
    """The 1x1 convolution beside a block of `resnet`, to twice the size."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, inputs, 1, 1))
        self.resample_filter: Tensor
        self.register_buffer("resample_filter", torch.zeros(FILTER, FILTER))
        self.gain = 1 / sqrt(inputs)

    def forward(self, x: Tensor, gain: float) -> Tensor:
        """x [B, I, H, W] -> [B, O, 2H, 2W]."""
        return upsample(F.conv2d(x, (self.weight * (self.gain * gain)).to(x.dtype)), self.resample_filter)


def clamped(y: Tensor, bound: float) -> Tensor:
    """Values within -bound..bound; in place where no gradient needs them."""
    return y.clamp(-bound, bound) if y.requires_grad else y.clamp_(-bound, bound)


class SynthesisBlock(nn.Module):
    """The layers of one resolution."""

    def __init__(self, config: SynthesisConfig, level: int) -> None:
        super().__init__()
        outputs, style, resolution = config.widths[level], config.style, FIRST << level
        self.resample_filter: Tensor
        self.register_buffer("resample_filter", torch.zeros(FILTER, FILTER))
        self.first, self.form = level == 0, config.form
        self.in_half = resolution >= config.half_from
        if self.first:
            self.const = nn.Parameter(torch.empty(outputs, resolution, resolution))
        else:
            inputs = config.widths[level - 1]
            self.conv0 = SynthesisLayer(style, inputs, outputs, resolution, True, config)
            if config.form == "resnet":
                self.skip = Skip(inputs, outputs)
        self.conv1 = SynthesisLayer(style, outputs, outputs, resolution, False, config)
        last = level == len(config.widths) - 1
        self.torgb = ToRGB(style, outputs, config) if last or config.form == "skip" else None

    def forward(
        self, x: Tensor | None, image: Tensor | None, ws: Tensor, noise: Noise, half: bool
    ) -> tuple[Tensor, Tensor | None]:
        """(features, picture so far) -> the same at this resolution; ws [B, 3, style], of which the first block uses two."""
        y = (self.const[None] if x is None else x).to(
            torch.float16 if half and self.in_half else self.conv1.weight.dtype, memory_format=torch.channels_last
        )
        if self.first:
            y, row = self.conv1(y, ws[:, 0], noise), 1
        elif self.form == "resnet":
            beside = self.skip(y, sqrt(0.5))
            y = self.conv0(y, ws[:, 0], noise)
            y, row = beside + self.conv1(y, ws[:, 1], noise, sqrt(0.5)), 2
        else:
            y = self.conv0(y, ws[:, 0], noise)
            y, row = self.conv1(y, ws[:, 1], noise), 2
        if image is not None:
            image = upsample(image, self.resample_filter)
        if self.torgb is not None:
            colors = self.torgb(y, ws[:, row])
            image = colors if image is None else colors.add_(image)
        return y, image


class SynthesisNetwork(nn.Module):
    """W [B, rows, style] -> pictures [B, 3, R, R] in about -1..1."""

    def __init__(self, config: SynthesisConfig) -> None:
        super().__init__()
        self.config = config
        for level in range(len(config.widths)):
            self.add_module(f"b{FIRST << level}", SynthesisBlock(config, level))

    def forward(self, ws: Tensor, noise: Noise, half: bool = False, side: int = 0) -> Tensor:
        """side: with `skip`, the picture as it is when this side is reached; 0 for the whole."""
        x = image = None
        row = 0
        for level in range(len(self.config.widths)):
            block = getattr(self, f"b{FIRST << level}")
            x, image = block(x, image, ws[:, row : row + 3], noise, half)
            row += 1 if level == 0 else 2
            if side and self.config.form == "skip" and FIRST << level >= side:
                break
        assert image is not None
        return image


class GeneratorNetwork(nn.Module):
    """Mapping and synthesis, by their published names."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.mapping = MappingNetwork(config.mapping)
        self.synthesis = SynthesisNetwork(config.synthesis)
