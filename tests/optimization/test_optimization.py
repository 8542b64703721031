"""The optimization under stops at any time, and what is kept from step to step: the best, the mean, the moments, the budget."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from style_atelier.models.encoders.encoder import Encoder
from style_atelier.models.encoders.filter_bank import filter_bank
from style_atelier.models.encoders.pixels import PIXELS
from style_atelier.models.objectives.content import ContentObjective
from style_atelier.models.objectives.objective import Objectives
from style_atelier.models.objectives.patches import PatchObjective
from style_atelier.models.objectives.smoothness import SmoothnessObjective
from style_atelier.models.objectives.style import Sorted, StyleObjective
from style_atelier.models.ops.resize import enlarged
from style_atelier.models.optimization import engine
from style_atelier.models.optimization.engine import RECENT, Optimization, OptimizeSettings, begin, grow, optimize
from style_atelier.models.optimization.steppers import LBFGS, Adam

HEIGHT, WIDTH = 40, 56
LBFGS_SMALL = OptimizeSettings(steps=4, coarse_steps=3, smallest=38)
ADAM_SMALL = OptimizeSettings(steps=4, coarse_steps=3, smallest=38, optimizer="adam", rate=0.01)
BOTH = pytest.mark.parametrize("settings", [LBFGS_SMALL, ADAM_SMALL], ids=lambda s: s.optimizer)


class Stop(BaseException):
    """As hosts interrupt."""


@pytest.fixture(scope="module")
def goal() -> Objectives:
    """Content, a style that draws by chance, and smoothness, through two encoders."""
    encoder = filter_bank()
    return Objectives(
        (
            ContentObjective(1.0, encoder, picture(1), ("relu2_1",)),
            StyleObjective(3.0, encoder, picture(2), Sorted(samples=150), ("relu1_1", "relu2_1")),
            SmoothnessObjective(0.1, PIXELS),
        )
    )


def picture(seed: int, height: int = HEIGHT, width: int = WIDTH) -> Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed))


def fresh(settings: OptimizeSettings) -> Optimization:
    return begin(picture(1), HEIGHT, WIDTH, settings, torch.device("cpu"))


def go(goal: Objectives, settings: OptimizeSettings, at: Optimization, progress: Any = lambda *_: None) -> Optimization:
    return optimize(goal, 0, HEIGHT, WIDTH, settings, at, progress)


def following(stepper: LBFGS, x: Tensor, loss: Callable[[Tensor], Tensor], steps: int) -> list[float]:
    """The loss of every evaluation."""
    losses = []
    for _ in range(steps):
        y = x.detach().requires_grad_()
        value = loss(y)
        losses.append(float(value.detach()))
        x = stepper.step(x, losses[-1], torch.autograd.grad(value, y)[0])
    return losses


@BOTH
def test_stopped_again_and_again_it_comes_to_the_same_picture(goal: Objectives, settings: OptimizeSettings) -> None:
    whole = go(goal, settings, fresh(settings))
    at, luck, stops = fresh(settings), random.Random(0), 0

    def progress(done: int, total: int, preview: Tensor | None = None) -> None:
        if luck.random() < 0.1:
            raise Stop

    while not at.finished and stops < 200:
        try:
            go(goal, settings, at, progress)
        except Stop:
            stops += 1
            assert at.result(HEIGHT, WIDTH).shape == (1, 3, HEIGHT, WIDTH)
    assert stops > 2
    assert torch.equal(at.result(HEIGHT, WIDTH), whole.result(HEIGHT, WIDTH))
    assert [(r.scale, r.loss) for r in at.curve] == [(r.scale, r.loss) for r in whole.curve]


@BOTH
@pytest.mark.parametrize("scale", [0, 1])
def test_stopped_while_targets_are_made(
    goal: Objectives, settings: OptimizeSettings, scale: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, at, gather = go(goal, settings, fresh(settings)), fresh(settings), engine.gather

    def stopping(*given: Any) -> list[Tensor]:
        if at.scale == scale:
            raise Stop
        return gather(*given)

    with monkeypatch.context() as patch:
        patch.setattr(engine, "gather", stopping)
        with pytest.raises(Stop):
            go(goal, settings, at)
    assert at.scale == scale
    assert at.result(HEIGHT, WIDTH).shape == (1, 3, HEIGHT, WIDTH)
    assert torch.equal(go(goal, settings, at).result(HEIGHT, WIDTH), whole.result(HEIGHT, WIDTH))


def test_the_result_of_lbfgs_is_the_best_picture_of_the_size(goal: Objectives) -> None:
    at = go(goal, LBFGS_SMALL, fresh(LBFGS_SMALL))
    assert at.best_loss == min(r.loss for r in at.curve if r.scale == at.curve[-1].scale)
    assert at.best is not None
    assert torch.equal(at.result(HEIGHT, WIDTH), at.best.clamp(0, 1))


def test_the_result_of_adam_is_the_mean_of_its_pictures(goal: Objectives, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures: list[Tensor] = []
    step = Adam.step

    def noting(self: Adam, *given: Any) -> Tensor:
        pictures.append(step(self, *given))
        return pictures[-1].clone()

    monkeypatch.setattr(Adam, "step", noting)
    settings = OptimizeSettings(steps=6, smallest=0, optimizer="adam", averaging=0.5)
    at = go(goal, settings, fresh(settings))
    mean = pictures[0]
    for number, made in enumerate(pictures[1:], 1):
        mean = torch.lerp(mean, made, max(0.5, RECENT / (number + RECENT)))
    torch.testing.assert_close(at.result(HEIGHT, WIDTH), mean, atol=1e-6, rtol=0)
    last = OptimizeSettings(steps=6, smallest=0, optimizer="adam", averaging=0)
    assert go(goal, last, fresh(last)).mean is None


def test_growing_keeps_adams_moments_and_forgets_lbfgss_curvature() -> None:
    adam = Adam(0.01)
    adam.step(picture(1), 1.0, torch.randn(1, 3, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(3)))
    at = Optimization(picture(1), adam, torch.Generator(), best=picture(1), best_loss=1.0, mean=picture(2))
    grow(at, 57, 79)
    assert at.picture.shape == (1, 3, 57, 79)
    assert (at.best, at.mean, at.best_loss) == (None, None, float("inf"))
    made: Any = at.stepper
    assert made.steps == 1
    assert float(made.second.min()) >= float(adam.second.min()) >= 0  # type: ignore[union-attr]
    assert float(made.second.max()) <= float(adam.second.max())  # type: ignore[union-attr]
    torch.testing.assert_close(made.first, enlarged(adam.first, 57, 79))  # type: ignore[arg-type]
    lbfgs = LBFGS(7)
    following(lbfgs, picture(1), lambda x: x.square().sum(), 4)
    assert lbfgs.pairs
    assert lbfgs.resized(57, 79) == LBFGS(7)


def test_lbfgs_keeps_as_many_pairs_as_it_may_and_never_ends_above_its_best() -> None:
    stepper = LBFGS(history=3)
    losses = following(stepper, picture(1), lambda x: ((x - 0.5).square() * picture(4)).sum() + x[..., 1:].diff().abs().sum(), 40)
    assert len(stepper.pairs) == 3
    assert stepper.start_loss == min(losses)


def test_lbfgs_gets_on_with_a_loss_that_jumps() -> None:
    """Patches are matched by correlation and compared by distance: no step, however short, is sure to lower that."""
    goal = Objectives((PatchObjective(1.0, filter_bank(), picture(2), layers=("relu2_1",)),))
    at = go(goal, replace(LBFGS_SMALL, steps=40, smallest=0), fresh(LBFGS_SMALL))
    assert at.best_loss < 0.6 * at.curve[0].loss


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (5, 2)])
def test_lbfgs_on_the_smallest_pictures(size: tuple[int, int]) -> None:
    assert following(LBFGS(), picture(1, *size), lambda x: (x - 0.3).square().sum(), 30)[-1] < 1e-6


def test_a_continued_run_shares_its_seconds_by_what_is_left(goal: Objectives, monkeypatch: pytest.MonkeyPatch) -> None:
    """At a size that is nearly done, the time goes to the next one."""
    now = [0.0]
    step = LBFGS.step

    def slow(self: LBFGS, *given: Any) -> Tensor:
        now[0] += 1.0
        return step(self, *given)

    monkeypatch.setattr(engine.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(LBFGS, "step", slow)
    at = fresh(OptimizeSettings(steps=100, coarse_steps=40, smallest=38))

    def stop_late(done: int, total: int, preview: Tensor | None = None) -> None:
        if at.step == 38:
            raise Stop

    settings = OptimizeSettings(steps=100, coarse_steps=40, smallest=38, seconds=10)
    with pytest.raises(Stop):
        go(goal, OptimizeSettings(steps=100, coarse_steps=40, smallest=38), at, stop_late)
    go(goal, settings, at)
    counts = [sum(r.scale == i for r in at.curve) for i in range(2)]
    assert counts[0] == 39  # one of ten seconds: a tenth of the work that is left
    assert counts[1] == 9


def test_an_encoder_of_its_own_for_each_objective_is_asked_once(goal: Objectives) -> None:
    """Two wrappers of one network share what was made ready for it."""
    encoder = goal.parts[0].encoder
    twin = Encoder("twin", "Twin", encoder.module, encoder.encoding, encoder.default_taps, encoder.multiple)
    parts = (goal.parts[0], StyleObjective(3.0, twin, picture(2), Sorted(samples=150), ("relu1_1",)))
    at = fresh(LBFGS_SMALL)
    evaluator = engine.evaluator_for(Objectives(parts), 0, (HEIGHT, WIDTH), 1.0, LBFGS_SMALL, at, lambda: None)
    assert len(evaluator.groups) == 1
