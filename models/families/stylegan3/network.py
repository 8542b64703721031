"""StyleGAN3's synthesis network (Karras et al. 2021, arXiv:2106.12423), configurations T and R, with the names and gains of
NVlabs/stylegan3.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil, log2, pi, sqrt
from typing import cast

import torch
from torch import Tensor, nn

from ...generation.mapping import EqualLinear, MappingConfig, MappingNetwork
from ...ops.filtered_lrelu import FilteredLReLU, Resampling
from ...ops.modulation import demodulation, modulated_conv2d, sum_of_squares

SLOPE = 0.2


@dataclass(frozen=True)
class SignalConfig:
    """Which frequencies each layer carries: the authors' defaults, equations in their section 3.2 and appendix D."""

    critical: int = 2
    first_cutoff: float = 2.0
    first_stopband: float = 2**2.1
    last_stopband_rel: float = 2**0.3
    margin: int = 10
    filter_size: int = 6
    lrelu_upsampling: int = 2


@dataclass(frozen=True)
class LayerConfig:
    """One layer. Sides and rates at its input and output; cutoffs are not needed, as filters are stored."""

    name: str
    inputs: int
    outputs: int
    kernel: int
    sides: tuple[int, int]
    rates: tuple[int, int]
    temporary_rate: int
    up_taps: int
    down_taps: int
    radial: bool
    last: bool
    half: bool


@dataclass(frozen=True)
class SynthesisConfig:
    """channels: of the input and of each layer. kernel: 3 for T, 1 for R. radial: downsampling filters of R."""

    style: int
    resolution: int
    channels: tuple[int, ...]
    kernel: int
    radial: bool
    clamp: float | None = 256.0
    output_scale: float = 0.25
    half_resolutions: int = 4
    signal: SignalConfig = field(default_factory=SignalConfig)

    @property
    def count(self) -> int:
        """Layers without ToRGB."""
        return len(self.channels) - 2

    @property
    def rows(self) -> int:
        """Rows of W: one for the input, one for each layer and ToRGB."""
        return self.count + 2

    def cutoff(self, index: int) -> float:
        """Cutoff frequency of a layer's output, in cycles of the picture's side."""
        last = self.resolution / 2
        return self.signal.first_cutoff * (last / self.signal.first_cutoff) ** self._part(index)

    def rate(self, index: int) -> int:
        """Sampling rate of a layer's output."""
        last = self.resolution / 2 * self.signal.last_stopband_rel
        stopband = self.signal.first_stopband * (last / self.signal.first_stopband) ** self._part(index)
        return int(2 ** ceil(log2(min(stopband * 2, self.resolution))))

    def side(self, index: int) -> int:
        """Side of a layer's output: the picture and a margin, but for the last two."""
        return self.resolution if index >= self.count - 1 else self.rate(index) + 2 * self.signal.margin

    def _part(self, index: int) -> float:
        return min(index / (self.count - self.signal.critical), 1)

    def layers(self) -> list[LayerConfig]:
        """All layers, ToRGB last."""
        return [self._layer(i) for i in range(self.count + 1)]

    def _layer(self, i: int) -> LayerConfig:
        before, last = max(i - 1, 0), i == self.count
        rates, sides = (self.rate(before), self.rate(i)), (self.side(before), self.side(i))
        temporary = max(rates) * (1 if last else self.signal.lrelu_upsampling)
        up, down = temporary // rates[0], temporary // rates[1]
        taps = self.signal.filter_size
        outputs = self.channels[i + 1]
        return LayerConfig(
            name=f"L{i}_{sides[1]}_{outputs}",
            inputs=self.channels[i],
            outputs=outputs,
            kernel=1 if last else self.kernel,
            sides=sides,
            rates=rates,
            temporary_rate=temporary,
            up_taps=taps * up if up > 1 and not last else 1,
            down_taps=taps * down if down > 1 and not last else 1,
            radial=self.radial and i < self.count - self.signal.critical,
            last=last,
            half=rates[1] << self.half_resolutions > self.resolution,
        )


@dataclass(frozen=True)
class GeneratorConfig:
    """Both networks."""

    mapping: MappingConfig
    synthesis: SynthesisConfig


class SynthesisInput(nn.Module):
    """Fourier features that W turns and moves; their channels are mixed by a learned matrix."""

    def __init__(self, config: SynthesisConfig) -> None:
        super().__init__()
        channels = config.channels[0]
        self.weight = nn.Parameter(torch.empty(channels, channels))
        self.affine = EqualLinear(config.style, 4)
        self.transform: Tensor
        self.freqs: Tensor
        self.phases: Tensor
        self.register_buffer("transform", torch.eye(3))
        self.register_buffer("freqs", torch.zeros(channels, 2))
        self.register_buffer("phases", torch.zeros(channels))
        self.side, self.rate, self.bandwidth = config.side(0), config.rate(0), config.cutoff(0)

    def forward(self, w: Tensor, transform: Tensor | None = None) -> Tensor:
        """w [B, style], transform: inverse matrix [3, 3] of the picture's placement, or the stored -> [B, C, S, S]."""
        t = self.affine(w)
        t = t / t[:, :2].norm(dim=1, keepdim=True)
        cos, sin, right, down = t.unbind(dim=1)
        zero, one = torch.zeros_like(cos), torch.ones_like(cos)
        turned = torch.stack([cos, -sin, zero, sin, cos, zero, zero, zero, one], 1).view(-1, 3, 3)
        moved = torch.stack([one, zero, -right, zero, one, -down, zero, zero, one], 1).view(-1, 3, 3)
        placed = turned @ moved @ (self.transform if transform is None else transform.to(self.transform))
        phases = self.phases + (self.freqs @ placed[:, :2, 2:]).squeeze(2)
        freqs = self.freqs @ placed[:, :2, :2]
        # What the placement pushes out of the band is taken away.
        amplitudes = (1 - (freqs.norm(dim=2) - self.bandwidth) / (self.rate / 2 - self.bandwidth)).clamp(0, 1)
        reach = 0.5 * self.side / self.rate
        line = (torch.arange(self.side, device=w.device, dtype=w.dtype) * 2 + 1 - self.side) / self.side * reach
        along, across = freqs[:, :, 0, None] * line, freqs[:, :, 1, None] * line  # [B, C, S] over x and over y
        x = torch.sin((across[..., None] + along[:, :, None] + phases[..., None, None]) * (2 * pi))
        mixing = self.weight / sqrt(self.weight.shape[0])
        x = (mixing * amplitudes[:, None]) @ x.flatten(2)
        return x.view(-1, self.weight.shape[0], self.side, self.side)


class SynthesisLayer(nn.Module):
    """Modulated convolution and filtered leaky ReLU; the last is ToRGB, linear and unfiltered."""

    def __init__(self, style: int, config: LayerConfig, clamp: float | None) -> None:
        super().__init__()
        self.affine = EqualLinear(style, config.inputs)
        self.weight = nn.Parameter(torch.empty(config.outputs, config.inputs, config.kernel, config.kernel))
        self.bias = nn.Parameter(torch.empty(config.outputs))
        self.magnitude_ema: Tensor
        self.register_buffer("magnitude_ema", torch.ones(()))
        self.up_filter: Tensor | None
        self.down_filter: Tensor | None
        self.register_buffer("up_filter", torch.zeros(config.up_taps) if config.up_taps > 1 else None)
        down = (config.down_taps, config.down_taps) if config.radial else (config.down_taps,)
        self.register_buffer("down_filter", torch.zeros(down) if config.down_taps > 1 else None)
        self.config, self.clamp = config, clamp
        self._nonlinearity: FilteredLReLU | None = None
        self._made_for: tuple[object, ...] | None = None
        self._made: tuple[Tensor, Tensor] = (self.bias, self.bias)
        self.register_load_state_dict_post_hook(SynthesisLayer._forget)

    def forward(self, x: Tensor, w: Tensor, half: bool) -> Tensor:
        """x [B, I, S, S], w [B, style] -> [B, O, S', S']."""
        style = self.affine(w)
        config = self.config
        if config.last:
            style, scale = style / sqrt(config.inputs), None
        else:
            squares, factor = self._prepared()
            style = style * style.square().mean().rsqrt()
            scale = demodulation(style, squares) * factor
        style = style * self.magnitude_ema.rsqrt()
        x = x.to(torch.float16 if half and config.half else torch.float32)
        y = modulated_conv2d(
            x, self.weight.to(x.dtype), style.to(x.dtype), None if scale is None else scale.to(x.dtype), padding=config.kernel - 1
        )
        if self._nonlinearity is None or self._nonlinearity.up_filter is not self.up_filter:
            gain, slope = (1.0, 1.0) if config.last else (sqrt(2), SLOPE)
            self._nonlinearity = FilteredLReLU(self.up_filter, self.down_filter, resampling(config), gain, slope, self.clamp)
        return self._nonlinearity(y, self.bias.to(y.dtype))

    def _prepared(self) -> tuple[Tensor, Tensor]:
        """Sums of squares of the kernel with every filter of unit mean square, and the factor of each filter that makes it so.

        Made once for a place. The kernel itself stays as it is, since the factors go into the results.
        """
        state = (self.weight.data_ptr(), self.weight.device)
        if self._made_for != state:
            with torch.inference_mode(False), torch.no_grad():
                factor = self.weight.square().mean(dim=(1, 2, 3)).rsqrt()
                self._made = sum_of_squares(self.weight) * factor.square()[:, None], factor
            self._made_for = state
        return self._made

    def _forget(self, *_: object) -> None:
        self._made_for = self._nonlinearity = None


def resampling(config: LayerConfig) -> Resampling:
    """Factors and padding of a layer, which shift the samples as the authors' appendix C.3 wants it."""
    up, down = config.temporary_rate // config.rates[0], config.temporary_rate // config.rates[1]
    total = (config.sides[1] - 1) * down + 1 - (config.sides[0] + config.kernel - 1) * up
    total += config.up_taps + config.down_taps - 2
    before = (total + up) // 2
    return Resampling(up, down, before, total - before)


class SynthesisNetwork(nn.Module):
    """W [B, rows, style] -> pictures [B, 3, R, R] in about -1..1."""

    def __init__(self, config: SynthesisConfig) -> None:
        super().__init__()
        self.config = config
        self.input = SynthesisInput(config)
        self.names = [layer.name for layer in config.layers()]
        for layer in config.layers():
            self.add_module(layer.name, SynthesisLayer(config.style, layer, config.clamp))

    def forward(self, ws: Tensor, transform: Tensor | None = None, half: bool = False) -> Tensor:
        """transform: as `SynthesisInput` takes it."""
        x = self.input(ws[:, 0], transform)
        for row, name in enumerate(self.names, 1):
            x = cast(SynthesisLayer, getattr(self, name))(x, ws[:, row], half)
        return x.float() * self.config.output_scale


class GeneratorNetwork(nn.Module):
    """Mapping and synthesis, by their published names."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.mapping = MappingNetwork(config.mapping)
        self.synthesis = SynthesisNetwork(config.synthesis)
