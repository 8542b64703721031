"""Objectives: every loss and its gradient against a plain float64 computation, zeros at the target, regions, tiles."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from style_atelier.models.encoders.encoder import Encoder
from style_atelier.models.encoders.filter_bank import filter_bank
from style_atelier.models.encoders.pixels import PIXELS
from style_atelier.models.objectives.content import ContentObjective, FeatureTerm, LaplacianObjective, LaplacianTerm
from style_atelier.models.objectives.distributions import GaussianMMDTerm, SetTerm, SortedTerm, at_quantiles
from style_atelier.models.objectives.objective import Objective, Objectives, combine
from style_atelier.models.objectives.patches import MRFTerm, NearestFeatureTerm, PatchObjective, inside
from style_atelier.models.objectives.smoothness import SmoothnessObjective, VariationTerm
from style_atelier.models.objectives.statistics import (
    GramTerm,
    MeanStdTerm,
    MomentTerm,
    PolynomialMMDTerm,
    WassersteinTerm,
    products,
)
from style_atelier.models.objectives.style import (
    GaussianMMD,
    Gram,
    MeanStd,
    PolynomialMMD,
    Sorted,
    StyleObjective,
    Wasserstein,
    color_objective,
)
from style_atelier.models.objectives.term import Place, Term
from style_atelier.models.optimization.engine import OptimizeSettings, begin, evaluator_for
from style_atelier.models.optimization.evaluator import Evaluation

C, H, W, TAP = 6, 9, 11, "relu1_1"
TOLERANCE = 1e-5


def features(seed: int, height: int = H, width: int = W, channels: int = C) -> Tensor:
    return torch.randn(1, channels, height, width, generator=torch.Generator().manual_seed(seed)).add(0.3).relu()


def mask_of(height: int = H, width: int = W) -> Tensor:
    return torch.rand(1, 1, height, width, generator=torch.Generator().manual_seed(5))


def chance() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def ready(term: Term, f: Tensor) -> Term:
    term.begin(*f.shape[-2:], chance())
    return term


def aimed(term: MomentTerm, target: Tensor) -> MomentTerm:
    ready(type(term)(term.tap), target)
    gauge = GramTerm(term.tap) if not isinstance(term, MeanStdTerm) else MeanStdTerm(term.tap)
    term.aim(gauge.summary(target, Place.whole(target)))
    return term


def weights64(mask: Tensor | None, height: int = H, width: int = W) -> Tensor:
    return torch.ones(height * width, dtype=torch.float64) if mask is None else mask.double().flatten()


def gram64(f: Tensor, w: Tensor) -> Tensor:
    flat = f.flatten(2)[0]
    return (flat * w) @ flat.T / w.sum()


def mean64(f: Tensor, w: Tensor) -> Tensor:
    return (f.flatten(2)[0] * w).sum(1) / w.sum()


def cov64(f: Tensor, w: Tensor) -> Tensor:
    flat = f.flatten(2)[0] - mean64(f, w)[:, None]
    return (flat * w) @ flat.T / w.sum()


def root64(matrix: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(matrix)
    return (vectors * values.clamp_min(0).sqrt()) @ vectors.T


def agree(term: Term, f: Tensor, plain: Callable[[Tensor], Tensor]) -> None:
    """Value and gradient of a term, against a formula in float64."""
    a, b = f.clone().requires_grad_(), f.double().requires_grad_()
    made, wanted = ready(term, f)(a), plain(b)
    made.backward()
    wanted.backward()
    assert a.grad is not None
    assert b.grad is not None
    made, wanted = made.detach().double(), wanted.detach()
    assert float((made - wanted).abs()) <= TOLERANCE * max(1.0, float(wanted.abs()))
    assert float((a.grad.double() - b.grad).abs().max()) <= TOLERANCE * max(1.0, float(b.grad.abs().max()))


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("relative", [False, True])
def test_content(masked: bool, relative: bool) -> None:
    f, p, mask = features(1), features(2), mask_of() if masked else None
    w = weights64(mask).view(1, 1, H, W)

    def plain(x: Tensor) -> Tensor:
        error = ((x - p.double()).square() * w).sum()
        return error / (p.double().square() * w).sum() if relative else error / (C * w.sum())

    agree(FeatureTerm(TAP, p, mask, relative), f, plain)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize(("scale", "centered"), [("gatys", False), ("neural-style", False), ("relative", False), ("gatys", True)])
def test_gram(masked: bool, scale: str, centered: bool) -> None:
    f, s, mask = features(1), features(2, 7, 8), mask_of() if masked else None
    w, ones = weights64(mask), torch.ones(56, dtype=torch.float64)
    matrix = cov64 if centered else gram64
    target = matrix(s.double(), ones)
    factor = {"gatys": 1 / (4 * C**2), "neural-style": 1 / C**4, "relative": 1 / target.square().sum()}[scale]
    term = aimed(GramTerm(TAP, mask, scale, centered), s)  # type: ignore[arg-type]
    agree(term, f, lambda x: (matrix(x, w) - target).square().sum() * factor)


def test_gram_is_gatys_equation_4_and_neural_styles_mean() -> None:
    f, s = features(1), features(2)
    a, b = f.flatten(2)[0], s.flatten(2)[0]
    m = H * W
    paper = ((a @ a.T - b @ b.T).square().sum() / (4 * C**2 * m**2)).item()
    port = F.mse_loss(a @ a.T / f.numel(), b @ b.T / f.numel()).item()
    assert ready(aimed(GramTerm(TAP, scale="gatys"), s), f)(f).item() == pytest.approx(paper, rel=1e-5)
    assert ready(aimed(GramTerm(TAP, scale="neural-style"), s), f)(f).item() == pytest.approx(port, rel=1e-5)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("relative", [False, True])
def test_mean_std(masked: bool, relative: bool) -> None:
    f, s, mask = features(1), features(2, 7, 8), mask_of() if masked else None
    w, ones = weights64(mask), torch.ones(56, dtype=torch.float64)

    def pair(x: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        return mean64(x, v), (cov64(x, v).diagonal() + MeanStdTerm.EPS).sqrt()

    wanted = pair(s.double(), ones)

    def plain(x: Tensor) -> Tensor:
        return sum(
            ((a - b).square().sum() / (b.square().sum() if relative else C) for a, b in zip(pair(x, w), wanted, strict=True)),
            x.new_zeros(()),
        )

    agree(aimed(MeanStdTerm(TAP, mask, relative), s), f, plain)


@pytest.mark.parametrize(("degree", "constant"), [(1, 0.0), (2, 0.0), (2, 0.7)])
@pytest.mark.parametrize("masked", [False, True])
def test_polynomial_mmd_is_the_double_sum(degree: int, constant: float, masked: bool) -> None:
    f, s, mask = features(1), features(2, 7, 8), mask_of() if masked else None
    w = weights64(mask) / weights64(mask).sum()
    y = s.double().flatten(2)[0]
    v = torch.full((y.shape[1],), 1 / y.shape[1], dtype=torch.float64)

    def kernel(a: Tensor, b: Tensor) -> Tensor:
        return (a.T @ b + constant) ** degree

    def plain(x: Tensor) -> Tensor:
        x = x.flatten(2)[0]
        return (w @ kernel(x, x) @ w - 2 * w @ kernel(x, y) @ v + v @ kernel(y, y) @ v) / C**degree

    agree(aimed(PolynomialMMDTerm(TAP, mask, degree, constant), s), f, plain)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("relative", [False, True])
def test_wasserstein(masked: bool, relative: bool) -> None:
    f, s, mask = features(1), features(2, 7, 8), mask_of() if masked else None
    w, ones = weights64(mask), torch.ones(56, dtype=torch.float64)
    mean, spread = mean64(s.double(), ones), cov64(s.double(), ones)
    ridge = 1e-4 * spread.diagonal().mean() * torch.eye(C, dtype=torch.float64)
    scale = mean.square().sum() + spread.diagonal().sum() if relative else float(C)

    def plain(x: Tensor) -> Tensor:
        a, b = cov64(x, w) + ridge, spread + ridge
        root = root64(b)
        between = root64(root @ a @ root)
        return ((mean64(x, w) - mean).square().sum() + (a + b - 2 * between).diagonal().sum()) / scale

    agree(aimed(WassersteinTerm(TAP, mask, relative), s), f, plain)


@pytest.mark.parametrize("axes", ["channels", "random"])
@pytest.mark.parametrize("relative", [False, True])
def test_sorted(axes: str, relative: bool) -> None:
    f, s = features(1), features(2)
    target = s.flatten(2)[0]
    term = SortedTerm(TAP, target, axes=axes, relative=relative)  # type: ignore[arg-type]
    ready(term, f)
    frame = torch.eye(C, dtype=torch.float64) if term.frame is None else term.frame.double()
    factor = 1 / target.double().square().mean() if relative else 1.0

    def plain(x: Tensor) -> Tensor:
        made, wanted = (
            (frame @ x.flatten(2)[0]).sort(dim=1, stable=True).values,
            (frame @ target.double()).sort(dim=1, stable=True).values,
        )
        return (made - wanted).square().mean() * factor

    agree(term, f, plain)


def test_gaussian_mmd_is_the_double_sum() -> None:
    f, s = features(1), features(2, 7, 8)
    y = s.double().flatten(2)[0]
    scale = 2 * 2 * y.var(1, correction=0).sum()

    def kernel(a: Tensor, b: Tensor) -> Tensor:
        return torch.exp(-(a[:, :, None] - b[:, None]).square().sum(0) / scale)

    def plain(x: Tensor) -> Tensor:
        x = x.flatten(2)[0]
        return kernel(x, x).mean() - 2 * kernel(x, y).mean() + kernel(y, y).mean()

    agree(GaussianMMDTerm(TAP, s.flatten(2)[0], samples=0), f, plain)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("relative", [False, True])
def test_mrf(masked: bool, relative: bool) -> None:
    f, s, mask = features(1), features(2, 8, 8), mask_of() if masked else None
    target = inside(s, None, 3, 2)
    factor = 1 / target.double().square().mean() if relative else 1.0
    w = weights64(mask).view(H, W)[1:-1, 1:-1].flatten()

    def plain(x: Tensor) -> Tensor:
        total = x.new_zeros(())
        keys = target.double()
        for n, (i, j) in enumerate((i, j) for i in range(H - 2) for j in range(W - 2)):
            patch = x[0, :, i : i + 3, j : j + 3].flatten()
            best = (keys @ patch / keys.square().sum(1).sqrt()).argmax()
            total = total + (patch - keys[best]).square().mean() * w[n]
        return total * factor / w.sum()

    agree(MRFTerm(TAP, target, 3, mask, relative), f, plain)


@pytest.mark.parametrize("masked", [False, True])
def test_nearest_features(masked: bool) -> None:
    f, s, mask = features(1).add(0.01), features(2, 8, 8).add(0.01), mask_of() if masked else None
    w = weights64(mask)

    def plain(x: Tensor) -> Tensor:
        a, b = x.flatten(2)[0].T, s.double().flatten(2)[0].T
        similar = (a @ b.T) / (a.square().sum(1).sqrt()[:, None] * b.square().sum(1).sqrt()[None])
        return ((1 - similar).min(dim=1).values * w).sum() / w.sum()

    agree(NearestFeatureTerm(TAP, inside(s, None, 1, 1), mask), f, plain)


@pytest.mark.parametrize("kind", ["absolute", "squared"])
@pytest.mark.parametrize("masked", [False, True])
def test_variation(kind: str, masked: bool) -> None:
    x = torch.rand(1, 3, H, W, generator=chance())
    mask = mask_of() if masked else None
    w = weights64(mask).view(1, 1, H, W)

    def plain(p: Tensor) -> Tensor:
        down, right = p[:, :, 1:] - p[:, :, :-1], p[..., 1:] - p[..., :-1]
        size = (lambda d: d.abs()) if kind == "absolute" else (lambda d: d.square())
        return ((size(down) * w[:, :, :-1]).sum() + (size(right) * w[..., :-1]).sum()) / p.numel()

    agree(VariationTerm("pixels", kind, mask), x, plain)  # type: ignore[arg-type]


def test_laplacian() -> None:
    x, y = torch.rand(1, 3, H, W, generator=chance()), features(3, channels=3)

    def lap(p: Tensor) -> Tensor:
        g = p.sum(1)[0]
        return 4 * g[1:-1, 1:-1] - g[:-2, 1:-1] - g[2:, 1:-1] - g[1:-1, :-2] - g[1:-1, 2:]

    agree(LaplacianTerm("pixels", y), x, lambda p: (lap(p) - lap(y.double())).square().mean())


# What must hold for every style statistic

STATISTICS = [
    Gram(),
    Gram("gatys", centered=True),
    MeanStd(),
    PolynomialMMD(1),
    PolynomialMMD(2, 0.5),
    Wasserstein(),
    GaussianMMD(samples=0),
    Sorted(),
    Sorted("channels"),
]


def own_loss(statistic: object, f: Tensor, s: Tensor) -> float:
    gauge = ready(statistic.gauge(TAP, None), s)  # type: ignore[attr-defined]
    term = statistic.term(TAP, None, gauge.join([gauge.summary(s, Place.whole(s))]))  # type: ignore[attr-defined]
    return float(ready(term, f)(f))


@pytest.mark.parametrize("statistic", STATISTICS, ids=lambda s: s.title)
def test_style_is_nothing_at_the_target_and_blind_to_places(statistic: object) -> None:
    s = features(2)
    shuffled = s.flatten(2)[..., torch.randperm(H * W, generator=chance())].view_as(s)
    assert own_loss(statistic, s, s) == pytest.approx(0, abs=1e-5)
    assert own_loss(statistic, shuffled, s) == pytest.approx(0, abs=1e-5)
    assert own_loss(statistic, features(1).mul(2), s) > 1e-3


def test_moments_of_regions_add_up() -> None:
    f, mask = features(1), mask_of()
    parts = [ready(GramTerm(TAP, m), f).summary(f, Place.whole(f)) for m in (mask, 1 - mask)]
    whole = ready(GramTerm(TAP), f).summary(f, Place.whole(f))
    assert torch.allclose(parts[0] + parts[1], whole, rtol=1e-5, atol=1e-4)


def test_a_region_shifted_with_its_mask_has_the_same_statistics() -> None:
    f, mask = features(1), torch.zeros(1, 1, H, W)
    mask[..., 2:6, 3:7] = 1
    moved, moved_mask = f.roll((2, 3), (2, 3)), mask.roll((2, 3), (2, 3))
    a = ready(GramTerm(TAP, mask), f).summary(f, Place.whole(f))
    b = ready(GramTerm(TAP, moved_mask), moved).summary(moved, Place.whole(moved))
    assert torch.allclose(products(a), products(b), atol=1e-5)


def test_quantiles_of_other_sizes_keep_the_range_and_the_mean() -> None:
    ordered = torch.randn(2, 100, generator=chance()).sort(1).values
    for count in (50, 100, 333):
        found = at_quantiles(ordered, count)
        assert found.shape == (2, count)
        assert bool((found.diff(dim=1) >= 0).all())
        assert float((found.mean(1) - ordered.mean(1)).abs().max()) < 0.01


def test_positions_are_drawn_anew_by_the_generator_and_only_inside_the_mask() -> None:
    mask = torch.zeros(1, 1, 20, 20)
    mask[..., :10, :] = 1
    term = SortedTerm(TAP, torch.randn(C, 30), mask, samples=50)
    generator = chance()
    drawn = []
    for _ in range(2):
        term.begin(20, 20, generator)
        assert term.chosen is not None
        assert int(term.chosen.sum()) == 50
        assert not bool(term.chosen[10:].any())
        drawn.append(term.chosen)
    assert not torch.equal(*drawn)
    assert isinstance(term, SetTerm)


# Tiles


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return filter_bank()


def picture(seed: int, height: int, width: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, height // 8 + 1, width // 8 + 1, generator=generator)
    smooth = F.interpolate(coarse, (height, width), mode="bicubic").clamp(0, 1)
    return (smooth + 0.1 * torch.rand(1, 3, height, width, generator=generator)).clamp(0, 1)


def evaluate(parts: list[Objective], x: Tensor, tile: int, normalize: bool = False) -> Evaluation:
    settings = OptimizeSettings(tile=tile, normalize=normalize, optimizer="adam")
    height, width = x.shape[-2:]
    at = begin(x, height, width, settings, torch.device("cpu"))
    evaluator = evaluator_for(Objectives(tuple(parts)), 0, (height, width), 1.0, settings, at, lambda: None)
    return evaluator(x, chance())


TAPS = ("relu1_1", "relu2_1", "relu3_1")


def many(encoder: Encoder) -> dict[str, Objective]:
    content, style = picture(1, 203, 171), picture(2, 150, 190)
    mask = torch.zeros(1, 1, 203, 171)
    mask[..., 40:160, 30:100] = 1
    made: dict[str, Objective] = {
        "content": ContentObjective(1.0, encoder, content, ("relu3_1",)),
        "content in a region": ContentObjective(1.0, encoder, content, ("relu2_1",), (), mask),
        "Laplacian": LaplacianObjective(1.0, PIXELS, content),
        "variation": SmoothnessObjective(1.0, PIXELS, "squared"),
        "variation in a region": SmoothnessObjective(1.0, PIXELS, "absolute", mask),
        "color": color_objective(1.0, style),
        "mrf": PatchObjective(1.0, encoder, style, "mrf", ("relu3_1",), rotations=1),
        "mrf in a region": PatchObjective(1.0, encoder, style, "mrf", ("relu3_1",), (), mask),
        "nnfm": PatchObjective(1.0, encoder, style, "nnfm"),
        "Gram in a region": StyleObjective(1.0, encoder, style, Gram(), TAPS, (), mask),
    }
    made |= {s.title: StyleObjective(1.0, encoder, style, s, TAPS) for s in STATISTICS if not isinstance(s, GaussianMMD)}
    made["MMD Gaussian"] = StyleObjective(1.0, encoder, style, GaussianMMD(samples=300), TAPS)
    return made


def close(a: Tensor, b: Tensor, tolerance: float) -> bool:
    return float((a - b).abs().max()) <= tolerance * float(b.abs().max())


# Two features that differ by rounding alone may change places in a sorted row, and their targets with them.
NEAR_TIES = ("sliced Wasserstein", "histogram")


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("name", list(many(filter_bank())))
def test_tiles_give_the_gradient_of_the_whole(encoder: Encoder, name: str, normalize: bool) -> None:
    x, objective = picture(3, 203, 171), many(encoder)[name]
    whole, tiled = (evaluate([objective], x, tile, normalize) for tile in (0, 64))
    assert tiled.loss == pytest.approx(whole.loss, rel=1e-4)
    assert tiled.values == pytest.approx(whole.values, rel=1e-4)
    if name in NEAR_TIES:
        assert float((tiled.gradient - whole.gradient).norm()) <= 3e-4 * float(whole.gradient.norm())
    else:
        assert close(tiled.gradient, whole.gradient, 1e-4)


def test_the_gradient_is_that_of_the_loss(encoder: Encoder) -> None:
    """Against differences of the loss along a direction."""
    content, style, x = picture(1, 64, 64), picture(2, 64, 64), picture(3, 64, 64)
    parts = [ContentObjective(2.0, encoder, content, ("relu2_1",)), StyleObjective(3.0, encoder, style, Gram(), TAPS)]
    direction = picture(4, 64, 64) - 0.5
    found = evaluate(parts, x, 0)
    step = 1e-2
    rise = (evaluate(parts, x + step * direction, 0).loss - evaluate(parts, x - step * direction, 0).loss) / (2 * step)
    assert float((found.gradient * direction).sum()) == pytest.approx(rise, rel=2e-2)
    assert found.loss == pytest.approx(2 * found.values[0] + 3 * found.values[1], rel=1e-5)


def test_weights_multiply_and_pair_up(encoder: Encoder) -> None:
    one = Objectives((SmoothnessObjective(2.0, PIXELS),))
    both = combine([one, one], [1.0, 3.0])
    assert [part.weight for part in both.parts] == [2.0, 6.0]
    assert both.identity() == combine([one, one]).identity()
    assert both.weights() != combine([one, one]).weights()
    with pytest.raises(ValueError, match="one for each"):
        combine([one], [1.0, 2.0])
    with pytest.raises(ValueError, match="no tap"):
        evaluate([ContentObjective(1.0, encoder, picture(1, 32, 32), ("relu9_1",))], picture(1, 32, 32), 0)
    with pytest.raises(ValueError, match="layer_weights"):
        evaluate([StyleObjective(1.0, encoder, picture(1, 32, 32), Gram(), TAPS, (1.0,))], picture(1, 32, 32), 0)


def test_a_region_changes_only_what_its_encoder_sees(encoder: Encoder) -> None:
    """The gradient of a masked objective ends a receptive field beyond its mask."""
    style, x = picture(2, 96, 96), picture(3, 160, 160)
    mask = torch.zeros(1, 1, 160, 160)
    mask[..., :40, :40] = 1
    found = evaluate([StyleObjective(1.0, encoder, style, Gram(), ("relu1_1", "relu2_1"), (), mask)], x, 0)
    halo = encoder.encoding.halo(["relu2_1"])
    assert float(found.gradient[..., 40 + halo + 2 :, :].abs().max()) == 0
    assert float(found.gradient[..., :40, :40].abs().max()) > 0


def test_math_is_finite_for_flat_pictures(encoder: Encoder) -> None:
    flat = torch.full((1, 3, 48, 48), 0.5)
    style = picture(2, 48, 48)
    for statistic in STATISTICS:
        for reference, x in ((style, flat), (flat, style)):
            found = evaluate([StyleObjective(1.0, encoder, reference, statistic, TAPS)], x, 0)
            assert math.isfinite(found.loss)
            assert bool(torch.isfinite(found.gradient).all())


@pytest.mark.parametrize("statistic", [GaussianMMD(), Sorted(), Sorted("channels")], ids=lambda s: s.title)
def test_a_style_mask_smaller_than_a_feature_takes_the_features_it_covers_most(encoder: Encoder, statistic: object) -> None:
    style, x, mask = picture(2, 48, 48), picture(3, 48, 48), torch.zeros(1, 1, 48, 48)
    mask[..., 20, 21] = 1
    objective = StyleObjective(1.0, encoder, style, statistic, TAPS, (), None, mask)  # type: ignore[arg-type]
    assert math.isfinite(evaluate([objective], x, 0).loss)
