"""Points of W: seeds, rows, truncation, mixing, blending, walking, editing, files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from style_atelier.models.generation.directions import Directions, edit, edit_in_steps, principal_components, sefa
from style_atelier.models.generation.latent_file import read_latents, write_latents
from style_atelier.models.generation.latents import (
    Latents,
    Sampling,
    blend,
    check_fits,
    joined,
    mix,
    parse_rows,
    parse_seeds,
    sample,
    truncate,
    truncation_sweep,
)
from style_atelier.models.generation.walk import walk
from style_atelier.models.weights.errors import WeightsError
from style_atelier.tests.families.generator_files import generator


def points(count: int, rows: int = 10, seed: int = 0) -> Latents:
    drawn = torch.Generator().manual_seed(seed)
    return Latents(torch.randn(count, rows, 6, generator=drawn), torch.randn(6, generator=drawn), "test", (4, 8), f"seed {seed}")


def close(a: Tensor, b: Tensor, tolerance: float = 1e-5) -> None:
    torch.testing.assert_close(a, b, atol=tolerance, rtol=0)


@pytest.mark.parametrize(
    ("text", "seeds"),
    [("85", [85]), ("1-3, 20", [1, 2, 3, 20]), ("5 - 6 9", [5, 6, 9]), ("7,7,", [7, 7]), ("4294967295", [2**32 - 1])],
)
def test_seeds(text: str, seeds: list[int]) -> None:
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize("text", ["", " , ", "a", "3-1", "-4", "1-5000", "4294967296", "1.5", "1-2-3", "1-9999999999"])
def test_wrong_seeds(text: str) -> None:
    with pytest.raises(ValueError, match=r"^seeds "):
        parse_seeds(text)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("all", list(range(10))),
        ("coarse", [0, 1, 2, 3]),
        ("Middle, fine", list(range(4, 10))),
        ("0-2, 9", [0, 1, 2, 9]),
        ("coarse + 8", [0, 1, 2, 3, 8]),
        ("3 3", [3]),
    ],
)
def test_rows(text: str, rows: list[int]) -> None:
    assert parse_rows(text, points(1)) == rows


@pytest.mark.parametrize("text", ["", "10", "0-10", "rough", "-1", "3-1"])
def test_wrong_rows(text: str) -> None:
    with pytest.raises(ValueError, match=r"^layers "):
        parse_rows(text, points(1))


def test_truncation() -> None:
    w = points(2)
    close(truncate(w, 0, range(10)).values, w.average.expand(2, 10, 6))
    half = truncate(w, 0.5, [0, 1]).values
    close(half[:, :2], (w.values[:, :2] + w.average) / 2)
    close(half[:, 2:], w.values[:, 2:])
    sweep = truncation_sweep(w, 1, -1, 3, range(10)).values.view(2, 3, 10, 6)
    close(sweep[:, 0], w.values)
    close(sweep[:, 1], w.average.expand(2, 10, 6))
    close(sweep[:, 2], 2 * w.average - w.values)


def test_mixing() -> None:
    a, b = points(2, seed=1), points(3, seed=2)
    one = mix(a, b, [4, 5], 1, "one to one")
    assert len(one) == 3
    close(one.values[2, 4:6], b.values[2, 4:6])
    close(one.values[2, :4], a.values[0, :4])
    grid = mix(a, b, [0], 1, "grid").values.view(2, 3, 10, 6)
    for i in range(2):
        for j in range(3):
            close(grid[i, j, 0], b.values[j, 0])
            close(grid[i, j, 1:], a.values[i, 1:])
    close(mix(a, b, [0], 0, "one to one").values[:2], a.values)
    close(mix(a, b, [0], 0.25, "one to one").values[0, 0], 0.75 * a.values[0, 0] + 0.25 * b.values[0, 0])
    with pytest.raises(ValueError, match=r"10 rows.*8 rows"):
        mix(a, points(1, rows=8), [0], 1, "grid")


def test_blending() -> None:
    a, b = points(2, seed=1), points(1, seed=2)
    close(blend([a, b], [3, 1]).values, 0.75 * a.values + 0.25 * b.values)
    close(blend([a], [5]).values, a.values)
    assert len(joined([a, b, a])) == 5


@pytest.mark.parametrize("path", ["straight", "arc", "spline"])
@pytest.mark.parametrize("easing", ["even", "gentle", "in", "out"])
def test_a_walk_passes_its_points(path: str, easing: str) -> None:
    w = points(4)
    open_way = walk(w, 13, path, False, easing).values  # type: ignore[arg-type]
    for i in range(4):
        close(open_way[4 * i], w.values[i], 1e-4)
    loop = walk(w, 16, path, True, easing).values  # type: ignore[arg-type]
    assert len(loop) == 16
    for i in range(4):
        close(loop[4 * i], w.values[i], 1e-4)
    assert float((loop[-1] - loop[0]).norm()) < float((w.values[3] - w.values[0]).norm())


def test_walks_are_what_they_say() -> None:
    w = points(2)
    a, b, center = w.values[0], w.values[1], w.average
    close(walk(w, 5, "straight", False, "even").values[1], 0.75 * a + 0.25 * b)
    arc = walk(w, 3, "arc", False, "even").values[1] - center
    close(arc.norm(dim=-1), ((a - center).norm(dim=-1) + (b - center).norm(dim=-1)) / 2, 1e-4)
    towards = [torch.cosine_similarity(arc, end - center, dim=-1) for end in (a, b)]
    close(towards[0], towards[1], 1e-4)
    close(walk(w, 5, "straight", False, "in").values[2], 0.75 * a + 0.25 * b)
    same = replace(w, values=w.values[:1].repeat(2, 1, 1))
    assert bool(torch.isfinite(walk(same, 5, "arc", False, "even").values).all())
    with pytest.raises(ValueError, match="needs at least two"):
        walk(points(1), 5, "arc", False, "even")


def test_a_spline_has_no_corner() -> None:
    loop = walk(points(5), 500, "spline", True, "even").values
    speed = loop.roll(-1, 0) - loop
    turn = (speed.roll(-1, 0) - speed).flatten(1).norm(dim=1)
    assert float(turn.max()) < 0.1 * float(speed.flatten(1).norm(dim=1).mean())


def test_sampling_is_the_authors() -> None:
    made = generator("stylegan2")
    w = sample(made, Sampling((85, 3), psi=0.7, cutoff=2))
    close(w.values, made.map(made.latents([85, 3]), None, 0.7, 2))
    assert "85, 3" in repr(w)
    assert "psi 0.7" in repr(w)
    here, right, up = (made.map(made.latents([seed]), None) for seed in (5, 6, 7))
    moved = sample(made, Sampling((5,), towards=((6, 0.25), (7, -0.5))))
    close(moved.values, here + 0.25 * (right - here) - 0.5 * (up - here))
    mixed = sample(made, Sampling((5,), mix_seed=6, mix_layers="fine")).values
    close(mixed[:, :4], here[:, :4])
    close(mixed[:, 4:], right[:, 4:])
    close(sample(made, Sampling((5,), mix_seed=6, mix_layers="2-3")).values[:, 2:4], right[:, 2:4])
    with pytest.raises(ValueError, match="truncation_cutoff is 99"):
        sample(made, Sampling((5,), cutoff=99))
    with pytest.raises(ValueError, match="sample it from this generator"):
        check_fits(points(1), made)
    check_fits(w, made)


def test_sefa_finds_what_the_styles_hear_most() -> None:
    """One direction of W that all layers are fed by, as strong as all others together, comes out first."""
    made = generator("stylegan2")
    wanted = torch.nn.functional.normalize(torch.randn(made.style, generator=torch.Generator().manual_seed(4)), dim=0)
    with torch.no_grad():
        for layer in made.styled_layers():
            layer.matrix.add_(20 * torch.randn(layer.matrix.shape[0], 1, generator=torch.Generator().manual_seed(5)) * wanted)
    found = sefa(made, range(made.rows), 5)
    assert abs(float(found.values[0] @ wanted)) > 0.99
    close(found.values @ found.values.t(), torch.eye(5), 1e-4)
    assert bool((found.share[:-1] >= found.share[1:]).all())
    assert found.share[0] > 0.5
    assert "SeFa" in found.table()
    with pytest.raises(ValueError, match="drive no style"):
        sefa(made, [], 5)


def test_principal_components_are_those_of_w() -> None:
    made = generator("stylegan2")
    found = principal_components(made, 4000, 1, 3)
    with torch.no_grad():
        w = made.mapping(made.latents(range(500)))
    along = (w - w.mean(0)) @ found.values.t()
    assert bool((along.std(0)[:-1] >= 0.9 * along.std(0)[1:]).all())
    torch.testing.assert_close(along.std(0), found.spread, atol=0, rtol=0.15)
    again = principal_components(made, 4000, 1, 3)
    close(found.values, again.values, 0)


def test_editing() -> None:
    w = points(2)
    ways = Directions(torch.eye(6)[:3], torch.tensor([2.0, 1.0, 0.5]), torch.ones(3) / 3, "test", "SeFa")
    moved = edit(w, ways, [(0, 1.5), (2, -2)], [1, 2]).values - w.values
    expected = torch.zeros(2, 10, 6)
    expected[:, 1:3, 0], expected[:, 1:3, 2] = 3.0, -1.0
    close(moved, expected)
    assert edit(w, ways, [(0, 0), (1, 0)], [0]) is w
    strip = edit_in_steps(w, ways, [(0, 2.0)], range(10), 3).values.view(2, 3, 10, 6)
    close(strip[:, 1], w.values)
    close(strip[:, 2] - w.values, w.values - strip[:, 0])
    with pytest.raises(ValueError, match="direction is 3 and there are 0 to 2"):
        edit(w, ways, [(3, 1)], [0])
    with pytest.raises(ValueError, match="find them on the same generator"):
        edit(w, Directions(torch.eye(5), torch.ones(5), torch.ones(5), "other", "PCA"), [(0, 1)], [0])


def test_files(tmp_path: Path) -> None:
    w = replace(points(2), noise=tuple(torch.randn(4 << i, 4 << i) for i in range(12)))
    first, second = (write_latents(w, tmp_path / "faces" / "anna") for _ in range(2))
    assert [first.name, second.name] == ["anna_00001.safetensors", "anna_00002.safetensors"]
    back = read_latents(first)
    assert (back.generator, back.groups, back.summary) == (w.generator, w.groups, w.summary)
    close(back.values, w.values, 0)
    close(back.average, w.average, 0)
    assert [level.shape for level in back.noise] == [level.shape for level in w.noise]
    close(back.noise[11], w.noise[11], 0)
    assert not list(tmp_path.rglob("*.tmp"))


@pytest.mark.parametrize("content", [b"", b"<html>", b"\x08\x00\x00\x00\x00\x00\x00\x00{}      "])
def test_wrong_files(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "wrong.safetensors"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="holds no points of W"):
        read_latents(path)
