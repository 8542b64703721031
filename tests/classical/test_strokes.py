"""Strokes: golden seeds and paths, a rasterizer against plain distances, and what painting must hold."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from style_atelier.models.classical.brushes import Brush
from style_atelier.models.classical.handwriting import measure
from style_atelier.models.classical.hertzmann import STYLES, StrokeStyle, grow, paint, reference_of, scaled, seeds
from style_atelier.models.classical.orientation import orientation_of
from style_atelier.models.classical.painting import Curved, Ordered, Oriented, Tried, Wish, in_progress, painted
from style_atelier.models.classical.raster import render
from style_atelier.models.classical.relaxation import relaxed
from style_atelier.models.classical.straight import Lines, oriented_lines
from style_atelier.models.classical.stroke_video import Painter
from style_atelier.models.classical.strokes import Strokes, joined
from style_atelier.models.classical.svg import strokes_to_svg
from style_atelier.tests.classical.photos import golden, photo, picture_of

CHANCE = torch.Generator()


def distance(places: Tensor, line: Tensor) -> Tensor:
    """From places [..., 2] to a polyline [m, 2]."""
    best = torch.full(places.shape[:-1], torch.inf, dtype=places.dtype)
    for a, b in zip(line[:-1], line[1:], strict=True):
        step = b - a
        t = ((places - a) @ step / step.dot(step).clamp_min(1e-12)).clamp(0, 1)
        best = torch.minimum(best, (places - a - t[..., None] * step).norm(dim=-1))
    return best


def random_strokes(n: int = 60, height: int = 70, width: int = 90, layers: int = 2, curved: bool = True) -> Strokes:
    chance = torch.Generator().manual_seed(7)
    start = torch.rand(n, 1, 2, generator=chance) * torch.tensor([width, height])
    points = start + torch.cat([torch.zeros(n, 1, 2), 6 * torch.randn(n, 5, 2, generator=chance)], 1).cumsum(1)
    counts = torch.randint(1, 7, (n,), generator=chance)
    points = points.gather(1, torch.minimum(torch.arange(6)[None], counts[:, None] - 1)[..., None].expand(-1, -1, 2))
    layer = torch.arange(n) * layers // n
    radius = 1 + 5 * torch.rand(n, generator=chance)
    color = torch.rand(n, 3, generator=chance)
    return Strokes(height, width, points, counts, radius, color, layer, (1.0, 0.6)[:layers], torch.full((3,), 0.5), curved)


def plain(strokes: Strokes) -> Tensor:
    """The painter's algorithm, stroke by stroke."""
    rows, columns = (torch.arange(n) + 0.5 for n in (strokes.height, strokes.width))
    places = torch.stack(torch.meshgrid(columns, rows, indexing="xy"), -1)
    assert strokes.background is not None
    canvas = strokes.background.view(3, 1, 1).expand(3, strokes.height, strokes.width)
    parts = [strokes.chosen(strokes.layer == n).parts() for n in range(len(strokes.opacity))]
    for number, opacity in enumerate(strokes.opacity):
        layer = canvas
        for i in torch.nonzero(strokes.layer == number)[:, 0].tolist():
            line = strokes.chosen(torch.tensor([i])).polylines(parts[number])[0]
            away = distance(places, line) if len(line) > 1 else (places - line[0]).norm(dim=-1)
            cover = (strokes.radius[i] + 0.5 - away).clamp(0, 1) * (2 * strokes.radius[i]).clamp_max(1)
            layer = torch.lerp(layer, strokes.color[i].view(3, 1, 1), cover)
        canvas = torch.lerp(canvas, layer, opacity)
    return canvas[None]


def test_seeds_and_paths() -> None:
    g = golden("strokes")
    style = StrokeStyle(30.0, (8.0,), curvature=0.5)
    target = 255 * picture_of(g["picture"])
    reference = reference_of(target, 8, style, None)
    torch.testing.assert_close(reference.picture[0].movedim(0, -1), g["reference"].double(), rtol=0, atol=1e-4)
    shown = torch.full_like(target, 128.0)
    starts = seeds(reference.picture, shown, 8, style)
    assert torch.equal(starts, g["seeds"])
    points, counts = grow(starts, reference, shown, 8, style)
    assert torch.equal(counts, g["lengths"])
    wanted = g["paths"][:, : points.shape[1]]
    there = ~wanted.isnan()
    torch.testing.assert_close(points[there], wanted[there], rtol=0, atol=1e-6)
    longest = int(counts.argmax())
    line = points[longest, : int(counts[longest])]
    rows, columns = (torch.arange(n, dtype=torch.float64) for n in target.shape[-2:])
    places = torch.stack(torch.meshgrid(rows, columns, indexing="ij"), -1)
    torch.testing.assert_close(distance(places, line), g["longest_distance"].double(), rtol=0, atol=1e-5)


@pytest.mark.parametrize("curved", [True, False])
def test_the_rasterizer_is_the_painters_algorithm(curved: bool) -> None:
    strokes = random_strokes(curved=curved)
    off = (render(strokes) - plain(strokes)).abs()
    # A pixel in which several borders meet is mixed of the two uppermost.
    assert float(off.mean()) < 2e-3 and float((off > 0.02).float().mean()) < 0.02


def test_tiles_are_the_whole() -> None:
    strokes = random_strokes(200, 150, 190)
    for brush in (None, Brush("bristle"), Brush("flat"), Brush("picture", torch.rand(8, 30, generator=CHANCE))):
        assert torch.equal(render(strokes, brush=brush, tile=64), render(strokes, brush=brush))


def test_hidden_strokes_change_nothing() -> None:
    strokes = random_strokes(400, 60, 60, layers=1)
    over = Strokes(
        60,
        60,
        torch.tensor([[[30.0, 30.0]]]),
        torch.tensor([1]),
        torch.tensor([100.0]),
        torch.tensor([[0.2, 0.4, 0.6]]),
        torch.tensor([0]),
    )
    whole = replace(joined([strokes, over]), layer=torch.zeros(401, dtype=torch.long), opacity=(1.0,))
    torch.testing.assert_close(render(whole), over.color.view(1, 3, 1, 1).expand(1, 3, 60, 60))


def test_the_svg_is_the_same_strokes() -> None:
    strokes = random_strokes(30)
    text = strokes_to_svg(strokes)
    assert re.findall(r'opacity="([\d.]+)"', text) == ["1", "0.6"]
    paths = re.findall(r'<path d="M([-\d.]+) ([-\d.]+)((?:C[-\d. ]+)+)" stroke="#(\w+)" stroke-width="([\d.]+)"', text)
    circles = re.findall(r'<circle cx="([-\d.]+)" cy="([-\d.]+)" r="([\d.]+)" fill="#(\w+)"', text)
    assert len(paths) == int((strokes.counts > 1).sum()) and len(circles) == int((strokes.counts == 1).sum())
    # Walked along as a viewer of SVG does, every curve is the line that is painted.
    long = torch.nonzero(strokes.counts > 1)[:, 0].tolist()
    lines = strokes.polylines(8)
    for i, (x, y, curves, color, width) in zip(long, paths, strict=True):
        at, walked = torch.tensor([float(x), float(y)]), [torch.tensor([float(x), float(y)])]
        for curve in curves.split("C")[1:]:
            b, c, d = torch.tensor([float(v) for v in curve.split()]).view(3, 2)
            for t in torch.arange(1, 9) / 8:
                walked.append((1 - t) ** 3 * at + 3 * t * (1 - t) ** 2 * b + 3 * t * t * (1 - t) * c + t**3 * d)
            at = d
        torch.testing.assert_close(torch.stack(walked), lines[i, : len(walked)], rtol=0, atol=0.05)
        assert float(width) == pytest.approx(2 * float(strokes.radius[i]), abs=0.01)
        rgb = [int(color[k : k + 2], 16) / 255 for k in (0, 2, 4)]
        torch.testing.assert_close(torch.tensor(rgb), strokes.color[i], rtol=0, atol=0.003)


def test_painting_a_constant_gives_it() -> None:
    flat = torch.tensor([0.2, 0.5, 0.7]).view(1, 3, 1, 1).expand(1, 3, 80, 100).contiguous()
    for method in (Curved(), Oriented(Lines(color=0.0)), Ordered(200), Tried(50)):
        torch.testing.assert_close(painted(flat, Wish(method)).picture, flat, rtol=0, atol=2e-3)


def test_a_large_threshold_paints_the_first_layer_alone() -> None:
    strokes = paint(photo(120, 90), replace(STYLES["impressionist"], threshold=441.0)).strokes
    # What the first layer left bare is farther from the picture than any threshold.
    assert len(strokes) > 0 and int((strokes.layer > 0).sum()) < 0.05 * len(strokes)


def test_more_strokes_come_nearer() -> None:
    rgb, errors = photo(240, 160), []
    for threshold in (100.0, 25.0, 5.0, 0.0):
        style = replace(STYLES["impressionist"], threshold=threshold, radii=(8, 4, 2, 1))
        errors.append(255 * float((paint(rgb, style).picture - rgb).abs().mean()))
    assert errors[1] < errors[0] and errors[3] < 8
    assert all(b < 1.05 * a for a, b in zip(errors, errors[1:], strict=False))


@pytest.mark.parametrize("name", STYLES)
def test_the_seed_gives_the_same_and_the_picture_is_the_strokes(name: str) -> None:
    rgb = photo(120, 80)
    style = scaled(STYLES[name], 80, 120, 2.0)
    a, b, other = paint(rgb, style, 3), paint(rgb, style, 3), paint(rgb, style, 4)
    assert torch.equal(a.picture, b.picture) and not torch.equal(a.picture, other.picture)
    assert torch.equal(render(a.strokes), a.picture)
    assert strokes_to_svg(a.strokes) == strokes_to_svg(b.strokes)


def test_strokes_grow_with_the_picture() -> None:
    strokes = random_strokes(20, layers=1)
    large = render(strokes.resized(210, 270))
    small = torch.nn.functional.avg_pool2d(large, 3)
    assert float((small - render(strokes)).abs().mean()) < 0.02


def test_lines_stay_within_edges_and_are_as_long_as_they_may_be() -> None:
    rgb = photo(200, 150)
    how = Lines(angle=0.0)
    strokes = oriented_lines(rgb, orientation_of(rgb, 4.0), how)
    assert len(strokes) == 75 * 100
    assert float(strokes.lengths().max()) <= how.length[1] + 1e-3
    assert float(strokes.radius.min()) >= how.radius[0] and float(strokes.radius.max()) <= how.radius[1]


def test_by_trial_the_error_never_rises() -> None:
    rgb = photo(120, 90)
    field = orientation_of(rgb, 3.0)
    errors = [float((render(relaxed(rgb, field, n, (2.0, 14.0), 5.0)) - rgb).square().mean()) for n in (20, 200, 1500)]
    assert errors[0] > errors[1] > errors[2]


def test_handwriting_measures_strokes_of_known_size() -> None:
    chance = torch.Generator().manual_seed(0)
    for width, length in ((6, 40), (10, 60)):
        tones = torch.rand(600 // width + 1, 600 // length + 2, generator=chance)
        rows = [row.repeat_interleave(length).roll(i * 17 % length)[:600] for i, row in enumerate(tones)]
        painting = torch.stack(rows).repeat_interleave(width, 0)[:600].expand(1, 3, -1, -1).contiguous()
        found = measure(painting)
        assert found.width * 600 == pytest.approx(width, rel=0.35)
        assert found.length * 600 == pytest.approx(length, rel=0.35)
        assert int(found.directions.argmax()) in (0, 35)
        turned = measure(painting.transpose(2, 3).contiguous())
        assert int(turned.directions.argmax()) in (17, 18)


def test_a_painting_gives_its_colors() -> None:
    rgb = photo(100, 80)
    red = torch.rand(1, 3, 60, 60, generator=CHANCE) * torch.tensor([0.6, 0.1, 0.1]).view(1, 3, 1, 1) + 0.2
    made = painted(rgb, Wish(from_style="strokes and palette", colors=5), red)
    assert len(made.strokes.color.unique(dim=0)) <= 5
    assert float(made.strokes.color[:, 0].mean()) > float(made.strokes.color[:, 1].mean()) + 0.1
    plain_colors = painted(rgb, Wish(from_style="colors"), red).picture.mean((0, 2, 3))
    assert float(plain_colors[0] - plain_colors[1]) > 0.1


def test_a_still_clip_is_still_and_a_moving_one_carries_its_strokes() -> None:
    frame = photo(144, 96)
    painter = Painter(scaled(STYLES["impressionist"], 96, 144, 2.0))
    first, second = painter(frame), painter(frame.clone())
    assert torch.equal(first.picture, second.picture)
    moved = frame.roll(3, 3)
    carried = painter(moved).picture
    anew = paint(moved, painter.style).picture
    wanted = first.picture.roll(3, 3)[..., 10:]
    assert float((carried[..., 10:] - wanted).abs().mean()) < 0.6 * float((anew[..., 10:] - wanted).abs().mean())


def test_a_painting_in_progress_ends_finished() -> None:
    strokes = random_strokes(50)
    frames = in_progress(strokes, 5)
    assert frames.shape == (5, 3, 70, 90)
    assert strokes.background is not None
    torch.testing.assert_close(frames[0], strokes.background.view(3, 1, 1).expand(3, 70, 90))
    assert torch.equal(frames[-1:], render(strokes))


def test_an_angle_map_sets_the_directions() -> None:
    rgb = photo(100, 80)
    made = painted(rgb, Wish(Ordered(300)), angles=torch.full((1, 1, 4, 4), 0.25))
    step = made.strokes.points[:, 1] - made.strokes.points[:, 0]
    angles = torch.rad2deg(torch.atan2(step[:, 1], step[:, 0]))
    torch.testing.assert_close(angles, torch.full_like(angles, 45.0), rtol=0, atol=0.1)


def test_large_pictures_are_painted_from_a_small_one() -> None:
    rgb = photo(60, 40)
    large = torch.nn.functional.interpolate(rgb, (1400, 2100))
    made = painted(large, Wish(size=3.0))
    assert made.picture.shape == large.shape and (made.strokes.height, made.strokes.width) == (1400, 2100)
