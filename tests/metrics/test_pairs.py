"""Measures of one picture against another: by the packages' numbers, by plain formulas, and by what must hold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from style_atelier.models.encoders.encoder import Encoder
from style_atelier.models.encoders.filter_bank import filter_bank
from style_atelier.models.library.choices import POCKET
from style_atelier.models.library.stylizers import load_encoder
from style_atelier.models.metrics import content as content_module
from style_atelier.models.metrics.clip import clip_direction, clip_score, clip_view
from style_atelier.models.metrics.colors import color_distance, color_histogram, histogram_distance, lab
from style_atelier.models.metrics.content import structural_distance
from style_atelier.models.metrics.dists import dists
from style_atelier.models.metrics.pairs import NAMES, PAIR_MEASURES, Tools, chosen, measure_pair, structure_tap, texture_taps
from style_atelier.models.metrics.structural import luma, ms_ssim, psnr, ssim
from style_atelier.models.metrics.style import style_distance
from style_atelier.models.metrics.texture import gram_distance
from style_atelier.models.weights.catalogue import load_catalogue
from style_atelier.tests.families.test_metric_networks import arrays, built, lpips_pair
from style_atelier.tests.golden.fill import _uniform, image

SEED = 101
NO_FILES: Any = None  # are needed by what is built in
SIZE = (1, 3, 181, 212)
PAIRS = ("noisy", "blurred", "darker", "other")


def q8(x: Tensor) -> Tensor:
    return (x * 255).round() / 255


def pair(name: str) -> tuple[Tensor, Tensor]:
    x = image("pair_x", SIZE, SEED)
    if name == "noisy":
        noise = torch.from_numpy(_uniform("pair_noise", x.numel(), SEED)).reshape(SIZE).float()
        return q8(x), q8((x + 0.15 * noise).clamp(0, 1))
    if name == "blurred":
        return q8(x), q8(F.avg_pool2d(F.pad(x, (2,) * 4, mode="replicate"), 5, 1))
    return q8(x), q8(0.8 * x if name == "darker" else image("pair_y", SIZE, SEED))


def picture(*size: int, seed: int = 0) -> Tensor:
    return torch.rand(size, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return filter_bank()


@pytest.mark.parametrize("name", PAIRS)
def test_ssim_ms_ssim_and_psnr_are_wangs(golden: Path, name: str) -> None:
    wanted, _ = arrays(golden, "pairs")
    x, y = pair(name)
    found = {
        "ssim_rgb": ssim(x, y),
        "ssim_luma": ssim(luma(x), luma(y)),
        "psnr": psnr(x, y),
        "ms_ssim_wang_rgb": ms_ssim(x, y),
        "ms_ssim_wang_luma": ms_ssim(luma(x), luma(y)),
    }
    for measure, value in found.items():
        assert float(value) == pytest.approx(float(wanted[f"{name}_{measure}"]), abs=1e-6), measure


def test_equal_pictures_are_identical() -> None:
    x = picture(2, 3, 170, 180)
    assert torch.isinf(psnr(x, x)).all()
    assert torch.equal(ssim(x, x), torch.ones(2, dtype=torch.float64))
    assert torch.allclose(ms_ssim(x, x), torch.ones(2, dtype=torch.float64))


def test_bright_flat_pictures_lose_no_digits() -> None:
    x = 0.98 + 0.002 * picture(1, 3, 32, 32).double()
    y = 0.98 + 0.002 * picture(1, 3, 32, 32, seed=1).double()
    assert float(ssim(x.float(), y.float())) == pytest.approx(float(ssim(x, y)), abs=2e-6)


def test_a_scale_without_common_contrast_counts_as_none() -> None:
    x = picture(1, 1, 176, 176)
    assert float(ms_ssim(x, 1 - x)) == 0


@pytest.mark.parametrize(("measure", "size"), [(ssim, 10), (ms_ssim, 160)])
def test_pictures_too_small_for_the_window_are_refused(measure, size: int) -> None:
    with pytest.raises(ValueError, match=f"needs sides of {size + 1} pixels or more and the pictures are {size}x{size + 5}"):
        measure(picture(1, 3, size + 5, size), picture(1, 3, size + 5, size))
    measure(picture(1, 3, size + 1, size + 1), picture(1, 3, size + 1, size + 1))


def test_two_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="compares pictures of one size"):
        psnr(picture(1, 3, 20, 20), picture(1, 3, 20, 21))


def test_dists_with_its_real_weights(golden: Path) -> None:
    keys = json.loads(torch.load(golden / "metrics" / "lpips.golden.pt", weights_only=True)["meta"])["keys"]["vgg"]
    wanted, meta = arrays(golden, "dists")
    network = built({name: torch.zeros(size) for name, size in keys.items()}, meta["seed"], meta["gain"])
    x, y = lpips_pair()
    assert torch.allclose(dists(x, y, network), wanted["xy"].double(), atol=1e-5, rtol=0)  # type: ignore[arg-type]
    assert float(dists(x, x, network).abs().max()) < 1e-9  # type: ignore[arg-type]


def test_structural_distance_is_the_formula_in_whatever_blocks(encoder: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    tap = structure_tap(encoder)
    x, y = picture(2, 3, 24, 28), picture(2, 3, 24, 28, seed=1)
    wanted = []
    for a, b in zip(x, y, strict=True):
        rows = []
        for side in (a, b):
            f = encoder.encode(side[None], [tap]).levels[tap][0].flatten(1).T.double().numpy()
            f = f / f.shape[1]
            e = np.exp(f @ f.T)
            rows.append(e / e.sum(1, keepdims=True))
        wanted.append((rows[1] * np.log(rows[1] / rows[0])).sum())
    for block in (1024, 7):
        monkeypatch.setattr(content_module, "ROWS", block)
        assert structural_distance(x, y, encoder, tap).tolist() == pytest.approx(wanted, rel=1e-3, abs=1e-7)
    assert float(structural_distance(x, x, encoder, tap).abs().max()) == 0


def test_structural_distance_forgives_colors_that_swap(encoder: Encoder) -> None:
    """What was alike stays alike: a picture and its gray are nearer than a picture and another."""
    tap = structure_tap(encoder)
    x = F.interpolate(picture(1, 3, 6, 6), (48, 48), mode="bicubic").clamp(0, 1)
    other = F.interpolate(picture(1, 3, 6, 6, seed=9), (48, 48), mode="bicubic").clamp(0, 1)
    gray = luma(x).expand_as(x)
    assert float(structural_distance(gray, x, encoder, tap)) < float(structural_distance(other, x, encoder, tap))


def test_gram_distance_is_the_formula(encoder: Encoder) -> None:
    x, y = picture(1, 3, 40, 36), picture(1, 3, 30, 50, seed=1)
    total = 0.0
    for tap in encoder.taps:
        grams = []
        for side in (x, y):
            f = encoder.encode(side, [tap]).levels[tap][0].flatten(1).double().numpy()
            grams.append(f @ f.T / f.shape[1])
        total += ((grams[0] - grams[1]) ** 2).sum() / (grams[1] ** 2).sum()
    assert float(gram_distance(x, y, encoder, encoder.taps)) == pytest.approx(total / len(encoder.taps), rel=1e-4)


def test_textures_do_not_know_places(encoder: Encoder) -> None:
    x = picture(1, 3, 64, 64)
    for distance in (gram_distance, style_distance):
        far = float(distance(picture(1, 3, 64, 64, seed=3) * 0.3, x, encoder, encoder.taps))
        assert float(distance(x.flip(3).flip(2).flip(3).flip(2), x, encoder, encoder.taps)) < 1e-6
        assert float(distance(x.roll(32, 2), x, encoder, encoder.taps)) < 0.2 * far


def test_lab_of_known_colors() -> None:
    colors = torch.tensor([[1.0, 1, 1], [0, 0, 0], [1, 0, 0], [0, 0, 1], [0.5, 0.5, 0.5]]).double().T[None, :, :, None]
    wanted = [(100, 0, 0), (0, 0, 0), (53.24, 80.09, 67.20), (32.30, 79.19, -107.86), (53.39, 0, 0)]
    assert torch.allclose(lab(colors)[0, :, :, 0].T, torch.tensor(wanted).double(), atol=0.02)


def test_color_distance_is_the_earth_movers() -> None:
    stats = pytest.importorskip("scipy.stats")
    x, y = picture(1, 3, 64, 64), picture(1, 3, 32, 96, seed=1) ** 2
    a, b = lab(x.double())[0].flatten(1).numpy(), lab(y.double())[0].flatten(1).numpy()
    wanted = sum(stats.wasserstein_distance(u, v) for u, v in zip(a, b, strict=True))
    assert float(color_distance(x, y)) == pytest.approx(wanted, rel=1e-3)
    assert float(color_distance(x, x.flip(3))) == 0
    assert color_distance(picture(2, 3, 8, 8), picture(2, 3, 9, 9)).shape == (2,)


def test_color_histogram_is_the_papers() -> None:
    x = picture(1, 3, 5, 4)
    pixels = (x[0].flatten(1).T.double().numpy()).clip(0, 1)
    places = np.linspace(-3, 3, 64)
    wanted = np.zeros((3, 64, 64))
    for r in pixels:
        weight = np.sqrt((r**2).sum() + 1e-6)
        for c in range(3):
            one, two = (np.log(r[c] + 1e-6) - np.log(r[o] + 1e-6) for o in range(3) if o != c)
            ku, kv = (1 / (1 + ((d - places) / 0.02) ** 2) for d in (one, two))
            wanted[c] += weight * np.outer(ku, kv)
    assert np.allclose(color_histogram(x)[0].numpy(), wanted / wanted.sum(), atol=1e-9)


def test_histogram_distance_is_between_0_and_1() -> None:
    red, blue = torch.zeros(1, 3, 20, 20), torch.zeros(1, 3, 200, 300)
    red[:, 0], blue[:, 2] = 0.9, 0.9
    assert 0.9 < float(histogram_distance(red, blue)) <= 1
    assert float(histogram_distance(red, red.repeat(1, 1, 3, 3))) == pytest.approx(0, abs=1e-6)


def test_clip_scores() -> None:
    a, b = torch.tensor([[1.0, 0.0]]), torch.tensor([[1.0, 1.0]])
    assert float(clip_score(a, b)) == pytest.approx(100 / 2**0.5)
    assert float(clip_score(a, -b)) == 0
    assert float(clip_direction(b, a, torch.tensor([[0.0, 3.0]]), torch.zeros(1, 2))) == pytest.approx(1)
    assert float(clip_direction(a, a, b, a)) == 0
    assert clip_view(picture(2, 3, 50, 90), 32).shape == (2, 3, 32, 32)


def tools(encoder: Encoder) -> Tools:
    return Tools({}, encoder)


def test_every_measure_without_a_network_of_its_own_is_taken(encoder: Encoder) -> None:
    x, y = picture(2, 3, 170, 164), picture(1, 3, 170, 164, seed=1)
    free = [m for m in PAIR_MEASURES if not m.judge]
    assert {"ssim", "psnr", "gram", "structure", "color"} <= {m.name for m in free}
    for measure in free:
        found = measure_pair(measure, x, y, tools(encoder))
        assert found.counts == (2, 1)
        settings = dict(found.settings)
        assert settings["size"] == "164x170"
        assert settings.get("encoder") == (encoder.title if measure.encoder else None)
        singles = [measure_pair(measure, one[None], y, tools(encoder)).value for one in x]
        assert found.value == pytest.approx(sum(singles) / 2)
        same = measure_pair(measure, y, y, tools(encoder)).value
        assert same == pytest.approx({"psnr": float("inf")}.get(measure.name, float(measure.better == "higher")), abs=1e-6)


def test_names(encoder: Encoder) -> None:
    assert chosen(["ssim", "gram", "ssim"]) == ("ssim", "gram")
    with pytest.raises(ValueError, match="measures has ssmi, which is none: choose from available, all, ssim"):
        chosen(["ssmi"])
    assert len(set(NAMES)) == len(NAMES)
    assert texture_taps(encoder) == ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
    assert structure_tap(encoder) == "relu3_1"
    other = load_encoder(POCKET, NO_FILES)
    assert texture_taps(other) == other.taps
    assert other.encoding.strides[structure_tap(other)] == 4
    catalogued = {entry.name for entry in load_catalogue().entries}
    assert {measure.judge for measure in PAIR_MEASURES if measure.judge} <= catalogued


def test_references_pair_up(encoder: Encoder) -> None:
    with pytest.raises(ValueError, match="there are 2 references for 3 pictures"):
        measure_pair(PAIR_MEASURES[0], picture(3, 3, 20, 20), picture(2, 3, 20, 20), tools(encoder))
