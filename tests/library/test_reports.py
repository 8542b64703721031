"""The files of ../shared/cases/reports, each after a public bug report: what is right for each is in its README."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from torch import Tensor

from style_atelier.models.generation.noise import Noise
from style_atelier.models.library import generators, translators
from style_atelier.models.library.registry import open_checkpoint
from style_atelier.models.translation.translator import TranslateOptions

X = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(2))


@pytest.fixture(scope="module")
def reports(shared: Path) -> Path:
    folder = shared / "cases" / "reports"
    if not folder.is_dir():
        pytest.skip(f"no report cases at {folder}")
    return folder


def copied(reports: Path, name: str, folder: Path) -> Path:
    return Path(shutil.copy(reports / name, folder))


def painted(path: Path, direction: str = "A to B") -> Tensor:
    made = translators.as_translator(open_checkpoint(path), "x")
    return made.translate(X, TranslateOptions(direction)).images  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "name",
    [
        *("c01_compiled.pth", "c03_lightning_one_network.ckpt", "c04_lightning_g_and_d.ckpt", "c05_two_directions.pth"),
        *("c06_numpy_scalar.pth", "c08_path_in_settings.pth", "c11_thop_counters.pth"),
    ],
)
def test_wrapped_networks_paint_what_the_plain_one_does(reports: Path, tmp_path: Path, name: str) -> None:
    wanted = painted(copied(reports, "c00_control_plain.pth", tmp_path))
    path = copied(reports, name, tmp_path)
    assert torch.equal(painted(path), wanted)
    if name.startswith("c05"):
        assert torch.equal(painted(path, "B to A"), wanted)  # both have the same weights


@pytest.mark.parametrize("name", ["g01_rosinality_no_noises.pt", "g02_rosinality_no_average.pt", "g04_other_discriminator.pkl"])
def test_generators_without_what_they_can_do_without(reports: Path, tmp_path: Path, name: str) -> None:
    made = generators.as_generator(open_checkpoint(copied(reports, name, tmp_path)), name)
    ws = made.map(made.latents([1, 2]), psi=0.7)
    pictures = made.paint(ws, Noise())
    assert pictures.shape == (2, 3, made.resolution, made.resolution)
    assert bool(torch.isfinite(pictures).all())
    spread = made.map(made.latents(range(200)))[:, 0]
    assert float((made.average - spread.mean(0)).norm()) < 0.5 * float(spread.std(0).norm())
    assert bool(made.notes) == (name[:3] in ("g01", "g02"))


def test_a_gray_generator(reports: Path, tmp_path: Path) -> None:
    made = generators.as_generator(open_checkpoint(copied(reports, "g05_one_channel.pkl", tmp_path)), "gray")
    ws = made.map(made.latents([1]))
    assert made.paint(ws, Noise()).shape[1] == 1
    assert made.preview(ws, 16).shape[1] == 3


def test_stargan2_without_its_constant(reports: Path, tmp_path: Path) -> None:
    made = []
    for name in ("s00_control_stargan2_with_hpf_filter.ckpt", "s01_stargan2_without_hpf_filter.ckpt"):
        translator = translators.as_translator(open_checkpoint(copied(reports, name, tmp_path)), name)
        made.append((translator, translator.module.state_dict()))
    (first, weights), (second, others) = made
    assert weights.keys() == others.keys()
    assert all(torch.equal(weights[key], others[key]) for key in weights)
    options = TranslateOptions(code=first.style_by_chance(3, 1, "", 1.0))
    assert torch.equal(first.translate(X, options).images, second.translate(X, options).images)
