"""Linear separability against closed forms."""

from __future__ import annotations

from dataclasses import replace
from math import log2
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from style_atelier.models.generation.generator import Generator, Placement, StyledLayer
from style_atelier.models.generation.noise import Noise
from style_atelier.models.metrics.separability import (
    LAPTOP,
    PAPER,
    SeparabilitySettings,
    conditional_entropy,
    linear_separability,
    linear_svm,
    separability_of_labels,
)

FEW = SeparabilitySettings(samples=400, batch=64)


class Bent(nn.Module):
    """w = (z0, z1 bent by z0^2): a parabola in Z is a line in W."""

    def __init__(self, label: int) -> None:
        super().__init__()
        self.w_avg: Tensor
        self.register_buffer("w_avg", torch.zeros(2))
        self.moved = torch.tensor([[0.0, -3.0], [0.0, 3.0]])[:label]
        self.labels: list[Tensor | None] = []

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        self.labels.append(label)
        w = torch.stack([z[:, 0], z[:, 1] - z[:, 0] ** 2 + 1], dim=1)
        return w if label is None else w + label @ self.moved


class Toy(Generator):
    """Pictures of one color, W in red and green, and the noise in blue."""

    name, title, license = "toy", "Toy", "none"
    latent = style = rows = 2
    resolution, bytes_per_picture = 4, 0.0

    def __init__(self, label: int = 0) -> None:
        self.label = label
        self.module = Bent(label)
        self.mapping: Any = self.module
        self.modes: list[str] = []

    def paint(self, ws: Tensor, noise: Noise, placement: Placement | None = None, half: bool = False, side: int = 0) -> Tensor:
        assert not torch.is_grad_enabled()
        self.modes.append(noise.mode)
        blue = torch.zeros(len(ws), 1)
        added = noise.of(torch.zeros(1), torch.tensor(1.0), len(ws))
        blue = blue if added is None else blue + added.reshape(-1, 1)
        return torch.cat([ws[:, 0] / 10, blue / 10], dim=1)[:, :, None, None].expand(-1, 3, 4, 4).clone()

    def styled_layers(self) -> list[StyledLayer]:
        return []


def green(pictures: Tensor) -> Tensor:
    """A yes for positive w1."""
    return torch.sigmoid(40 * (pictures[:, 1:2, 0, 0] - 0.5))


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def objective(inputs: Tensor, yes: Tensor, weight: Tensor, bias: Tensor, penalty: float) -> Tensor:
    y = torch.where(yes, 1.0, -1.0).double()
    lack = (1 - y * (inputs.double() @ weight + bias)).clamp_min(0)
    return weight @ weight / 2 + bias**2 / 2 + penalty * lack.square().sum()


@pytest.mark.parametrize("penalty", [1.0, 0.1])
def test_svm_of_two_points_is_the_closed_form(penalty: float) -> None:
    """At +-a it minimizes w^2 / 2 + 2 C (1 - w a)^2: w = 4 C a / (1 + 4 C a^2)."""
    a = 0.7
    weight, bias = linear_svm(torch.tensor([[a], [-a]], dtype=torch.float64), torch.tensor([True, False]), penalty)
    assert float(weight) == pytest.approx(4 * penalty * a / (1 + 4 * penalty * a**2), rel=1e-9)
    assert float(bias) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("penalty", [1.0, 1e-3, 1e3])
def test_svm_is_at_the_minimum(penalty: float) -> None:
    inputs, yes = drawn(300, 8) * torch.logspace(-2, 2, 8), drawn(300, seed=1) + drawn(300, 8)[:, 3] > 0.2
    weight, bias = (v.requires_grad_() for v in linear_svm(inputs, yes, penalty))
    objective(inputs, yes, weight, bias, penalty).backward()
    zero = torch.zeros(8, dtype=torch.float64, requires_grad=True), torch.zeros((), dtype=torch.float64, requires_grad=True)
    objective(inputs, yes, *zero, penalty).backward()
    slope, first = torch.cat([weight.grad, bias.grad[None]]), torch.cat([zero[0].grad, zero[1].grad[None]])
    assert slope.norm() < 1e-8 * first.norm()


def test_svm_agrees_with_scipy() -> None:
    optimize = pytest.importorskip("scipy.optimize")
    inputs, yes = drawn(200, 5), drawn(200, seed=1) + drawn(200, 5)[:, 0] > 0

    def both(v: Any) -> tuple[float, Any]:
        at = torch.tensor(v, requires_grad=True)
        value = objective(inputs, yes, at[:-1], at[-1], 1.0)
        value.backward()
        return value.item(), at.grad.numpy()

    known = torch.from_numpy(optimize.minimize(both, [0.0] * 6, jac=True, method="L-BFGS-B", options={"ftol": 1e-15}).x)
    assert torch.allclose(torch.cat([linear_svm(inputs, yes)[0], linear_svm(inputs, yes)[1][None]]), known, atol=1e-4)


def test_svm_finds_the_direction_between_two_clouds() -> None:
    """For two normal clouds of the same round shape the best plane's normal joins their means."""
    direction = nn.functional.normalize(torch.tensor([3.0, -2.0, 1.0, 0.5]), dim=0)
    yes = drawn(20_000) > 0
    inputs = drawn(20_000, 4, seed=1) + 1.5 * torch.where(yes, 1.0, -1.0)[:, None] * direction
    weight, bias = linear_svm(inputs, yes)
    assert float(nn.functional.cosine_similarity(weight.float(), direction, dim=0)) > 0.999
    assert abs(float(bias / weight.norm())) < 0.05


def test_svm_repeats_and_parts_of_rows_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    inputs, yes = drawn(500, 6), drawn(500, seed=1) > 0
    a, b = linear_svm(inputs, yes), linear_svm(inputs, yes)
    assert torch.equal(a[0], b[0])
    assert torch.equal(a[1], b[1])
    monkeypatch.setattr("style_atelier.models.metrics.separability.ROWS", 7)
    assert torch.allclose(linear_svm(inputs, yes)[0], a[0], rtol=1e-9)


def test_entropy_of_known_tables() -> None:
    def h(p: float) -> float:
        return -p * log2(p) - (1 - p) * log2(1 - p)

    assert conditional_entropy(torch.tensor([[40, 10], [20, 30]])) == pytest.approx(h(0.2) / 2 + h(0.4) / 2)
    assert conditional_entropy(torch.tensor([[3, 0], [0, 5]])) == 0
    assert conditional_entropy(torch.tensor([[0, 3], [5, 0]])) == 0
    assert conditional_entropy(torch.tensor([[4, 4], [0, 0]])) == 1
    assert conditional_entropy(torch.tensor([[0, 0], [0, 9]])) == 0


def test_known_confusion_gives_the_closed_form() -> None:
    """Two far points with labels flipped at a known rate: the plane answers by the point, 10 % and 20 % of it wrong."""
    latents = torch.cat([torch.full((100, 1), 5.0), torch.full((100, 1), -5.0)])
    labels = torch.cat([torch.arange(100) >= 10, torch.arange(100) < 20]).float()[:, None]
    found = separability_of_labels(latents, labels, keep=1.0)
    entropy = sum(-p * log2(p) for p in (0.1, 0.9, 0.2, 0.8)) / 2
    assert found.attributes[0].entropy == pytest.approx(entropy)
    assert found.attributes[0].accuracy == pytest.approx(0.85)
    assert found.attributes[0].yes == pytest.approx(0.55)
    assert found.score == pytest.approx(2**entropy)


@pytest.mark.parametrize("folds", [0, 5])
def test_separable_labels_have_score_one(folds: int) -> None:
    latents = drawn(4000, 6)
    confidences = torch.sigmoid(3 * (latents @ drawn(6, 3, seed=1)))
    found = separability_of_labels(latents, confidences, folds=folds)
    assert found.kept == 2000
    assert found.score == pytest.approx(1.0, abs=1e-3 if folds == 0 else 0.05)
    assert min(attribute.accuracy for attribute in found.attributes) > 0.995


@pytest.mark.parametrize("folds", [0, 4])
def test_random_labels_have_a_bit_each(folds: int) -> None:
    found = separability_of_labels(drawn(4000, 6), torch.sigmoid(drawn(4000, 2, seed=1)), folds=folds)
    assert found.score == pytest.approx(4, rel=0.03)
    assert all(attribute.entropy > 0.98 for attribute in found.attributes)


def test_the_most_confident_half_is_kept() -> None:
    """Confident labels go by the latent, the others against it; and of equals the earlier ones are kept."""
    latents = drawn(200, 1)
    sure = torch.arange(200)[:, None] % 2 == 0
    confidences = torch.where(latents > 0, torch.where(sure, 0.9, 0.4), torch.where(sure, 0.1, 0.6))
    half, whole = (separability_of_labels(latents, confidences, keep) for keep in (0.5, 1.0))
    assert (half.kept, whole.kept) == (100, 200)
    assert half.attributes[0].accuracy > 0.95
    assert whole.attributes[0].accuracy < 0.7
    labels = (torch.arange(200) < 100)[:, None].float()
    assert separability_of_labels(latents, labels).attributes[0].yes == 1.0


def test_one_sided_labels_have_no_entropy() -> None:
    found = separability_of_labels(drawn(50, 3), torch.tensor([[0.9, 0.2]]).expand(50, 2), folds=3)
    assert [attribute.one_sided for attribute in found.attributes] == [True, True]
    assert [attribute.yes for attribute in found.attributes] == [1.0, 0.0]
    assert found.score == 1.0
    assert found.table(("bald", "smiling")).count("one-sided") == 2


def test_too_few_samples_are_learned_by_heart_without_folds() -> None:
    latents, confidences = drawn(200, 150), torch.sigmoid(drawn(200, 1, seed=1))
    heart, folds = separability_of_labels(latents, confidences), separability_of_labels(latents, confidences, folds=5)
    assert heart.score < 1.05
    assert heart.too_few
    assert "too good" in heart.table()
    assert folds.score > 1.9
    assert not folds.too_few
    assert "too good" not in folds.table()


def test_a_parabola_in_z_is_a_line_in_w() -> None:
    found = linear_separability(Toy(), green, replace(FEW, samples=2000), 0)
    assert found.w.score == pytest.approx(1, abs=0.02)
    assert found.z.score > 1.3
    assert (found.z.size, found.w.size, found.w.kept, found.samples) == (2, 2, 1000, 2000)
    lines = found.table(("green",)).splitlines()
    assert len(lines) == 3
    assert lines[1].startswith("green")
    assert "in z" in lines[2]
    assert "in w" in lines[2]


def test_classifier_sees_pictures_in_0_to_1_at_its_size() -> None:
    sizes = []

    def classify(pictures: Tensor) -> Tensor:
        sizes.append(tuple(pictures.shape))
        assert pictures.min() >= 0
        assert pictures.max() <= 1
        return green(pictures)

    linear_separability(Toy(), classify, replace(FEW, samples=100, side=2), 0)
    assert sizes == [(64, 3, 2, 2), (36, 3, 2, 2)]


@pytest.mark.parametrize("noise", ["random", "const", "none"])
@pytest.mark.parametrize("label", [0, 2])
def test_batch_has_no_influence(noise: Any, label: int) -> None:
    def blue(pictures: Tensor) -> Tensor:
        return torch.cat([green(pictures), torch.sigmoid(40 * (pictures[:, 2:, 0, 0] - 0.5))], dim=1)

    found = []
    for batch in (1, 64, 400):
        toy = Toy(label)
        found.append(linear_separability(toy, blue, replace(FEW, batch=batch, noise=noise), 3))
        assert set(toy.modes) == {noise}
    assert found[0] == found[1] == found[2]
    assert found[0].z.attributes[1].one_sided == (noise != "random")


def test_seed_decides() -> None:
    a, b, c = (linear_separability(Toy(), green, FEW, seed) for seed in (0, 0, 1))
    assert a == b
    assert a != c


def test_classes_are_drawn() -> None:
    toy = Toy(2)
    linear_separability(toy, green, FEW, 0)
    counts = torch.cat([label for label in toy.mapping.labels if label is not None]).sum(0)
    assert counts.sum() == 400
    assert (counts > 150).all()
    plain = Toy()
    plain.always_noisy = True
    linear_separability(plain, green, replace(FEW, noise="const"), 0)
    assert set(plain.mapping.labels) == {None}
    assert set(plain.modes) == {"none"}


def test_progress_counts_pictures_and_may_interrupt() -> None:
    seen: list[tuple[int, int]] = []
    settings = replace(FEW, samples=100)
    linear_separability(Toy(), green, settings, 0, lambda done, total, preview=None: seen.append((done, total)))
    assert seen == [(64, 100), (100, 100), (100, 100), (100, 100)]
    toy = Toy()

    def stop(done: int, total: int, preview: Tensor | None = None) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        linear_separability(toy, green, settings, 0, stop)
    assert len(toy.modes) == 1


def test_presets_are_the_authors() -> None:
    assert (PAPER.samples, PAPER.keep, PAPER.folds, PAPER.noise, PAPER.side) == (200_000, 0.5, 0, "random", 256)
    assert LAPTOP.samples == 1000
    assert LAPTOP.folds > 1


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"samples": 1}, "samples is 1"),
        ({"batch": 0}, "batch is 0"),
        ({"noise": "loud"}, "noise is 'loud'"),
        ({"keep": 0.0}, "keep is 0.0"),
        ({"folds": 1}, "folds is 1"),
        ({"folds": 201}, "folds is 201"),
    ],
)
def test_settings_refuse(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        replace(FEW, **wrong)


def test_inputs_are_checked() -> None:
    with pytest.raises(ValueError, match="same N"):
        separability_of_labels(drawn(5, 2), torch.zeros(4, 1))
    with pytest.raises(ValueError, match="sigmoid"):
        separability_of_labels(drawn(5, 2), drawn(5, 1))
    with pytest.raises(ValueError, match="sigmoid"):
        separability_of_labels(drawn(5, 2), torch.full((5, 1), float("nan")))
    with pytest.raises(ValueError, match="finite"):
        separability_of_labels(drawn(5, 2) / 0, torch.zeros(5, 1))
    with pytest.raises(ValueError, match=r"classify gave \[64\] for 64 pictures"):
        linear_separability(Toy(), lambda pictures: green(pictures)[:, 0], FEW, 0)
    with pytest.raises(ValueError, match="names are 2 and there are 1"):
        separability_of_labels(drawn(5, 2), torch.zeros(5, 1)).table(("a", "b"))
