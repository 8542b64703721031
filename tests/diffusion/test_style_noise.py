"""Statistics of a style's latents and the start of sampling against the papers' formulas in float64, and against closed forms."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor

from style_atelier.models.diffusion.style_noise import cosine, draw, drawn, inverse_cosine, lowest, resampled, root, statistics_of

GOLDEN = Path(__file__).parents[1] / "golden" / "diffusion" / "signal_leak.golden.pt"


def close(found: Tensor, wanted: Tensor, bound: float = 1e-5) -> None:
    assert float((found.double() - wanted).abs().max()) <= bound * max(1.0, float(wanted.abs().max()))


def test_the_papers_formulas() -> None:
    golden = torch.load(GOLDEN, weights_only=True)
    meta = json.loads(golden["meta"])
    by_element = statistics_of(golden["latents"], "element")
    close(by_element["mean"][0], golden["pixel_mean"])
    close(by_element["variance"][0], golden["pixel_var"])
    leaks = {"pixel": drawn(by_element, golden["z_hf"])}
    close(leaks["pixel"], golden["pixel_leak"])
    components = [tuple(place) for place in meta["components"]]
    assert lowest(3, 12, 16) == components
    low = statistics_of(golden["latents"], "frequency", 3)
    for name, wanted in (("low_mean", "lf_mean"), ("low_covariance", "lf_cov"), ("mean", "hf_mean"), ("variance", "hf_var")):
        close(low[name][0], golden[wanted])
    close(root(golden["lf_cov"]), golden["lf_root"])
    leaks["dct"] = drawn(low, golden["z_hf"], golden["z_lf"])
    close(leaks["dct"], golden["dct_leak"])
    for name, leak in leaks.items():
        for timestep, abar in meta["alphas_cumprod"].items():
            close(abar**0.5 * leak + (1 - abar) ** 0.5 * golden["eps"], golden[f"{name}_x_{timestep}"])


def test_the_cosine_transform_is_orthonormal() -> None:
    x = torch.randn(2, 3, 7, 10, dtype=torch.float64)
    close(inverse_cosine(cosine(x)), x, 1e-12)
    close(cosine(x).square().sum(), x.square().sum(), 1e-12)


@pytest.mark.parametrize("by", ["element", "channel"])
def test_what_is_drawn_has_the_statistics(by: str) -> None:
    values = statistics_of(pictures(), by)
    found = statistics_of(draw(values, 4000, 6, 6, torch.Generator().manual_seed(2)), by)
    for name, wanted in values.items():
        assert float((found[name] - wanted).abs().max()) < 0.15 * float(wanted.abs().max()), name


def test_components_and_remainder_have_the_mean_and_the_energy() -> None:
    """Both are drawn for themselves, so that their variances add up."""
    values = statistics_of(pictures(), "frequency", 3)
    made = draw(values, 4000, 6, 6, torch.Generator().manual_seed(2))
    assert float((made.mean(0) - pictures().mean(0)).abs().max()) < 0.2
    energy = values["low_covariance"][0].diagonal().sum() + values["variance"].sum()
    assert abs(float(made.var(0).sum() / energy) - 1) < 0.05


def pictures() -> Tensor:
    return torch.randn(12, 4, 6, 6, generator=torch.Generator().manual_seed(1)) * 2 + 3


def test_one_picture_is_itself() -> None:
    picture = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(1))
    for by in ("element", "frequency"):
        made = draw(statistics_of(picture, by, 3), 2, 8, 8, torch.Generator().manual_seed(2))
        close(made, picture.double().expand(2, -1, -1, -1))


def test_statistics_at_another_size() -> None:
    """A flat picture stays as bright as it is, whatever carries its brightness."""
    flat = torch.full((3, 4, 8, 8), 2.0)
    for by in ("element", "frequency", "channel"):
        made = draw(statistics_of(flat, by, 3), 1, 12, 20, torch.Generator().manual_seed(0))
        assert made.shape == (1, 4, 12, 20)
        close(made, torch.full((1, 4, 12, 20), 2.0, dtype=torch.float64))
    assert resampled(statistics_of(flat, "element"), 8, 8)["mean"].shape == (1, 4, 8, 8)


def test_another_word_is_refused() -> None:
    with pytest.raises(ValueError, match="no statistic by"):
        statistics_of(torch.zeros(1, 4, 2, 2), "luck")
