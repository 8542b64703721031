"""Perceptual path length against closed forms."""

from __future__ import annotations

from dataclasses import replace
from math import acos, pi, sin, sqrt
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from style_atelier.models.generation.generator import Generator, Placement, StyledLayer
from style_atelier.models.generation.noise import Noise
from style_atelier.models.metrics.path_length import (
    ADA,
    LAPTOP,
    PAPER,
    PathLengthSettings,
    face_part,
    perceptual_path_length,
    shrunk,
    slerp,
    summary,
)

FEW = PathLengthSettings(samples=50, batch=8)


class Linear(nn.Module):
    """w = z + classes moved; remembers what it was given."""

    def __init__(self, style: int, label: int) -> None:
        super().__init__()
        self.w_avg: Tensor
        self.register_buffer("w_avg", torch.zeros(style, dtype=torch.float64))
        self.moved = torch.randn(label, style, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
        self.given: list[tuple[Tensor, Tensor | None]] = []

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        self.given.append((z, label))
        return z if label is None else z + label @ self.moved


class Toy(Generator):
    """W of two rows to 4 x 4 pictures by one matrix, or by the square of W; in double precision, with additive noise."""

    name, title, license = "toy", "Toy", "none"
    rows, resolution, bytes_per_picture = 2, 4, 0.0

    def __init__(self, style: int = 48, label: int = 0, square: bool = False) -> None:
        self.latent = self.style = style
        self.label = label
        self.module = Linear(style, label)
        self.mapping: Any = self.module
        source = torch.Generator().manual_seed(1)
        self.matrix = torch.linalg.qr(torch.randn(48, style, generator=source, dtype=torch.float64)).Q.t()
        self.square = square
        self.strength = 0.0
        self.modes: list[str] = []
        self.painted: list[int] = []

    def paint(self, ws: Tensor, noise: Noise, placement: Placement | None = None, half: bool = False, side: int = 0) -> Tensor:
        assert not torch.is_grad_enabled()
        self.modes.append(noise.mode)
        self.painted.append(len(ws))
        assert torch.equal(ws[:, 0], ws[:, 1])
        w = ws[:, 0] ** 2 if self.square else ws[:, 0]
        pictures = 2 * (w @ self.matrix).reshape(-1, 3, 4, 4) - 1
        added = noise.of(torch.ones(4, 4, dtype=torch.float64), torch.tensor(self.strength), len(ws))
        return pictures if added is None else pictures + added

    def styled_layers(self) -> list[StyledLayer]:
        return []


def flat(pictures: Tensor) -> Tensor:
    return pictures.flatten(1)


def latents_of(settings: PathLengthSettings, seed: int) -> tuple[Tensor, Tensor]:
    """Both ends of every path: a W path shows them to the mapping, whatever is measured."""
    toy = Toy()
    perceptual_path_length(toy, flat, replace(settings, space="w", batch=settings.samples), seed)
    z0, z1 = toy.mapping.given[0][0].chunk(2)
    return z0, z1


def trimmed(values: Tensor) -> float:
    """Mean between the percentiles, by sorting."""
    ordered, n = values.sort().values, len(values)
    return float(ordered[int(0.01 * (n - 1)) : int(np.ceil(0.99 * (n - 1))) + 1].mean())


@pytest.mark.parametrize("sampling", ["full", "end"])
@pytest.mark.parametrize("epsilon", [1e-4, 1e-2])
def test_linear_path_has_the_length_of_its_chord(sampling: Any, epsilon: float) -> None:
    settings = replace(FEW, sampling=sampling, epsilon=epsilon, samples=300)
    z0, z1 = latents_of(settings, 3)
    found = perceptual_path_length(Toy(), flat, settings, 3)
    assert found.mean == pytest.approx(trimmed((z1 - z0).square().sum(1)), rel=1e-6)
    assert found.median == pytest.approx(float(np.median((z1 - z0).square().sum(1))), rel=0.02)
    assert (found.kept, found.samples) == (296, 300)


def test_linear_path_has_the_expected_length() -> None:
    """|z1 - z0|^2 is 2 chi^2 of 48 degrees: mean 96, variance 8 * 48."""
    found = perceptual_path_length(Toy(), flat, replace(FEW, samples=2000, batch=100), 0)
    assert abs(found.mean - 96) < 1.5 * found.half_width
    assert found.half_width == pytest.approx(1.96 * sqrt(8 * 48 / 2000), rel=0.1)


def test_where_on_the_path_matters_when_the_picture_is_no_linear_function() -> None:
    """d/dt w_t^2 = 2 w_t (w1 - w0): squared and averaged it is 16 for each dimension at t = 0 and 8 over all t."""
    settings = PathLengthSettings(samples=3000, batch=500)
    full = perceptual_path_length(Toy(square=True), flat, settings, 1)
    end = perceptual_path_length(Toy(square=True), flat, replace(settings, sampling="end"), 1)
    assert full.mean == pytest.approx(8 * 48, rel=0.05)
    assert end.mean == pytest.approx(16 * 48, rel=0.05)


@pytest.mark.parametrize("sampling", ["full", "end"])
def test_z_path_has_the_length_of_the_angle(sampling: Any) -> None:
    settings = replace(FEW, space="z", sampling=sampling)
    z0, z1 = latents_of(settings, 7)
    found = perceptual_path_length(Toy(), flat, settings, 7)
    angle = torch.acos(nn.functional.cosine_similarity(z0, z1))
    assert found.mean == pytest.approx(float(angle.square().mean()), rel=1e-6)


def test_slerp_of_known_angles() -> None:
    a, b = torch.tensor([[3.0, 0.0]]), torch.tensor([[0.0, 0.5]])
    middle = slerp(a, b, torch.tensor([[1 / 3]]))
    assert torch.allclose(middle, torch.tensor([[sqrt(3) / 2, 0.5]]))
    assert torch.allclose(slerp(a, b, torch.zeros(1, 1)), torch.tensor([[1.0, 0.0]]))
    assert torch.allclose(slerp(a, b, torch.ones(1, 1)), torch.tensor([[0.0, 1.0]]), atol=1e-6)
    step = slerp(a, b, torch.tensor([[0.1]])) - slerp(a, b, torch.zeros(1, 1))
    assert float(step.norm()) == pytest.approx(2 * sin(0.1 * pi / 4), rel=1e-5)
    oblique = slerp(a, torch.tensor([[1.0, 1.0]]), torch.tensor([[0.5]]))
    assert acos(float(oblique[0, 0])) == pytest.approx(pi / 8, rel=1e-5)


@pytest.mark.parametrize("noise", ["const", "random"])
@pytest.mark.parametrize("label", [0, 3])
def test_batch_has_no_influence(noise: Any, label: int) -> None:
    found = []
    for batch in (1, 7, 50):
        toy = Toy(label=label, square=True)
        toy.strength = 1.0
        found.append(perceptual_path_length(toy, flat, replace(FEW, batch=batch, noise=noise), 11))
        assert sum(toy.painted) == 100
    assert found[1].mean == pytest.approx(found[0].mean, rel=1e-9)
    assert found[2].mean == pytest.approx(found[0].mean, rel=1e-9)
    assert found[2].high == pytest.approx(found[0].high, rel=1e-9)


def test_seed_decides() -> None:
    a, b, c = (perceptual_path_length(Toy(square=True), flat, FEW, seed) for seed in (4, 4, 5))
    assert a == b
    assert a.mean != c.mean


def test_more_samples_begin_with_the_same_paths() -> None:
    few, many = latents_of(FEW, 2)[0], latents_of(replace(FEW, samples=60), 2)[0]
    assert torch.equal(few, many[:50])


@pytest.mark.parametrize("noise", ["const", "random", "none"])
def test_both_ends_share_the_noise(noise: Any) -> None:
    quiet = perceptual_path_length(Toy(), flat, FEW, 0)
    toy = Toy()
    toy.strength = 10.0
    loud = perceptual_path_length(toy, flat, replace(FEW, noise=noise), 0)
    assert set(toy.modes) == {noise}
    assert loud.mean == pytest.approx(quiet.mean, rel=1e-6)


def test_no_noise_where_none_is_stored() -> None:
    toy = Toy()
    toy.always_noisy = True
    perceptual_path_length(toy, flat, FEW, 0)
    assert set(toy.modes) == {"none"}


@pytest.mark.parametrize("space", ["w", "z"])
def test_classes_are_random_and_the_same_at_both_ends(space: Any) -> None:
    toy = Toy(label=3)
    settings = replace(FEW, space=space)
    found = perceptual_path_length(toy, flat, settings, 7)
    labels = [label for _, label in toy.mapping.given]
    for label in labels:
        first, second = label.chunk(2)
        assert torch.equal(first, second)
        assert torch.equal(label.sum(1), torch.ones(len(label)).to(label))
        assert set(label.flatten().tolist()) <= {0.0, 1.0}
    counts = torch.cat(labels).sum(0) / 2
    assert counts.sum() == 50
    assert (counts > 5).all()
    assert found.mean > 0


def test_generator_without_classes_gets_none() -> None:
    toy = Toy()
    perceptual_path_length(toy, flat, FEW, 7)
    assert all(label is None for _, label in toy.mapping.given)


def test_truncation_shortens_the_path() -> None:
    whole = perceptual_path_length(Toy(), flat, FEW, 0)
    half = perceptual_path_length(Toy(), flat, replace(FEW, psi=0.5), 0)
    assert half.mean == pytest.approx(whole.mean / 4, rel=1e-6)


def test_outliers_are_left_out_at_the_authors_percentiles() -> None:
    values = torch.arange(1, 1002, dtype=torch.float64)[torch.randperm(1001, generator=torch.Generator().manual_seed(0))]
    found = summary(values, FEW)
    assert (found.low, found.high, found.kept, found.samples) == (11, 991, 981, 1001)
    assert found.mean == found.median == 501
    assert found.half_width == pytest.approx(1.96 * float(np.arange(981).std(ddof=1)) / sqrt(981))
    values[values == 1001] = 1e12
    assert summary(values, FEW) == found


def test_percentiles_between_two_samples_keep_both() -> None:
    found = summary(torch.arange(50.0), FEW)
    assert (found.low, found.high, found.kept) == (0, 49, 50)
    equal = summary(torch.full((50,), 2.0), FEW)
    assert (equal.mean, equal.half_width, equal.kept) == (2, 0, 50)


def test_pictures_are_embedded_in_0_to_1_cropped_and_shrunk() -> None:
    sizes, means = [], []

    def embed(pictures: Tensor) -> Tensor:
        sizes.append(tuple(pictures.shape))
        means.append(float(pictures.mean()))
        return pictures.flatten(1)

    toy = Toy()
    toy.matrix = torch.zeros_like(toy.matrix)
    perceptual_path_length(toy, embed, replace(FEW, samples=8, side=2), 0)
    assert sizes == [(16, 3, 2, 2)]
    assert means == [0.0]


def test_pictures_are_not_clamped() -> None:
    toy = Toy()
    plain = perceptual_path_length(toy, flat, FEW, 0)
    toy.matrix = toy.matrix * 1000
    assert perceptual_path_length(toy, flat, FEW, 0).mean == pytest.approx(1e6 * plain.mean, rel=1e-6)


def test_face_part_and_shrinking() -> None:
    rows = torch.arange(16.0)[None, None, :, None].expand(1, 3, 16, 16)
    assert face_part(rows)[0, 0, :, 0].tolist() == list(range(6, 14))
    assert face_part(rows.transpose(2, 3))[0, 0, 0].tolist() == list(range(4, 12))
    assert shrunk(rows, 4)[0, 0, :, 0].tolist() == [1.5, 5.5, 9.5, 13.5]
    assert shrunk(rows, 9) is rows
    assert shrunk(torch.zeros(1, 3, 1024, 1024), 256).shape == (1, 3, 256, 256)


def test_presets_are_the_authors() -> None:
    assert (PAPER.samples, PAPER.space, PAPER.sampling, PAPER.crop, PAPER.epsilon) == (100_000, "w", "full", True, 1e-4)
    assert (ADA.samples, ADA.space, ADA.sampling, ADA.crop, ADA.side) == (50_000, "w", "end", False, 256)
    assert replace(LAPTOP, samples=ADA.samples, batch=ADA.batch) == ADA


def test_progress_counts_paths_and_may_interrupt() -> None:
    seen: list[tuple[int, int]] = []
    perceptual_path_length(Toy(), flat, FEW, 0, lambda done, total, preview=None: seen.append((done, total)))
    assert seen == [(8, 50), (16, 50), (24, 50), (32, 50), (40, 50), (48, 50), (50, 50)]
    toy = Toy()

    def stop(done: int, total: int, preview: Tensor | None = None) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        perceptual_path_length(toy, flat, FEW, 0, stop)
    assert toy.painted == [16]


def test_table_says_what_was_measured() -> None:
    lines = perceptual_path_length(Toy(), flat, FEW, 0).table().splitlines()
    assert len(lines) == 4
    assert "w, full paths, whole picture" in lines[0]
    assert "95 %" in lines[1]
    assert "50 of 50 paths" in lines[3]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"space": "x"}, "space is 'x'"),
        ({"sampling": "half"}, "sampling is 'half'"),
        ({"noise": "loud"}, "noise is 'loud'"),
        ({"epsilon": 0.0}, "epsilon is 0.0"),
        ({"epsilon": float("nan")}, "epsilon is nan"),
        ({"samples": 1}, "samples is 1"),
        ({"batch": 0}, "batch is 0"),
    ],
)
def test_settings_refuse(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        replace(FEW, **wrong)


def test_embeddings_are_checked() -> None:
    with pytest.raises(ValueError, match=r"embed gave \[16, 3, 4, 4\] for 16 pictures"):
        perceptual_path_length(Toy(), lambda pictures: pictures, FEW, 0)
    with pytest.raises(ValueError, match="distance of path 0 is no number"):
        perceptual_path_length(Toy(), lambda pictures: pictures.flatten(1) / 0, FEW, 0)
