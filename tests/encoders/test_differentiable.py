"""The hand-written reverse pass of VGG, and its convolutions in tiles, against automatic differentiation in float64."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from style_atelier.models.encoders import differentiable, winograd_tiles
from style_atelier.models.encoders.differentiable import DifferentiableVGG
from style_atelier.models.encoders.encoder import no_gradients
from style_atelier.models.encoders.filter_bank import filter_bank
from style_atelier.models.encoders.vgg import VGG, VGG19_BLOCKS, VGGConfig, conv_names
from style_atelier.models.ops.padding import pad_small

NARROW = (8, 12, 16, 20, 24)
WIDE = (64, 128, 136)  # three blocks of two


def vgg(widths: tuple[int, ...], blocks: tuple[int, ...], seed: int = 0, **settings: Any) -> VGG:
    names = conv_names(blocks)
    network = VGG(VGGConfig(tuple((name, widths[int(name[4]) - 1]) for name in names), **settings))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in network.parameters():
            scale = (2 / weight[0].numel()) ** 0.5 if weight.dim() > 1 else 0.1
            weight.copy_(torch.randn(weight.shape, generator=generator) * scale)
    no_gradients(network)
    return network


def pictures(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(1))


def random_gradients(levels: dict[str, Tensor]) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(2)
    return {tap: torch.randn(level.shape, generator=generator) for tap, level in levels.items()}


def plain(
    network: VGG, images: Tensor, gradients: dict[str, Tensor], maps: dict[str, Tensor], dtype: torch.dtype
) -> tuple[dict[str, Tensor], Tensor]:
    """Levels and the picture's gradient by automatic differentiation.

    ReLU and the maximum have kinks, and float32 and float64 may come to lie on different sides of one; so which side is taken
    from the `maps` in question (where a map is right to 1e-6, so is its side).
    """
    config, network = network.config, copy.deepcopy(network).to(dtype)
    picture = images.to(dtype).requires_grad_()
    x = picture if config.normalization == "conv0" else (picture - network.mean) * network.scale
    x = x.flip(1) if config.normalization == "caffe" else x
    levels: dict[str, Tensor] = {}
    previous = x
    for name, made in maps.items():
        if name.endswith("_1") and name != "conv1_1":
            if network.pooling == "max":
                ceil = config.ceil_pool or min(x.shape[-2:]) < 2
                best, where = F.max_pool2d(previous, 2, ceil_mode=ceil, return_indices=True)
                x = x.flatten(2).gather(2, where.flatten(2)).view(best.shape)
            else:
                x = network.pool(x)
        x = network.convs[name](pad_small(x) if config.padding == "reflect" else x) * (made > 0)
        levels["relu" + name[4:]], previous = x, made
    made = sum(((levels[tap] * gradient).sum() for tap, gradient in gradients.items()), x.new_zeros(()))
    return {tap: levels[tap].detach() for tap in gradients}, torch.autograd.grad(made, picture)[0]


def distance(a: Tensor, b: Tensor) -> float:
    assert a.shape == b.shape
    return float((a.detach().double() - b.detach().double()).norm() / b.detach().double().norm())


def check(network: VGG, images: Tensor, taps: list[str], tolerance: float = 3e-6) -> None:
    found = DifferentiableVGG(network)
    before = images.clone()
    levels, trace = found.forward(images, taps)
    maps = dict(trace.maps)
    gradients = random_gradients(levels)
    kept = {tap: level.clone() for tap, level in {**levels, **gradients}.items()}
    gradient = found.backward(trace, gradients)
    exact, exact_gradient = plain(network, images, gradients, maps, torch.float64)
    truth = copy.deepcopy(network).double()(images.double(), taps)
    for tap in taps:
        assert distance(levels[tap], exact[tap]) < tolerance
        assert distance(levels[tap], truth[tap]) < tolerance
        assert torch.equal(gradients[tap], kept[tap])
    assert distance(gradient, exact_gradient) < tolerance
    assert torch.equal(images, before)
    assert not trace.maps


TAPS = ["relu1_1", "relu2_2", "relu3_1", "relu5_1"]


@pytest.mark.parametrize("size", [(33, 46), (16, 16), (7, 30), (3, 2), (1, 1), (1, 9), (2, 17)])
@pytest.mark.parametrize(
    ("padding", "ceil_pool", "pooling", "normalization"),
    [
        ("zeros", False, "max", "imagenet"),
        ("zeros", True, "average", "caffe"),
        ("reflect", True, "max", "conv0"),
        ("reflect", False, "average", "imagenet"),
    ],
)
def test_small_networks(size: tuple[int, int], padding: Any, ceil_pool: bool, pooling: str, normalization: str) -> None:
    network = vgg(NARROW, VGG19_BLOCKS, padding=padding, ceil_pool=ceil_pool, normalization=normalization)
    network.pooling = pooling
    check(network, pictures(2, 3, *size), TAPS)


@pytest.mark.parametrize(
    ("size", "padding", "ceil_pool", "pooling", "normalization"),
    [
        ((1, 96, 96), "zeros", False, "max", "caffe"),
        ((1, 93, 94), "reflect", True, "max", "imagenet"),
        ((2, 45, 50), "zeros", True, "average", "imagenet"),
        ((2, 50, 45), "reflect", False, "max", "conv0"),
    ],
)
def test_wide_networks_go_in_tiles(
    size: tuple[int, int, int], padding: Any, ceil_pool: bool, pooling: str, normalization: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = vgg(WIDE, (2, 2, 2), padding=padding, ceil_pool=ceil_pool, normalization=normalization)
    network.pooling = pooling
    walks: list[bool] = []

    def counted(x: Tensor, kernels: Tensor, padding: Any, finish: Any, backward: bool = False) -> None:
        walks.append(backward)
        winograd_tiles.convolve_tiles(x, kernels, padding, finish, backward)

    monkeypatch.setattr(differentiable, "convolve_tiles", counted)
    images, taps = pictures(size[0], 3, *size[1:]), ["relu1_1", "relu2_1", "relu2_2", "relu3_2"]
    check(network, images, taps)
    assert walks.count(False) == walks.count(True) == 5
    # errors are of the size of plain float32's
    levels, trace = DifferentiableVGG(network).forward(images, taps)
    maps, gradients = dict(trace.maps), random_gradients(levels)
    gradient = DifferentiableVGG(network).backward(trace, gradients)
    exact, exact_gradient = plain(network, images, gradients, maps, torch.float64)
    rounded, rounded_gradient = plain(network, images, gradients, maps, torch.float32)
    for tap in taps:
        assert distance(levels[tap], exact[tap]) < 4 * distance(rounded[tap], exact[tap])
    assert distance(gradient, exact_gradient) < 4 * distance(rounded_gradient, exact_gradient)


@pytest.mark.parametrize("at_once", [1, 100_000, 10_000_000])
@pytest.mark.parametrize(("padding", "shape"), [("zeros", (3, 13, 22)), ("reflect", (3, 22, 13)), ("full", (3, 9, 9))])
def test_tiles(padding: Any, shape: tuple[int, int, int], at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(winograd_tiles, "NUMBERS_AT_ONCE", at_once)
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(10, 6, 3, 3, generator=generator)
    kernels = winograd_tiles.tile_kernels(weight)
    for backward, inputs, outputs in ((False, 6, 10), (True, 10, 6)):
        x = torch.randn(*shape, inputs, generator=generator)
        plane, extra = x.permute(0, 3, 1, 2).double(), 2 if padding == "full" else 0
        padded = F.pad(plane, (1, 1, 1, 1), mode="reflect") if padding == "reflect" else F.pad(plane, (1 + extra // 2,) * 4)
        kernel = weight.double().flip(2, 3).transpose(0, 1) if backward else weight.double()
        found = torch.full((shape[0], shape[1] + extra, shape[2] + extra, outputs), torch.nan)

        def finish(block: Tensor, chosen: slice, rows: slice, found: Tensor = found) -> None:
            found[chosen, rows] = block

        winograd_tiles.convolve_tiles(x, kernels, padding, finish, backward)
        assert distance(found, F.conv2d(padded, kernel).permute(0, 2, 3, 1)) < 2e-6


def test_of_equals_the_first_is_the_maximum() -> None:
    network = vgg(NARROW, VGG19_BLOCKS, padding="reflect", ceil_pool=True)
    check(network, torch.full((1, 3, 20, 20), 0.5), TAPS)


def test_quarter_width_filter_bank() -> None:
    network = filter_bank().module
    assert isinstance(network, VGG)
    check(network, pictures(1, 3, 61, 64), ["relu1_1", "relu3_1", "relu4_1"])


def test_gradients_of_some_taps() -> None:
    network = vgg(NARROW, VGG19_BLOCKS)
    found, images = DifferentiableVGG(network), pictures(1, 3, 20, 24)
    levels, trace = found.forward(images, ["relu2_1", "relu4_1"])
    maps = dict(trace.maps)
    some = random_gradients({"relu2_1": levels["relu2_1"], "relu3_2": maps["conv3_2"]})
    assert distance(found.backward(trace, some), plain(network, images, some, maps, torch.float64)[1]) < 3e-6
    none = found.backward(found.forward(images, ["relu2_1"])[1], {})
    assert torch.equal(none, torch.zeros_like(images))
    with pytest.raises(ValueError, match="relu4_1"):
        found.backward(found.forward(images, ["relu2_1"])[1], {"relu4_1": levels["relu4_1"]})
    with pytest.raises(ValueError, match="relu9_9"):
        found.forward(images, ["relu9_9"])


def test_gradients_in_any_layout() -> None:
    network = vgg(WIDE, (2, 2))
    found, images = DifferentiableVGG(network), pictures(1, 3, 32, 32)
    levels, trace = found.forward(images, ["relu1_2", "relu2_2"])
    gradients = random_gradients(levels)
    one = found.backward(trace, gradients)
    turned = {tap: g.contiguous(memory_format=torch.channels_last) for tap, g in gradients.items()}
    assert torch.equal(one, found.backward(found.forward(images, list(levels))[1], turned))


def test_double_precision_goes_through_the_library() -> None:
    network = vgg(WIDE, (2, 2, 2), padding="reflect").double()
    check(network, pictures(1, 3, 24, 20).double(), ["relu1_2", "relu3_1"], 1e-12)


def test_weights_may_move_and_be_of_inference_mode() -> None:
    images, taps = pictures(1, 3, 48, 48), ["relu2_2"]
    first, second = vgg(WIDE, (2, 2)), vgg(WIDE, (2, 2), seed=5)
    found = DifferentiableVGG(first)
    with torch.inference_mode():
        images_of_host = images.clone()
        expected = [network(images_of_host, taps)["relu2_2"] for network in (first, second)]
        levels, trace = found.forward(images_of_host, taps)
        assert distance(levels["relu2_2"], expected[0]) < 3e-6
        gradient = found.backward(trace, {"relu2_2": expected[1]})
        for mine, other in zip(first.parameters(), second.parameters(), strict=True):
            mine.data = other.data.clone()
        assert distance(found.forward(images_of_host, taps)[0]["relu2_2"], expected[1]) < 3e-6
    assert not gradient.is_inference()
    gradient += 1
    with torch.no_grad():
        for weight in first.parameters():
            weight.set_(torch.zeros_like(weight)) if weight.is_inference() else weight.zero_()
    assert float(found.forward(images, taps)[0]["relu2_2"].abs().max()) == 0
