"""Losses that follow words, with a small network in the place of CLIP."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from style_atelier.models.encoders.pixels import PIXELS
from style_atelier.models.objectives.objective import Objectives
from style_atelier.models.objectives.text import (
    LEAST_MOVE,
    DirectionTerm,
    PatchDirectionTerm,
    TextObjective,
    perspective,
    resized,
    text_direction,
)
from style_atelier.models.optimization.engine import OptimizeSettings, begin, evaluator_for, optimize

SIDE, WIDTH = 16, 12


class Embed:
    """Two layers with seeded weights; counts the pictures that it sees at once."""

    def __init__(self) -> None:
        drawn = torch.Generator().manual_seed(0)
        self.first = torch.randn(WIDTH, 3, 4, 4, generator=drawn)
        self.second = torch.randn(WIDTH, WIDTH, generator=drawn)
        self.most = 0

    def __call__(self, pictures: Tensor) -> Tensor:
        assert pictures.shape[1:] == (3, SIDE, SIDE)
        self.most = max(self.most, len(pictures))
        return torch.tanh(F.conv2d(pictures - 0.5, self.first, stride=4).flatten(2).square().mean(2)) @ self.second

    def __repr__(self) -> str:
        return "small"


def picture(seed: int, height: int = 24, width: int = 40) -> Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed))


def chance(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def way() -> Tensor:
    return torch.randn(1, WIDTH, generator=chance(7))


def origin(embed: Embed, content: Tensor) -> Tensor:
    return F.normalize(embed(resized(content, SIDE)), dim=-1)


def objective(embed: Embed | None = None, **changes: object) -> TextObjective:
    given = {"picture": picture(0), "embed": embed or Embed(), "side": SIDE, "direction": way(), "text": "fire", "crops": 6}
    return TextObjective(1.0, PIXELS, **{**given, **changes})  # type: ignore[arg-type]


def test_the_texts_direction_is_between_vectors_of_length_one() -> None:
    style, source = torch.randn(5, WIDTH, generator=chance()), torch.randn(3, WIDTH, generator=chance(2))
    first, second = style.mean(0), source.mean(0)
    torch.testing.assert_close(text_direction(style, source)[0], first / first.norm() - second / second.norm())
    torch.testing.assert_close(text_direction(style * 9, source), text_direction(style, source))


def test_the_whole_picture_is_compared_by_its_angle() -> None:
    embed = Embed()
    start = origin(embed, picture(0))
    moved = origin(embed, picture(3)) - start
    assert float(moved.norm()) > LEAST_MOVE
    term = DirectionTerm(embed, SIDE, start, way() * 5)
    torch.testing.assert_close(term.value(picture(3), chance()), 1 - F.cosine_similarity(moved, way())[0])


def test_at_the_content_itself_the_slope_is_moderate() -> None:
    embed = Embed()
    x = picture(0).requires_grad_()
    value = DirectionTerm(embed, SIDE, origin(embed, picture(0)), way()).value(x, chance())
    here = torch.autograd.grad(value, x)[0].norm()
    other = picture(3).requires_grad_()
    there = torch.autograd.grad(DirectionTerm(embed, SIDE, origin(embed, picture(0)), way()).value(other, chance()), other)[0]
    assert abs(float(value.detach()) - 1) < 1e-4
    assert 0 < float(here) < 100 * float(there.norm())


def test_crops_pass_a_few_at_a_time_with_the_same_gradient() -> None:
    embed = Embed()
    start = origin(embed, picture(0))
    found = []
    for together in (3, 100):
        x = picture(3).requires_grad_()
        value = PatchDirectionTerm(embed, SIDE, start, way(), 10, 0.5, 0.9, together).value(x, chance())
        found.append((value.detach(), torch.autograd.grad(value, x)[0]))
    torch.testing.assert_close(found[0], found[1])
    embed.most = 0
    PatchDirectionTerm(embed, SIDE, start, way(), 10, 0.5, 0.9, 3).value(picture(3), chance())
    assert embed.most == 3


def test_crops_that_are_near_enough_do_not_count() -> None:
    embed = Embed()
    start = origin(embed, picture(0))

    def value(threshold: float) -> float:
        return float(PatchDirectionTerm(embed, SIDE, start, way(), 12, 0.4, threshold).value(picture(3), chance()))

    assert value(2.1) == 0
    mean = value(0.0)
    assert mean > value(mean) > 0


@pytest.mark.parametrize("size", [(24, 40), (5, 3), (1, 1), (90, 70)])
def test_views_have_clips_size_whatever_the_pictures(size: tuple[int, int]) -> None:
    term = PatchDirectionTerm(Embed(), SIDE, torch.zeros(1, WIDTH), way(), 4, 0.7)
    views = term.views(picture(2, *size), 4, chance())
    assert views.shape == (4, 3, SIDE, SIDE)
    assert torch.equal(views, term.views(picture(2, *size), 4, chance()))
    assert not torch.equal(views, term.views(picture(2, *size), 4, chance(2)))


def test_a_large_crop_is_averaged_and_not_picked_from() -> None:
    """A fine chequerboard is gray from far away."""
    side = 16 * SIDE
    board = (torch.arange(side)[:, None] + torch.arange(side)).remainder(2).float().expand(1, 3, side, side)
    view = PatchDirectionTerm(Embed(), SIDE, torch.zeros(1, WIDTH), way(), 1, 1.0).views(board, 1, chance())
    assert float(view[..., SIDE // 2, SIDE // 2].sub(0.5).abs().max()) < 0.05


def test_a_perspective_draws_the_corners_in() -> None:
    cut = picture(0, SIDE, SIDE)
    still = F.grid_sample(cut, perspective([0.0] * 8, SIDE).float(), align_corners=False)
    torch.testing.assert_close(still, cut)
    # the upper left corner half way to the middle of its half: a quarter of the side on
    grid = perspective([1.0, 1.0, *[0.0] * 6], 4 * SIDE)[0]
    torch.testing.assert_close(grid[SIDE, SIDE], torch.tensor([-1.0, -1.0], dtype=torch.float64), atol=0.06, rtol=0)
    torch.testing.assert_close(grid[-1, -1], torch.tensor([1.0, 1.0], dtype=torch.float64), atol=0.06, rtol=0)


def test_optimizing_lowers_it_from_the_content_on() -> None:
    settings = OptimizeSettings(steps=40, smallest=0, optimizer="adam", rate=0.02, averaging=0.0)
    at = begin(picture(0), 24, 40, settings, torch.device("cpu"))
    optimize(Objectives((objective(),)), 0, 24, 40, settings, at)
    values = [record.loss for record in at.curve]
    assert values[-1] < 0.85 * values[0]


def test_shares_of_nothing_are_left_out() -> None:
    counts = {}
    for name, changes in {
        "both": {},
        "no patches": {"patch_share": 0.0},
        "no crops": {"crops": 0},
        "patches": {"direction_share": 0.0},
    }.items():
        settings = OptimizeSettings()
        at = begin(picture(0), 24, 40, settings, torch.device("cpu"))
        bound = evaluator_for(Objectives((objective(**changes),)), 0, (24, 40), 1.0, settings, at, lambda: None)
        counts[name] = len(bound.whole)
    assert counts == {"both": 2, "no patches": 1, "no crops": 1, "patches": 1}


def test_identity() -> None:
    assert objective().identity() == objective().identity()
    assert objective(direction=way() + 1).identity() != objective().identity()
    assert "embed=small" in objective().identity()
