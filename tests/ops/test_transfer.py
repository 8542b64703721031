"""Invariants that hold for any features."""

from __future__ import annotations

import pytest
import torch

from style_atelier.models.ops.affine import AffineMap, mix
from style_atelier.models.ops.color import keep_color, rgb_to_yiq, yiq_to_rgb
from style_atelier.models.ops.features import Features
from style_atelier.models.ops.masks import partition
from style_atelier.models.ops.moments import Moments, measure
from style_atelier.models.ops.transfer import METHODS, blend_features, moved, transfer_features, transfer_map
from style_atelier.models.ops.whitening import newton_schulz_map, symmetric_power, zca_map


def cloud(seed: int, c: int = 12, h: int = 20, w: int = 24, batch: int = 1) -> torch.Tensor:
    """Correlated random features with a mean."""
    g = torch.Generator().manual_seed(seed)
    mixing = torch.randn(c, c, generator=g) / c**0.5 + torch.eye(c)
    x = torch.randn(batch, c, h, w, generator=g)
    return torch.einsum("ij,bjhw->bihw", mixing, x) + torch.randn(1, c, 1, 1, generator=g)


def features(x: torch.Tensor, encoder: str = "e") -> Features:
    return Features({"t": x}, x.shape[2], x.shape[3], encoder)


@pytest.mark.parametrize("method", METHODS)
def test_transfer_of_a_picture_with_itself_is_identity(method: str) -> None:
    x = cloud(0)
    assert torch.allclose(transfer_features(features(x), features(x), method).levels["t"], x, atol=2e-3)


@pytest.mark.parametrize("method", METHODS)
def test_strength_zero_changes_nothing(method: str) -> None:
    x = cloud(0)
    assert torch.allclose(transfer_features(features(x), features(cloud(1)), method, 0.0).levels["t"], x, atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_result_has_the_styles_statistics(method: str) -> None:
    content, style = cloud(0), cloud(1, h=31)
    made = transfer_features(features(content), features(style), method).levels["t"]
    a, b = measure(made, full=True), measure(style, full=True)
    assert torch.allclose(a.mean, b.mean, atol=1e-4)
    assert torch.allclose(a.std(), b.std(), rtol=2e-3)
    if method != "adain":
        assert torch.allclose(a.covariance(), b.covariance(), atol=6e-3)


@pytest.mark.parametrize("method", METHODS)
def test_positions_do_not_matter(method: str) -> None:
    content, style = cloud(0), cloud(1)
    order = torch.randperm(style.shape[2] * style.shape[3], generator=torch.Generator().manual_seed(0))
    shuffled = style.flatten(2)[:, :, order].reshape(style.shape)
    a = transfer_features(features(content), features(style), method).levels["t"]
    b = transfer_features(features(content), features(shuffled), method).levels["t"]
    assert torch.allclose(a, b, atol=1e-4)


def test_adain_ignores_the_scale_of_the_content() -> None:
    content, style = cloud(0), cloud(1)
    a = transfer_features(features(content), features(style)).levels["t"]
    b = transfer_features(features(content * 3 + 1), features(style)).levels["t"]
    assert torch.allclose(a, b, atol=1e-4)


def test_whitened_covariance_is_the_identity() -> None:
    m = measure(cloud(0), full=True)
    white = symmetric_power(m.covariance().double(), -0.5)
    assert torch.allclose(white @ m.covariance().double() @ white, torch.eye(12).double()[None], atol=1e-8)


def test_newton_schulz_is_zca_by_products() -> None:
    content, style = measure(cloud(0), full=True), measure(cloud(1), full=True)
    a, b = zca_map(content, style), newton_schulz_map(content, style)
    assert torch.allclose(a.matrix, b.matrix, atol=2e-2)


def test_optimal_transport_moves_least() -> None:
    content, style = cloud(0), cloud(1)
    cost = {
        method: float((transfer_features(features(content), features(style), method).levels["t"] - content).square().mean())
        for method in METHODS
        if method != "adain"
    }
    assert min(cost, key=cost.__getitem__) == "optimal_transport"


def test_rank_deficient_style_gives_a_finite_map() -> None:
    flat = torch.ones(1, 12, 8, 8) * torch.linspace(0, 1, 12)[None, :, None, None]
    for method in METHODS:
        made = transfer_features(features(cloud(0)), features(flat), method).levels["t"]
        assert bool(torch.isfinite(made).all()), method


@pytest.mark.parametrize("full", [False, True])
def test_merged_moments_are_the_moments_of_the_whole(full: bool) -> None:
    x = cloud(0, h=33).double()
    whole = measure(x, full=full)
    parts = measure(x[:, :, :10], full=full).merge(measure(x[:, :, 10:], full=full))
    for name in ("weight", "mean", "scatter"):
        assert torch.allclose(getattr(parts, name), getattr(whole, name), rtol=1e-10)


def test_masked_moments_are_those_of_the_region() -> None:
    x, mask = cloud(0), torch.zeros(1, 1, 20, 24)
    mask[..., 5:, :10] = 1
    a, b = measure(x, mask, full=True), measure(x[..., 5:, :10], full=True)
    assert torch.allclose(a.mean, b.mean, atol=1e-5)
    assert torch.allclose(a.covariance(), b.covariance(), atol=1e-4)


@pytest.mark.parametrize("full", [False, True])
def test_moments_after_a_map_need_no_features(full: bool) -> None:
    content, style = measure(cloud(0), full=full), measure(cloud(1), full=full)
    mapping = transfer_map(content, style, "zca" if full else "adain").weaken(0.6)
    a, b = moved(content, mapping), measure(mapping(cloud(0)), full=full)
    assert torch.allclose(a.mean, b.mean, atol=1e-4)
    assert torch.allclose(a.scatter, b.scatter, rtol=1e-3, atol=1e-1)


def test_mixing_maps_is_mixing_outputs() -> None:
    x = cloud(0)
    a = AffineMap(torch.rand(1, 12), torch.rand(1, 12))
    b = zca_map(measure(x, full=True), measure(cloud(1), full=True))
    assert torch.allclose(mix([a, b], [1, 3])(x), 0.25 * a(x) + 0.75 * b(x), atol=1e-4)


def test_transfer_stays_inside_the_content_mask() -> None:
    x, mask = cloud(0), torch.zeros(1, 1, 20, 24)
    mask[..., :10, :] = 1
    made = transfer_features(features(x), features(cloud(1)), content_mask=mask).levels["t"]
    assert torch.equal(made[..., 10:, :], x[..., 10:, :])
    region = measure(made[..., :10, :])
    assert torch.allclose(region.mean, measure(cloud(1)).mean, atol=1e-4)


def test_partition_never_exceeds_one() -> None:
    masks = partition([torch.ones(1, 1, 4, 4), torch.full((1, 1, 4, 4), 0.5)])
    assert torch.allclose(torch.stack(masks).sum(0), torch.ones(1, 1, 4, 4))


def test_blend_is_the_weighted_mean_and_names_what_does_not_fit() -> None:
    a, b = features(cloud(0)), features(cloud(1))
    blended = blend_features([a, b], [1, 1]).levels["t"]
    assert torch.allclose(blended, (a.levels["t"] + b.levels["t"]) / 2)
    with pytest.raises(ValueError, match="same size"):
        blend_features([a, features(cloud(1, h=5))], [1, 1])
    with pytest.raises(ValueError, match="same encoder"):
        blend_features([a, features(cloud(1), "other")], [1, 1])


def test_yiq_round_trip_and_luminance_keeping() -> None:
    image, photo = torch.rand(1, 3, 9, 7), torch.rand(1, 3, 9, 7)
    assert torch.allclose(yiq_to_rgb(rgb_to_yiq(image)), image, atol=1e-5)
    kept = keep_color(image * 0.2 + 0.4, photo * 0.1 + 0.45, "luminance")
    assert torch.allclose(rgb_to_yiq(kept)[:, :1], rgb_to_yiq(image * 0.2 + 0.4)[:, :1], atol=1e-4)
    assert torch.allclose(rgb_to_yiq(kept)[:, 1:], rgb_to_yiq(photo * 0.1 + 0.45)[:, 1:], atol=1e-4)


def test_moments_without_covariance_say_so() -> None:
    with pytest.raises(ValueError, match="full=True"):
        Moments(torch.ones(1), torch.zeros(1, 3), torch.zeros(1, 3)).covariance()
