"""The optimization: sizes, seconds, stops and continuations, seeds; Adam and L-BFGS against what they should be."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from style_atelier.models.encoders.encoder import Encoder
from style_atelier.models.encoders.filter_bank import filter_bank
from style_atelier.models.encoders.pixels import PIXELS
from style_atelier.models.objectives.content import ContentObjective
from style_atelier.models.objectives.objective import Objectives
from style_atelier.models.objectives.smoothness import SmoothnessObjective
from style_atelier.models.objectives.style import Gram, Sorted, StyleObjective
from style_atelier.models.optimization import engine
from style_atelier.models.optimization.chart import curve_picture, under
from style_atelier.models.optimization.engine import Optimization, OptimizeSettings, begin, optimize
from style_atelier.models.optimization.memory import bytes_of_gradient, plan
from style_atelier.models.optimization.presets import PRESETS
from style_atelier.models.optimization.steppers import LBFGS, Adam, NaturalScale

HEIGHT, WIDTH = 48, 64


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return filter_bank()


def picture(seed: int, height: int = HEIGHT, width: int = WIDTH) -> Tensor:
    coarse = torch.rand(1, 3, 6, 8, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic").clamp(0, 1)


def objectives(encoder: Encoder, statistic: Any = Gram()) -> Objectives:
    return Objectives(
        (
            ContentObjective(1.0, encoder, picture(1), ("relu2_1",)),
            StyleObjective(5.0, encoder, picture(2), statistic, ("relu1_1", "relu2_1")),
            SmoothnessObjective(0.1, PIXELS),
        )
    )


def run(goal: Objectives, settings: OptimizeSettings, at: Optimization | None = None, progress: Any = None) -> Optimization:
    state = at or begin(picture(1), HEIGHT, WIDTH, settings, torch.device("cpu"))
    return optimize(goal, 0, HEIGHT, WIDTH, settings, state, progress or (lambda *_: None))


SMALL = OptimizeSettings(steps=4, coarse_steps=3, smallest=40)
BOTH = [SMALL, OptimizeSettings(steps=4, coarse_steps=3, smallest=40, optimizer="adam")]


def test_sizes_are_a_root_of_two_apart_and_end_at_the_pictures_own() -> None:
    assert OptimizeSettings(steps=9, coarse_steps=5, smallest=128).scales(300, 400) == [
        (106, 141, 5),
        (150, 200, 5),
        (212, 283, 5),
        (300, 400, 9),
    ]
    assert [w for _, w, _ in OptimizeSettings(smallest=128).scales(192, 256)] == [128, 181, 256], "128 itself is one of them"
    assert OptimizeSettings(steps=9, smallest=0).scales(300, 400) == [(300, 400, 9)]
    assert OptimizeSettings(steps=9, smallest=500).scales(300, 400) == [(300, 400, 9)]


@pytest.mark.parametrize("settings", BOTH, ids=lambda s: s.optimizer)
@pytest.mark.parametrize("statistic", [Gram(), Sorted(samples=200)], ids=lambda s: s.title)
def test_a_seed_gives_the_same_picture_and_the_loss_falls(encoder: Encoder, settings: OptimizeSettings, statistic: Any) -> None:
    a, b = (run(objectives(encoder, statistic), settings) for _ in range(2))
    assert torch.equal(a.result(HEIGHT, WIDTH), b.result(HEIGHT, WIDTH))
    final = [r.loss for r in a.curve if r.scale == a.curve[-1].scale]
    assert min(final) < final[0]
    assert len(a.curve) == sum(steps for _, _, steps in settings.scales(HEIGHT, WIDTH))


class Stop(BaseException):
    """As hosts interrupt."""


@pytest.mark.parametrize("settings", BOTH, ids=lambda s: s.optimizer)
@pytest.mark.parametrize("tile", [0, 32])
def test_stopped_anywhere_it_goes_on_to_the_same_picture(encoder: Encoder, settings: OptimizeSettings, tile: int) -> None:
    settings = OptimizeSettings(**{**vars(settings), "tile": tile})
    goal = objectives(encoder, Sorted(samples=200))
    calls = 0

    def count(*_: Any) -> None:
        nonlocal calls
        calls += 1

    whole = run(goal, settings, progress=count)
    for at_call in sorted({1, 2, calls // 3, calls // 2, calls - 3, calls - 1}):
        left = at_call

        def stop(*_: Any) -> None:
            nonlocal left
            left -= 1
            if not left:
                raise Stop

        state = begin(picture(1), HEIGHT, WIDTH, settings, torch.device("cpu"))
        with pytest.raises(Stop):
            run(goal, settings, state, stop)
        assert state.result(HEIGHT, WIDTH).shape == (1, 3, HEIGHT, WIDTH)
        again = run(goal, settings, state)
        assert torch.equal(again.result(HEIGHT, WIDTH), whole.result(HEIGHT, WIDTH)), f"stopped at call {at_call} of {calls}"


def test_seconds_are_shared_between_sizes_and_every_size_has_a_step(encoder: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]

    def tick() -> float:
        now[0] += 0.25
        return now[0]

    monkeypatch.setattr(engine.time, "monotonic", tick)
    settings = OptimizeSettings(steps=500, coarse_steps=500, smallest=30, seconds=30)
    made = run(objectives(encoder), settings)
    counts = [sum(r.scale == i for r in made.curve) for i in range(3)]
    assert min(counts) >= 1
    assert counts[2] > counts[0]
    assert made.finished
    assert made.curve[-1].seconds <= 31
    nothing = run(objectives(encoder), OptimizeSettings(steps=500, coarse_steps=500, smallest=30, seconds=0.001))
    assert len(nothing.curve) == 3


def test_previews_arrive(encoder: Encoder) -> None:
    seen: list[Tensor] = []
    run(
        objectives(encoder),
        SMALL,
        progress=lambda done, total, preview=None: seen.append(preview) if preview is not None else None,
    )
    assert seen
    assert all(float(p.min()) >= 0 and float(p.max()) <= 1 for p in seen)


def test_normalized_gradients_are_for_adam() -> None:
    with pytest.raises(ValueError, match="needs the optimizer adam"):
        OptimizeSettings(normalize=True).checked()


def test_adam_is_pytorchs() -> None:
    x = torch.full((1, 3, 4, 5), 0.5)
    theirs = x.clone().requires_grad_()
    optimizer, ours, mine = torch.optim.Adam([theirs], lr=0.01, betas=(0.9, 0.99)), Adam(0.01), x
    wanted = torch.rand(1, 3, 4, 5, generator=torch.Generator().manual_seed(0)) * 0.4 + 0.3
    for _ in range(20):
        optimizer.zero_grad()
        (theirs - wanted).square().sum().backward()
        optimizer.step()
        mine = ours.step(mine, 0.0, 2 * (mine - wanted))
    assert torch.allclose(mine, theirs.detach(), atol=1e-6)
    assert float(ours.resized(8, 10).second.min()) >= 0  # type: ignore[union-attr]


def follow(stepper: LBFGS, x: Tensor, loss: Any, steps: int) -> float:
    """The lowest loss within so many evaluations."""
    best = float("inf")
    for _ in range(steps):
        y = x.detach().requires_grad_()
        value = loss(y)
        best = min(best, float(value.detach()))
        x = stepper.step(x, float(value.detach()), torch.autograd.grad(value, y)[0])
    return best


def test_lbfgs_finds_the_bottom_of_a_bowl_and_of_a_banana() -> None:
    wanted = torch.randn(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    scales = torch.logspace(-2, 2, wanted.numel()).view_as(wanted)
    first = float((wanted.square() * scales).sum())
    assert follow(LBFGS(), torch.zeros_like(wanted), lambda x: ((x - wanted).square() * scales).sum(), 150) < 1e-5 * first
    start = torch.tensor([-1.2, 1.0]).view(1, 1, 1, 2)

    def rosenbrock(x: Tensor) -> Tensor:
        a, b = x.flatten()
        return (1 - a) ** 2 + 100 * (b - a**2) ** 2

    assert follow(LBFGS(), start, rosenbrock, 100) < 1e-4


def test_a_loss_that_is_no_number_shortens_the_step() -> None:
    stepper = LBFGS()
    x = torch.full((1, 3, 4, 4), 0.5)
    far = stepper.step(x, 1.0, torch.ones_like(x))
    nearer = stepper.step(far, float("nan"), torch.full_like(x, float("nan")))
    assert bool(torch.isfinite(nearer).all())
    assert float((nearer - x).abs().max()) < float((far - x).abs().max())


def test_long_waves_and_brightness_move_further_and_the_matrix_is_symmetric_and_positive() -> None:
    scale = NaturalScale.of(torch.zeros(1, 3, 16, 20))
    a, b = torch.randn(2, 1, 3, 16, 20, generator=torch.Generator().manual_seed(0))
    assert float((scale(a) * b).sum()) == pytest.approx(float((a * scale(b)).sum()), rel=1e-4)
    assert float((scale(a) * a).sum()) > 0
    flat = torch.ones(1, 3, 16, 20)
    color = flat * torch.tensor([1.0, -2.0, 1.0])[:, None, None]
    torch.testing.assert_close(scale(color), 30 * color, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(scale(flat), 2 * 30 * flat, rtol=1e-4, atol=1e-4)


def test_memory_plans_keep_to_the_budget(encoder: Encoder) -> None:
    goal = objectives(encoder)
    for budget in (0.6e9, 1.5e9, 6e9):
        found = plan(goal, 2000, 3000, "adam", 20, budget)
        assert found.bytes <= max(budget, 0.8e9)
        assert found.tile or budget > 2e9
    assert plan(goal, 2000, 3000, "lbfgs", 100, 2e9).history < 100
    assert bytes_of_gradient(encoder, ["relu1_1"]) < bytes_of_gradient(encoder, ["relu5_1"])


@pytest.mark.parametrize("name", PRESETS)
def test_presets_make_objectives_for_any_encoder(encoder: Encoder, name: str) -> None:
    made = PRESETS[name].objectives(encoder, picture(1), [picture(2), picture(3)], 2.0, 1.0, (3.0, 1.0))
    styles = [part.weight for part in made.parts if part.title.startswith("style")]
    assert styles[0] == pytest.approx(3 * styles[1])


def test_curves_are_pictures(encoder: Encoder) -> None:
    made = run(objectives(encoder), SMALL)
    assert curve_picture(made.curve, ["a", "b", "c"], [1, 5, 0.1]).shape == (1, 3, 432, 768)
    assert curve_picture([], [], []).shape == (1, 3, 432, 768)
    assert under(torch.zeros(1, 3, 60, 80), made.curve).shape[2] > 60
