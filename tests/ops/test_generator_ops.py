"""The generators' shared operations against their plain formulas."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.signal import firwin, upfirdn
from torch import Tensor

from style_atelier.models.families.stylegan2.published import resampling_filter
from style_atelier.models.ops.filtered_lrelu import FilteredLReLU, Resampling
from style_atelier.models.ops.fir import smooth, upsample
from style_atelier.models.ops.modulation import demodulation, modulated_conv2d, sum_of_squares
from style_atelier.models.ops.winograd import winograd_taps

FIR = resampling_filter((1.0, 3.0, 3.0, 1.0))


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed + sum(shape)))


def close(a: Tensor, b: Tensor, tolerance: float = 1e-4) -> None:
    assert a.shape == b.shape
    assert float((a - b).abs().max()) <= tolerance * max(1.0, float(b.abs().max()))


def plainly(x: Tensor, weight: Tensor, style: Tensor, demodulate: bool, up: bool) -> Tensor:
    """Equations 1 and 3 of StyleGAN2, picture by picture in float64."""
    made = []
    for picture, s in zip(x.double(), style.double(), strict=True):
        own = weight.double() * s[:, None, None]
        if demodulate:
            own = own / (own.square().sum(dim=(1, 2, 3), keepdim=True) + 1e-8).sqrt()
        if up:
            y = F.conv_transpose2d(picture[None], own.transpose(0, 1), stride=2)
            kernel = (FIR.double() * 4).expand(len(own), 1, 4, 4)
            made.append(F.conv2d(F.pad(y, (1, 1, 1, 1)), kernel, groups=len(own)))
        else:
            made.append(F.conv2d(picture[None], own, padding=weight.shape[-1] // 2))
    return torch.cat(made).float()


@pytest.mark.parametrize("up", [False, True])
@pytest.mark.parametrize("demodulate", [False, True])
@pytest.mark.parametrize(("inputs", "outputs", "side"), [(5, 7, 3), (40, 36, 4), (4, 6, 21), (64, 72, 33), (96, 64, 31)])
def test_modulated_convolution(inputs: int, outputs: int, side: int, demodulate: bool, up: bool) -> None:
    x, weight, style = drawn(3, inputs, side, side), drawn(outputs, inputs, 3, 3), drawn(3, inputs) + 1
    scale = demodulation(style, sum_of_squares(weight)) if demodulate else None
    expected = plainly(x, weight, style, demodulate, up)
    up_filter = FIR if up else None
    with torch.inference_mode():
        close(modulated_conv2d(x, weight, style, scale, padding=1, up_filter=up_filter), expected)
        bias, noise = drawn(outputs), drawn(3, 1, *expected.shape[2:])
        taps = None if up else winograd_taps(weight)
        made = modulated_conv2d(x, weight, style, scale, bias, noise, padding=1, up_filter=up_filter, taps=taps)
        close(made, expected + bias[:, None, None] + noise)
        close(modulated_conv2d(x[:1], weight, style, scale, padding=1, up_filter=up_filter)[:1], expected[:1])
    tracked = style.clone().requires_grad_()
    close(modulated_conv2d(x, weight, tracked, scale, padding=1, up_filter=up_filter).detach(), expected)


def test_upsampling_is_that_of_scipy() -> None:
    x = drawn(2, 3, 5, 6)
    taps = np.array([1.0, 3.0, 3.0, 1.0]) / 4
    along = np.apply_along_axis(lambda v: upfirdn(taps, np.append(v, 0), up=2)[1 : 1 + 2 * len(v)], 3, x.numpy())
    expected = np.apply_along_axis(lambda v: upfirdn(taps, np.append(v, 0), up=2)[1 : 1 + 2 * len(v)], 2, along)
    close(upsample(x, FIR), torch.from_numpy(expected).float(), 1e-6)
    flat = torch.ones(1, 2, 6, 6)
    close(upsample(flat, FIR)[..., 2:-2, 2:-2], torch.ones(1, 2, 8, 8), 1e-6)


def test_smoothing_keeps_brightness() -> None:
    close(smooth(torch.ones(1, 3, 9, 9), FIR, 1.0)[..., 1:-1, 1:-1], torch.ones(1, 3, 6, 6), 1e-6)


def by_zeros(x: Tensor, bias: Tensor, up_filter: Any, down_filter: Any, how: Resampling, *rest: Any) -> Tensor:
    """The definition: zeros between the samples, padding, a full filter, the nonlinearity, a full filter, every n-th kept."""
    gain, slope, clamp = rest
    batch, channels, height, width = x.shape
    y = x.double() + bias.double()[:, None, None]
    spread = y.new_zeros(batch, channels, height * how.up, width * how.up)
    spread[..., :: how.up, :: how.up] = y
    y = F.pad(spread, (how.before, how.after, how.before, how.after))
    if up_filter is not None:
        line = up_filter.double().flip(0) * how.up
        y = F.conv2d(y, torch.outer(line, line).expand(channels, 1, -1, -1), groups=channels)
    y = torch.where(y < 0, y * slope, y) * gain
    if clamp is not None:
        y = y.clamp(-clamp, clamp)
    if down_filter is not None:
        kernel = down_filter.double()
        kernel = torch.outer(kernel, kernel) if kernel.ndim == 1 else kernel
        y = F.conv2d(y, kernel.flip((0, 1)).expand(channels, 1, -1, -1), groups=channels)
    return y[..., :: how.down, :: how.down].float()


def line(taps: int, seed: int) -> Tensor:
    """Taps without a symmetry that could hide a turn."""
    return torch.from_numpy(firwin(taps, 0.4)).float() + 0.05 * drawn(taps, seed=seed)


@pytest.mark.parametrize("radial", [False, True])
@pytest.mark.parametrize(
    ("side", "factors", "taps", "padding"),
    [
        (11, (2, 2), (12, 12), (9, 8)),
        (38, (2, 2), (12, 12), (0, 1)),
        (20, (4, 2), (24, 12), (19, 16)),
        (20, (4, 2), (24, 12), (-7, -12)),
        (25, (2, 2), (12, 12), (-3, 5)),
        (9, (4, 4), (24, 24), (20, 21)),
        (17, (1, 1), (6, 6), (5, 5)),
        (33, (2, 1), (8, 6), (4, 4)),
    ],
)
def test_filtered_lrelu(
    side: int, factors: tuple[int, int], taps: tuple[int, int], padding: tuple[int, int], radial: bool
) -> None:
    """In the cache, step by step, and by the definition."""
    how = Resampling(*factors, *padding)
    up_filter, kernel = line(taps[0], 1), line(taps[1], 2)
    down_filter = torch.outer(kernel, kernel) + 0.01 * drawn(taps[1], taps[1]) if radial else kernel
    for channels in (1, 19):
        x, bias = drawn(2, channels, side, side), drawn(channels)
        for slope, gain, clamp in ((0.2, 2**0.5, 0.8), (1.0, 1.0, None)):
            expected = by_zeros(x, bias, up_filter, down_filter, how, gain, slope, clamp)
            layer = FilteredLReLU(up_filter, down_filter, how, gain, slope, clamp)
            with torch.inference_mode():
                close(layer(x, bias), expected, 1e-5)
            close(layer(x.clone().requires_grad_(), bias).detach(), expected, 1e-5)


def test_filtered_lrelu_without_filters_and_for_oblong_maps() -> None:
    x, bias = drawn(1, 3, 9, 14), drawn(3)
    for filters in ((None, None), (line(12, 1), line(12, 2))):
        how = Resampling(1, 1, -2, -2) if filters[0] is None else Resampling(2, 2, 9, 8)
        expected = by_zeros(x, bias, *filters, how, 1.0, 1.0, 256.0)
        close(FilteredLReLU(*filters, how, 1.0, 1.0, 256.0)(x, bias), expected, 1e-5)
