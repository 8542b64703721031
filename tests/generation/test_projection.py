"""Projection finds what the generator made, by the authors' schedule, and goes on where it was stopped."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from style_atelier.models.encoders.filter_bank import filter_bank
from style_atelier.models.generation.generator import Generator, in_range
from style_atelier.models.generation.noise import Noise
from style_atelier.models.generation.projection import Projection, ProjectionSettings, adam, begin, project, regularity, schedule
from style_atelier.models.library.stylizers import load_encoder
from style_atelier.models.metrics.perceptual import PerceptualEmbedding
from style_atelier.tests.families.generator_files import generator
from style_atelier.tests.families.test_generator_golden import HERE, at


def embedding() -> PerceptualEmbedding:
    nowhere: Any = None
    return PerceptualEmbedding(load_encoder("Pocket (built-in)", nowhere))


@torch.no_grad()
def target_of(made: Generator, seed: int) -> Tensor:
    return in_range(made.paint(made.map(made.latents([seed])), Noise()))


def test_the_schedule_is_the_authors() -> None:
    settings = ProjectionSettings()
    assert schedule(settings, 0) == (0.0, 0.05)
    rate, wandering = schedule(settings, 500)
    assert rate == pytest.approx(0.1)
    assert wandering == pytest.approx(0.05 * (1 - 0.5 / 0.75) ** 2)
    assert schedule(settings, 25)[0] == pytest.approx(0.05)
    assert schedule(settings, 875)[0] == pytest.approx(0.1 * (0.5 - 0.5 * math.cos(math.pi / 2)))
    assert schedule(settings, 800)[1] == 0


def test_adam_is_that_of_torch() -> None:
    start = torch.randn(7, generator=torch.Generator().manual_seed(0))
    ours, moments = start.clone(), (torch.zeros(7), torch.zeros(7))
    theirs = torch.nn.Parameter(start.clone())
    optimizer = torch.optim.Adam([theirs], betas=(0.9, 0.999), lr=0.1)
    for step in range(1, 30):
        gradient = torch.sin(ours * step)
        theirs.grad = gradient.clone()
        optimizer.step()
        adam(ours, gradient, moments, 0.1, step)
        torch.testing.assert_close(ours, theirs.detach(), atol=1e-6, rtol=0)


def test_regularity() -> None:
    """White noise has nearly none, a flat map the most: one for each axis and scale."""
    assert float(regularity(torch.ones(32, 32))) == pytest.approx(2 * 3)
    assert float(regularity(torch.randn(256, 256, generator=torch.Generator().manual_seed(0)))) < 0.01


@pytest.mark.parametrize("space", ["W", "W+"])
def test_it_finds_a_picture_of_the_generator(space: Any, tmp_path: Any) -> None:
    """LPIPS-like distance at most a tenth of the start in 300 steps."""
    made = at(HERE, "ada_resnet32_clamp05.pkl", tmp_path)
    embed, target = embedding(), target_of(made, 5)
    settings = ProjectionSettings(steps=300, space=space, optimize_noise=False)
    found = project(made, target, embed, settings, begin(made, settings))
    with torch.no_grad():
        distance = (embed(in_range(made.paint(found.values(made.rows), Noise()))) - embed(target)).square().sum()
    assert float(distance) <= 0.1 * found.distances[0]
    assert found.values(made.rows).shape == (1, made.rows, made.style)


def test_it_goes_on_where_it_was_stopped() -> None:
    made, embed = generator("stylegan2"), PerceptualEmbedding(filter_bank(), ["relu1_2"])
    target, settings = target_of(made, 3), ProjectionSettings(steps=12)
    whole = project(made, target, embed, settings, begin(made, settings))

    def stop(done: int, total: int, preview: Tensor | None = None) -> None:
        if done == 5:
            raise KeyboardInterrupt

    part = begin(made, settings)
    with pytest.raises(KeyboardInterrupt):
        project(made, target, embed, settings, part, stop)
    assert part.step == 5
    rest: Projection = project(made, target, embed, settings, part)
    torch.testing.assert_close(rest.w, whole.w, atol=0, rtol=0)
    assert rest.distances == whole.distances
    assert len(rest.maps) == len(made.noise_shapes())
    for level in rest.maps:
        assert float(level.mean()) == pytest.approx(0, abs=0.2)


def test_noise_is_found_too() -> None:
    made, embed = generator("stylegan2"), embedding()
    settings = ProjectionSettings(steps=40)
    found = project(made, target_of(made, 3), embed, settings, begin(made, settings))
    with torch.no_grad():
        one = made.paint(found.values(made.rows), Noise.given(found.maps))
        other = made.paint(found.values(made.rows), Noise())
    assert float((one - other).abs().max()) > 1e-3


def test_the_embedding_is_a_distance() -> None:
    embed = embedding()
    a, b = torch.rand(2, 3, 64, 64), torch.rand(1, 3, 64, 64)
    assert embed(a).shape[0] == 2
    assert float((embed(a[:1]) - embed(a[:1])).square().sum()) == 0
    assert float((embed(a[:1]) - embed(b)).square().sum()) > 0
    assert embed(torch.rand(1, 3, 1024, 1024)).shape == embed(torch.rand(1, 3, 256, 256)).shape
