"""The fast and the tiled ways of a layer against the plain formula."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from style_atelier.models.canvas import convolution
from style_atelier.models.canvas.regions import Regions
from style_atelier.models.canvas.statistics import moments_of, statistics_of
from style_atelier.models.canvas.tiled import Tiled
from style_atelier.models.canvas.whole import Whole
from style_atelier.models.ops import normalization, winograd
from style_atelier.models.ops.normalization import Statistics


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def near(a: Tensor, b: Tensor, tolerance: float = 2e-5) -> None:
    assert a.shape == b.shape
    assert float((a - b).abs().max()) <= tolerance * max(1.0, float(b.abs().max()))


def statistics(x: Tensor) -> Statistics:
    return statistics_of(moments_of(x.contiguous(memory_format=torch.channels_last)))


def applied(x: Tensor, by: normalization.ScaleShift) -> Tensor:
    return x * by[0][:, :, None, None] + by[1][:, :, None, None]


@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate"])
@pytest.mark.parametrize("size", [(2, 3), (5, 4), (9, 16), (40, 37)])
def test_doubled_convolution_is_the_convolution_of_the_doubled_map(
    kernel: int, mode: convolution.Padding, size: tuple[int, int]
) -> None:
    x, weight, bias = noise(2, 6, *size), noise(5, 6, kernel, kernel, seed=1), noise(5, seed=2)
    plain = F.conv2d(convolution.pad(convolution.doubled(x), (kernel // 2,) * 4, mode), weight, bias)
    near(convolution.doubled_convolve(x, weight, bias, mode), plain)


def test_doubled_wide_maps() -> None:
    x, weight, bias = noise(1, 128, 64, 36), noise(64, 128, 5, 5, seed=1), noise(64, seed=2)
    plain = F.conv2d(convolution.pad(convolution.doubled(x), (2,) * 4, "reflect").double(), weight.double(), bias.double())
    near(convolution.doubled_convolve(x, weight, bias, "reflect"), plain.float(), 1e-5)


@pytest.mark.parametrize("channels", [1, 3, 4, 5])
def test_few_channels(channels: int) -> None:
    x, weight, bias = noise(2, 6, 14, 11), noise(channels, 6, 7, 7, seed=1), noise(channels, seed=2)
    near(convolution.convolve(x, weight, bias, 1, 3), F.conv2d(x, weight, bias, 1, 3), 5e-5)


@pytest.mark.parametrize("size", [(8, 10), (32, 40)])
def test_pooled_convolution(size: tuple[int, int]) -> None:
    x, weight, bias = noise(2, 6, *size), noise(5, 6, 3, 3, seed=1), noise(5, seed=2)
    near(convolution.pooled_convolve(x, weight, bias), F.avg_pool2d(F.conv2d(x, weight, bias, 1, 1), 2))


@pytest.mark.parametrize(("inputs", "outputs"), [(128, 128), (160, 136)])
def test_winograd(inputs: int, outputs: int) -> None:
    x, weight, bias = noise(2, inputs, 34, 66), noise(outputs, inputs, 3, 3, seed=1), noise(outputs, seed=2)
    x = x.contiguous(memory_format=torch.channels_last)
    assert winograd.winograd_pays(x, weight)
    near(convolution.convolve(x, weight, bias), F.conv2d(x.double(), weight.double(), bias.double()).float(), 1e-5)
    assert not winograd.winograd_pays(x[..., :-1], weight)
    assert not winograd.winograd_pays(x.double(), weight.double())


def test_one_by_one() -> None:
    x, weight = noise(2, 6, 8, 10), noise(5, 6, 1, 1, seed=1)
    near(convolution.convolve(x, weight, None), F.conv2d(x, weight))


def test_statistics_in_strips_are_exact() -> None:
    x = noise(2, 5, 301, 257) * 3 + 100
    found = statistics(x)
    variance, mean = torch.var_mean(x.double(), dim=(2, 3), correction=0)
    near(found.mean.double(), mean, 1e-4)
    near(found.variance.double(), variance, 1e-3)
    layer = found.over_channels()
    assert float(layer.variance[0]) == pytest.approx(float(x[0].double().var(correction=0)), rel=1e-5)


def test_statistics_of_a_flat_map() -> None:
    found = statistics(torch.full((1, 3, 4, 4), 2.0))
    near(found.variance, torch.zeros(1, 3), 1e-6)


def test_instance_norm() -> None:
    x, weight, bias = noise(2, 5, 7, 9), noise(5, seed=1), noise(5, seed=2)
    near(applied(x, normalization.instance_norm(statistics(x))), F.instance_norm(x))
    near(applied(x, normalization.instance_norm(statistics(x), weight, bias)), F.instance_norm(x, weight=weight, bias=bias))


def test_conditional_instance_norm_picks_and_mixes_styles() -> None:
    x, gammas, betas = noise(2, 5, 7, 9), noise(3, 5, seed=1), noise(3, 5, seed=2)
    one = normalization.conditional_instance_norm(statistics(x), gammas, betas, torch.eye(3)[[1, 2]])
    near(applied(x, one)[1:], F.instance_norm(x[1:], weight=gammas[2], bias=betas[2]))
    half = normalization.conditional_instance_norm(statistics(x), gammas, betas, torch.tensor([[0.5, 0.5, 0]] * 2))
    near(applied(x, half), F.instance_norm(x, weight=gammas[:2].mean(0), bias=betas[:2].mean(0)))


def test_adaptive_instance_norms() -> None:
    x, gamma, beta = noise(2, 5, 7, 9), noise(2, 5, seed=1), noise(2, 5, seed=2)
    plain = F.instance_norm(x)
    factor, shift = gamma[:, :, None, None], beta[:, :, None, None]
    near(applied(x, normalization.adaptive_instance_norm(statistics(x), beta, gamma)), plain * factor + shift)
    near(applied(x, normalization.residual_adaptive_instance_norm(statistics(x), gamma, beta)), plain * (1 + factor) + shift)


@pytest.mark.parametrize("unbiased", [True, False])
def test_instance_layer_norm(unbiased: bool) -> None:
    x, rho, gamma, beta = noise(2, 5, 7, 9) + 1, torch.rand(5), noise(2, 5, seed=1), noise(2, 5, seed=2)
    parts = []
    for axes in ((2, 3), (1, 2, 3)):
        variance, mean = torch.var_mean(x, dim=axes, keepdim=True, correction=int(unbiased))
        parts.append((x - mean) / (variance + 1e-5).sqrt())
    mixed = rho[:, None, None] * parts[0] + (1 - rho[:, None, None]) * parts[1]
    plain = mixed * gamma[:, :, None, None] + beta[:, :, None, None]
    near(applied(x, normalization.instance_layer_norm(statistics(x), rho, gamma, beta, unbiased)), plain)


def test_mean_variance_norm() -> None:
    x = noise(2, 5, 7, 9) + 1
    variance, mean = torch.var_mean(x, dim=(2, 3), keepdim=True)
    near(applied(x, normalization.mean_variance_norm(statistics(x))), (x - mean) / (variance + 1e-5).sqrt())


@pytest.mark.parametrize("keep", [0.0, 1e9])
@pytest.mark.parametrize("step", [1, 2, 4, 8])
def test_pooling_and_thinning(keep: float, step: int) -> None:
    x = noise(1, 3, 112, 72)
    for canvas in (Whole(), Tiled(40, keep)):
        pooled = canvas.max_pool(canvas.open(x))
        assert torch.equal(canvas.every(pooled, step), F.max_pool2d(x, 2)[:, :, ::step, ::step])


def test_layer_norms() -> None:
    x, gamma, beta = noise(2, 5, 7, 9) + 1, noise(5, seed=1), noise(5, seed=2)
    near(applied(x, normalization.layer_norm(statistics(x), gamma, beta)), F.group_norm(x, 1, gamma, beta))
    mean, std = x.mean(dim=(1, 2, 3), keepdim=True), x.std(dim=(1, 2, 3), keepdim=True)
    plain = (x - mean) / (std + 1e-5) * gamma[:, None, None] + beta[:, None, None]
    near(applied(x, normalization.munit_layer_norm(statistics(x), gamma, beta)), plain)


def test_batch_norm() -> None:
    x, mean, variance = noise(2, 5, 7, 9), noise(5, seed=1), torch.rand(5)
    weight, bias = noise(5, seed=2), noise(5, seed=3)
    plain = F.batch_norm(x, mean, variance, weight, bias)
    near(applied(x, normalization.batch_norm(mean, variance, weight, bias)), plain, 1e-4)


def instance(s: Statistics) -> normalization.ScaleShift:
    return normalization.instance_norm(s)


class Layers(nn.Module):
    """One of every layer."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 7)
        self.down = nn.Conv2d(8, 12, 4, stride=2)
        self.uneven = nn.Conv2d(12, 12, 3, stride=2)
        self.block = nn.Conv2d(12, 12, 3)
        self.deep = nn.Conv2d(12, 12, 3, groups=12)
        self.up3 = nn.Conv2d(12, 10, 3)
        self.up5 = nn.Conv2d(10, 8, 5)
        self.again = nn.Conv2d(8, 8, 3, stride=2)
        self.t3 = nn.ConvTranspose2d(8, 8, 3, 2, 1, 1)
        self.t4 = nn.ConvTranspose2d(8, 8, 4, 2, 1)
        self.last = nn.Conv2d(8, 3, 7)


def run(canvas: Any, net: Layers, x: Tensor) -> tuple[Tensor, ...]:
    h = canvas.open(x)
    h = canvas.norm(canvas.conv(h, net.first, 3, "reflect"), instance, "relu")
    h = canvas.norm(canvas.conv(h, net.down, 1), instance, "leaky")
    h = canvas.norm(canvas.conv(h, net.uneven, (1, 0, 1, 0), "reflect"), instance, "relu")
    kept = canvas.fresh(h)
    for strength in (1.0, 0.5):
        y = canvas.norm(canvas.conv(h, net.block, 1, "reflect"), instance, "relu")
        h = canvas.add(h, canvas.norm(canvas.conv(y, net.deep, 1), instance), strength)
    h = canvas.affine(canvas.add(h, kept), (torch.full((1, 12), 0.5), torch.full((1, 12), 0.1)), "leaky")
    mean, greatest, heat = canvas.mean(h), canvas.greatest(h), canvas.summed(h)
    h = canvas.norm(
        canvas.doubled_conv(h, net.up3, "reflect"),
        partial(normalization.layer_norm, weight=torch.ones(10), bias=torch.zeros(10)),
        "relu",
    )
    h = canvas.norm(canvas.doubled_conv(h, net.up5, "reflect"), instance, "relu")
    h = canvas.norm(canvas.conv(h, net.again, 1), instance)
    h = canvas.resize(h, x.shape[2] // 2 - 1, x.shape[3] // 2 + 3)
    h = canvas.norm(canvas.transpose(h, net.t3), instance, "relu")
    h = canvas.norm(canvas.transpose(h, net.t4), instance, "relu")
    return canvas.close(canvas.conv(h, net.last, 3, "reflect", "tanh")), mean, greatest, heat


@pytest.mark.parametrize("keep", [1e9, 40_000.0, 0.0])
def test_tiles_equal_the_whole(keep: float) -> None:
    torch.manual_seed(0)
    net = Layers().requires_grad_(False)
    x = noise(1, 3, 76, 100)
    whole = run(Whole(), net, x)
    tiled = run(Tiled(40, keep), net, x)
    for a, b in zip(whole, tiled, strict=True):
        near(a, b, 1e-4)


@pytest.mark.parametrize("keep", [1e9, 0.0])
def test_regions_doubling_and_cropping_in_tiles(keep: float) -> None:
    torch.manual_seed(0)
    first, last = nn.Conv2d(3, 8, 3).requires_grad_(False), nn.Conv2d(8, 3, 3, groups=1).requires_grad_(False)
    x, left = noise(1, 3, 76, 100), torch.zeros(1, 1, 76, 100)
    left[..., 30:50] = 0.7
    left[..., 50:] = 1
    regions = Regions([left, left.flip(-1)])
    norms = [partial(normalization.instance_norm, weight=noise(1, 8, seed=i), bias=noise(1, 8, seed=9 + i)) for i in range(3)]

    def run(canvas: Any) -> Tensor:
        h = canvas.regional_norm(canvas.conv(canvas.open(x), first, 1, "reflect"), norms, regions, "relu")
        h = canvas.regional_norm(canvas.cropped(canvas.doubled(h), 3), norms, regions, "none")
        return canvas.close(canvas.conv(h, last, 1, "zeros", "sigmoid"))

    near(run(Tiled(40, keep)), run(Whole()), 1e-4)


def test_a_regions_norm_is_that_of_the_region_alone() -> None:
    x = noise(1, 4, 20, 30)
    left = torch.zeros(1, 1, 20, 30)
    left[..., :12] = 1
    made = Whole().regional_norm(x.clone(), [instance] * 2, Regions([left]))
    near(made[..., :12], F.instance_norm(x[..., :12]))
    near(made[..., 12:], F.instance_norm(x[..., 12:]))
    nowhere = Whole().regional_norm(x.clone(), [instance] * 3, Regions([left, left * 0]))
    near(nowhere, made)


def test_layers_do_not_change_their_picture() -> None:
    torch.manual_seed(0)
    net = Layers().requires_grad_(False)
    x = noise(1, 3, 76, 100)
    before = x.clone()
    makers: list[Callable[[], Any]] = [Whole, lambda: Tiled(40, 1e9)]
    for make in makers:
        run(make(), net, x)
        near(x, before, 0)
