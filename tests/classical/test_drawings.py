"""Filters that are drawings: golden numbers, what must hold, and SVG against pixels."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
import torch
from PIL import Image, ImageDraw

from style_atelier.models.classical.areas import Areas
from style_atelier.models.classical.drawn_filters import FILTERS
from style_atelier.models.classical.filters import Scale
from style_atelier.models.classical.halftone import ANGLES, INKS, Screen, area, halftone, halftone_svg, radius_for, separated
from style_atelier.models.classical.hatching import hatching
from style_atelier.models.classical.low_poly import low_poly
from style_atelier.models.classical.mosaic import mosaic
from style_atelier.models.classical.orientation import orientation_of
from style_atelier.models.classical.raster import render
from style_atelier.models.classical.smoothing import luma
from style_atelier.models.classical.stipple import lloyd_step, scattered, stipple
from style_atelier.models.classical.svg import strokes_to_svg
from style_atelier.tests.classical.photos import golden, photo


def test_three_steps_of_lloyd() -> None:
    g = golden("stipple")
    points = g["points"][0]
    for wanted in g["points"][1:]:
        points = lloyd_step(points, 1 - g["luma"])
        torch.testing.assert_close(points, wanted, rtol=0, atol=1e-9)


def test_points_are_drawn_as_often_as_the_density_says() -> None:
    density = torch.tensor([[1.0, 3.0], [0.0, 4.0]])
    points = scattered(density, 8000, torch.Generator().manual_seed(0)).long()
    counts = torch.bincount(points[:, 0] * 2 + points[:, 1], minlength=4)
    torch.testing.assert_close(counts / 8000, torch.tensor([0.125, 0.375, 0.0, 0.5]), rtol=0, atol=0.02)


def test_stipple_has_the_ink_of_the_picture() -> None:
    rgb = torch.linspace(0.9, 0.1, 200).view(1, 1, 1, 200).expand(1, 3, 120, 200).contiguous()
    made = render(stipple(rgb, 900, dot=1.0, contrast=1.0))
    ink = 1 - made[0, 0]
    assert float(ink[:, :60].mean()) < float(ink[:, 70:130].mean()) < float(ink[:, 140:].mean())
    apart = stipple(rgb, 900, contrast=1.0).points[:, 0]
    nearest = torch.cdist(apart, apart).fill_diagonal_(1e9).amin(1)
    assert float(nearest.min()) > 1.0, "dots do not fall together"


def test_dots_cover_what_they_should() -> None:
    for wanted in (0.05, 0.3, 0.7, 0.9, 0.99):
        assert area(float(radius_for(torch.tensor(wanted)))) == pytest.approx(wanted, abs=2e-3)
    ink = torch.full((1, 1, 240, 240), 0.35)
    for angle in ANGLES.values():
        assert float(Screen(11.0, angle).cover(ink)[..., 20:-20, 20:-20].mean()) == pytest.approx(0.35, abs=0.01)


def test_inks_multiply_to_the_color() -> None:
    rgb = photo(40, 30)
    inks = separated(rgb, ("cyan", "magenta", "yellow", "black"))
    printed = torch.ones_like(rgb)
    for name, ink in inks.items():
        printed = printed * (1 - ink * (1 - rgb.new_tensor(INKS[name]).view(1, 3, 1, 1)))
    torch.testing.assert_close(printed, rgb, rtol=0, atol=1e-5)


def test_halftones_svg_is_its_picture() -> None:
    rgb = photo(90, 60)
    text = halftone_svg(rgb, 9.0, "black")
    circles = re.findall(r'<circle cx="([-\d.]+)" cy="([-\d.]+)" r="([\d.]+)"', text)
    finer = 8
    sheet = Image.new("L", (90 * finer, 60 * finer), 255)
    draw = ImageDraw.Draw(sheet)
    for x, y, r in (tuple(float(v) * finer for v in circle) for circle in circles):
        draw.ellipse((x - r, y - r, x + r, y + r), fill=0)
    drawn = torch.tensor(list(sheet.reduce(finer).tobytes()), dtype=torch.float32).view(60, 90) / 255
    assert float((drawn - halftone(rgb, 0, 9.0, "black")[0, 0]).abs().mean()) < 0.02


def test_hatching_is_darker_where_the_picture_is() -> None:
    rgb = torch.linspace(1.0, 0.0, 240).view(1, 1, 1, 240).expand(1, 3, 160, 240).contiguous()
    made = luma(render(hatching(rgb, orientation_of(rgb, 4.0))))[0, 0]
    tones = [float(part.mean()) for part in made.split(60, 1)]
    assert tones == sorted(tones, reverse=True) and tones[0] > 0.95 and tones[-1] < 0.7
    straight = hatching(rgb, orientation_of(rgb), angle=30.0)
    first = straight.points[:, 1] - straight.points[:, 0]
    angles = torch.rad2deg(torch.atan2(first[:, 1], first[:, 0])) % 180
    assert {round(float(a)) % 180 for a in angles} <= {30, 120, 75, 165}


def test_areas_paint_what_they_are() -> None:
    corners = torch.tensor([[[2.0, 3.0], [12.0, 3.0], [12.0, 9.0], [2.0, 9.0]]])
    made = Areas(16, 20, corners, torch.tensor([[1.0, 0.0, 0.0]]), torch.ones(3)).render()
    wanted = torch.ones(1, 3, 16, 20)
    wanted[:, 1:, 3:9, 2:12] = 0
    inner = (made - wanted).abs()[..., 3:8, 3:11]
    assert float(inner.max()) == 0 and float((made - wanted).abs().max()) < 0.3  # Pillow paints borders a quarter of a pixel wide


def test_low_poly_and_mosaic_keep_the_mean_color() -> None:
    rgb = photo(150, 100)
    triangles = low_poly(rgb, 300)
    assert len(triangles.corners) > 500
    made = triangles.render()
    torch.testing.assert_close(made.mean((2, 3)), rgb.mean((2, 3)), rtol=0, atol=0.01)
    finer = low_poly(rgb, 2000).render()
    assert float((finer - rgb).abs().mean()) < float((made - rgb).abs().mean())
    stones = mosaic(rgb, 10.0, rounds=4)
    assert 80 < len(stones.corners) < 220
    sides = (stones.corners[:, 1:] - stones.corners[:, :-1]).norm(dim=2)
    torch.testing.assert_close(sides, sides[:, :1].expand_as(sides), rtol=0.02, atol=0.02)


def test_a_constant_picture_is_one_color() -> None:
    flat = torch.tensor([0.2, 0.5, 0.8]).view(1, 3, 1, 1).expand(1, 3, 60, 80).contiguous()
    torch.testing.assert_close(low_poly(flat, 50).render(), flat, rtol=0, atol=0.01)


@pytest.mark.parametrize("name", ["hatching", "stipple", "low poly", "mosaic", "halftone"])
def test_svgs_are_well_formed(name: str) -> None:
    text = FILTERS[name]().svg(photo(60, 40), Scale(1.0))
    assert text is not None
    root = ElementTree.fromstring(text)
    assert root.get("viewBox") == "0 0 60 40"
    assert len(list(root.iter())) > 10


def test_the_svg_of_strokes_has_them_all() -> None:
    lines = hatching(photo(80, 60), orientation_of(photo(80, 60)))
    text = strokes_to_svg(lines)
    assert text.count("<path ") + text.count("<circle ") == len(lines)
