"""Filters: golden numbers, what must not change, strips against the whole, and memory of looks."""

from __future__ import annotations

from dataclasses import fields

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from style_atelier.models.classical.bilateral import bilateral, bilateral_by_axes
from style_atelier.models.classical.cartoon import quantized
from style_atelier.models.classical.drawn_filters import FILTERS, Drawing
from style_atelier.models.classical.filters import Scale
from style_atelier.models.classical.kuwahara import anisotropic_kuwahara, kuwahara
from style_atelier.models.classical.lab import lab_to_rgb, rgb_to_lab
from style_atelier.models.classical.levels import Levels
from style_atelier.models.classical.oil import oil
from style_atelier.models.classical.orientation import orientation, structure_tensor
from style_atelier.models.classical.palette import palette_of
from style_atelier.models.classical.palette import quantized as in_palette
from style_atelier.models.classical.smoothing import BROAD, bell, gaussian
from style_atelier.models.classical.streamlines import line_integral, smooth_along
from style_atelier.models.classical.xdog import dog_lines, flow_xdog, sharpened, xdog
from style_atelier.tests.classical.photos import golden, photo, picture_of

LOCAL = [name for name, kind in FILTERS.items() if not issubclass(kind, Drawing)]
SMOOTHING = {
    "kuwahara": lambda x: kuwahara(x, 4),
    "anisotropic": lambda x: anisotropic_kuwahara(x, 4.0),
    "by tables": lambda x: anisotropic_kuwahara(x, 4.0, exact=False),
    "bilateral": bilateral,
    "bilateral by axes": lambda x: bilateral_by_axes(x, 2.0, 0.1),
    "oil": lambda x: oil(x, 3, 12),
}


def close(a: Tensor, b: Tensor, most: float) -> None:
    torch.testing.assert_close(a, b.to(a), rtol=0, atol=most)


def test_kuwahara_is_pykuwaharas() -> None:
    g = golden("filters")
    close(kuwahara(picture_of(g["picture"]), 3), picture_of(g["kuwahara_pykuwahara_r3"]), 1e-6)


def test_structure_tensor_and_orientation() -> None:
    g = golden("filters")
    tensor = structure_tensor(picture_of(g["picture"]))
    close(tensor[0], g["structure_tensor"], 1e-6)
    found = orientation(tensor)
    close(found.anisotropy[0, 0], g["akf_anisotropy"], 1e-6)
    alike = (found.tangent[0].movedim(0, -1) * g["akf_tangent"]).sum(-1).abs()
    close(alike, torch.ones_like(alike), 1e-6)


def test_anisotropic_kuwahara() -> None:
    g = golden("filters")
    made = anisotropic_kuwahara(picture_of(g["picture"]), 4.0)
    close(made, picture_of(g["akf"]), 1e-6)
    by_tables = anisotropic_kuwahara(picture_of(g["picture"]), 4.0, exact=False)
    assert float((by_tables - made).abs().mean()) < 0.003


@pytest.mark.parametrize(("suffix", "sigma"), [("", 1.4), ("_fine", 0.7)])
def test_xdog(suffix: str, sigma: float) -> None:
    g = golden("filters")
    rgb = picture_of(g["picture"])
    close(sharpened(rgb, sigma, 1.6, 20)[0, 0], g[f"xdog_sharpened{suffix}"], 1e-6)
    close(xdog(rgb, sigma)[0, 0], g[f"xdog{suffix}"], 1e-6)
    close(dog_lines(rgb, sigma)[0, 0], g[f"dog_winnemoeller2006{suffix}"], 1e-6)


@pytest.mark.parametrize("distance", ["l1", "l2"])
def test_bilateral_is_kornias(distance: str) -> None:
    g = golden("filters")
    close(bilateral(picture_of(g["picture"]), distance=distance), picture_of(g[f"bilateral_kornia_{distance}"]), 1e-6)  # type: ignore[arg-type]


def test_oil_looks_like_opencvs() -> None:
    g = golden("filters")
    made = oil(picture_of(g["picture"]), 4, 32)[0].movedim(0, -1)
    assert float((made * 255 - g["oil_cv2_xphoto_size4_ratio8"].double()).abs().mean()) < 10


@pytest.mark.parametrize("name", SMOOTHING)
def test_constant_stays_constant(name: str) -> None:
    flat = torch.tensor([0.3, 0.6, 0.1]).view(1, 3, 1, 1).expand(1, 3, 40, 50).contiguous()
    close(SMOOTHING[name](flat), flat, 1e-5)


@pytest.mark.parametrize("name", ["kuwahara", "anisotropic", "by tables", "xdog", "flow"])
def test_flips_and_quarter_turns_commute(name: str) -> None:
    work = {**SMOOTHING, "xdog": xdog, "flow": flow_xdog}[name]
    rgb = photo(61, 47).double()
    made = work(rgb)
    for turn in (lambda x: x.flip(3), lambda x: x.flip(2), lambda x: x.rot90(1, (2, 3))):
        off = (work(turn(rgb)) - turn(made)).abs()
        # Where two squares are equally calm, or a direction lies between two of the tables', either may be taken.
        assert float((off > 1e-6).double().mean()) < (0.02 if name == "by tables" else 1e-3)


@pytest.mark.parametrize("name", SMOOTHING)
def test_smoothing_keeps_the_mean_and_the_range(name: str) -> None:
    rgb = photo(360, 240)
    made = SMOOTHING[name](rgb)
    assert abs(float(made.mean() - rgb.mean())) < 0.01
    assert float(made.min()) >= float(rgb.min()) - 1e-4 and float(made.max()) <= float(rgb.max()) + 1e-4


def test_limits_of_xdog() -> None:
    rgb = photo(80, 60).double()
    flat = torch.full((1, 3, 20, 20), 0.7)
    assert float(xdog(flat, epsilon=0.6).min()) == 1
    hard = xdog(rgb, phi=1e9)
    assert set(hard.unique().tolist()) <= {0.0, 1.0}
    plain = xdog(rgb, p=0.0, phi=1e9)
    blurred = sharpened(rgb, 1.4, 1.6, 0.0)
    assert torch.equal(plain, (blurred >= 0.6).to(plain))


def test_broad_gaussians_are_the_narrow_ones_formula() -> None:
    rgb = torch.rand(1, 2, 90, 130, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    weights = bell(20.0, 4.0, rgb)
    reach = len(weights) // 2
    assert reach >= BROAD
    framed = F.pad(rgb, (reach,) * 4, mode="replicate").movedim(1, 0)
    wanted = F.conv2d(F.conv2d(framed, weights.view(1, 1, 1, -1)), weights.view(1, 1, -1, 1)).movedim(0, 1)
    close(gaussian(rgb, 20.0), wanted, 1e-9)


def test_lines_run_along_stripes() -> None:
    rgb = (torch.arange(60) // 6 % 2).float().view(1, 1, 1, 60).expand(1, 3, 40, 60).contiguous()
    found = orientation(structure_tensor(rgb))
    assert float(found.tangent[:, 1, 5:-5, 5:-5].abs().min()) > 0.999  # down
    assert float(found.anisotropy[:, :, 5:-5, 5:-5].min()) > 0.99
    close(line_integral(rgb, found.tangent, 12), rgb, 1e-5)
    close(smooth_along(rgb, found.tangent, 3.0), rgb, 1e-5)


def test_softly_quantized() -> None:
    light = torch.linspace(0, 100, 4001).view(1, 1, 1, -1)
    made = quantized(light, 4)
    assert float(made.min()) >= 0 and float(made.max()) <= 100
    assert bool((made.diff() >= -1e-3).all()), "darker must not become lighter"
    close(made[0, 0, 0, [600, 1400, 2600, 3400]], torch.tensor([12.5, 37.5, 62.5, 87.5]), 0.1)


def test_lab_there_and_back() -> None:
    rgb = torch.rand(1, 3, 20, 20, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    close(lab_to_rgb(rgb_to_lab(rgb)), rgb, 1e-5)
    white = rgb_to_lab(torch.ones(1, 3, 1, 1, dtype=torch.float64)).flatten()
    close(white, torch.tensor([100.0, 0, 0]), 0.02)


def test_levels() -> None:
    dark = photo(90, 60) * 0.3 + 0.1
    found = Levels.of(dark)
    stretched = found.stretched(torch.tensor([found.low, found.high]))
    close(stretched, torch.tensor([0.0, 1.0]), 1e-6)
    assert Levels.of(torch.full((1, 3, 8, 8), 0.4)) == Levels()


def test_palette_finds_the_colors_of_a_flag() -> None:
    colors = torch.tensor([[0.9, 0.1, 0.1], [0.95, 0.95, 0.9], [0.1, 0.2, 0.7]])
    flag = colors[torch.arange(60) // 20].T.reshape(1, 3, 1, 60).expand(1, 3, 30, 60).contiguous()
    flag[:, :, :10, :20] = colors[2].view(3, 1, 1)
    found = palette_of(flag, 8)
    assert len(found.colors) == 3
    close(found.colors[0], colors[2], 1e-4)
    close(found.shares.sum(), torch.tensor(1.0), 1e-6)
    close(in_palette(flag, found), flag, 1e-4)


@pytest.mark.parametrize("name", LOCAL)
def test_strips_are_the_whole(name: str) -> None:
    rgb, scale = photo(80, 150).double(), Scale(1.3, seed=3)
    for look in FILTERS[name].looks:
        made = FILTERS[name].look(look)
        close(made.apply(rgb, scale, rows=37), made.apply(rgb, scale, rows=150), 1e-6)


@pytest.mark.parametrize("name", FILTERS)
def test_every_look_gives_a_picture_and_the_seed_the_same_one(name: str) -> None:
    rgb, scale = photo(64, 48), Scale(0.8, seed=5)
    for look in FILTERS[name].looks:
        made = FILTERS[name].look(look).apply(rgb, scale)
        assert made.shape == rgb.shape and bool(torch.isfinite(made).all())
        assert float(made.min()) >= 0 and float(made.max()) <= 1
        assert torch.equal(made, FILTERS[name].look(look).apply(rgb, scale))


@pytest.mark.parametrize("name", FILTERS)
def test_tiny_pictures(name: str) -> None:
    for size in ((1, 1), (2, 5), (7, 3)):
        made = FILTERS[name]().apply(torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(1)), Scale(0.3))
        assert made.shape == (1, 3, *size)


def test_looks_name_settings_that_are_there() -> None:
    for kind in FILTERS.values():
        known = {field.name for field in fields(kind)}
        for settings in kind.looks.values():
            assert set(settings) <= known
        with pytest.raises(ValueError, match="choose one of"):
            kind.look("unheard of")
        assert kind.look("custom", **{name: getattr(kind(), name) for name in known}) == kind()
