"""Texture: differences by transforms, cuts, quilting, transfer, and growing pixel by pixel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from style_atelier.models.classical import quilting
from style_atelier.models.classical.efros_leung import GrowthSettings, grow_texture, independent, window_distances, window_weights
from style_atelier.models.classical.matching import Matcher
from style_atelier.models.classical.quilting import QuiltSettings, TransferSettings, candidates, quilt, quilted, transfer_texture
from style_atelier.models.classical.seams import cheapest_path, cumulative, kept_right


@pytest.fixture(scope="module")
def golden_texture(shared: Path) -> dict[str, Tensor]:
    path = shared / "golden" / "classical" / "texture.golden.pt"
    if not path.is_file():
        pytest.skip(f"no golden arrays at {path}")
    return torch.load(path, weights_only=True)


def checkered(side: int = 40) -> Tensor:
    """A texture [1, 3, side, side] of squares of different colors."""
    chance = torch.Generator().manual_seed(5)
    return torch.rand(1, 3, side // 4, side // 4, generator=chance).repeat_interleave(4, 2).repeat_interleave(4, 3)


def colors(x: Tensor) -> set[tuple[float, ...]]:
    return set(map(tuple, x[0].flatten(1).T.tolist()))


def test_golden_differences_and_candidates(golden_texture: dict[str, Tensor]) -> None:
    source, patch = golden_texture["source"].movedim(-1, 0), golden_texture["patch"].movedim(-1, 0)
    matcher = Matcher(source, (9, 9))
    found = matcher.costs(patch, golden_texture["weight"].expand(3, 9, 9).contiguous())
    assert (found - golden_texture["ssd"]).abs().max() < 1e-9
    assert torch.equal(candidates(found, 0.1), golden_texture["candidates"])
    plain = matcher.costs(patch, torch.ones(3, 9, 9, dtype=torch.float64))
    assert (plain - golden_texture["ssd_plain"]).abs().max() < 1e-9


def test_golden_differences_of_windows(golden_texture: dict[str, Tensor]) -> None:
    source, patch = golden_texture["source"].movedim(-1, 0), golden_texture["patch"].movedim(-1, 0)
    patches = torch.nn.functional.unfold(source[None], 9)[0].T
    squares = patches.square().unflatten(1, (3, 81)).sum(1)
    found = window_distances(patches, squares, patch.flatten()[:, None], golden_texture["weight"].flatten()[:, None])
    assert (found.view(32, 40) - golden_texture["ssd"]).abs().max() < 1e-9
    known = window_weights(9) * (golden_texture["weight"] > 0)
    assert (known / known.sum() - golden_texture["weight"]).abs().max() < 1e-9


def test_golden_cut(golden_texture: dict[str, Tensor]) -> None:
    surface = golden_texture["surface"].numpy()
    path = cheapest_path(surface)
    assert np.abs(cumulative(surface) - golden_texture["cumulative"].numpy()).max() < 1e-9
    assert np.array_equal(path, golden_texture["path"].numpy())
    assert abs(surface[np.arange(len(path)), path].sum() - float(golden_texture["seam_cost"])) < 1e-9


def test_golden_quilt(golden_texture: dict[str, Tensor]) -> None:
    source = golden_texture["source"].movedim(-1, 0)[None]
    made, places = quilted(source, (32, 32), QuiltSettings(14, 5, 0.0, first=(7, 11)))
    assert torch.tensor(places).equal(golden_texture["places"])
    assert (made[0].movedim(0, -1) - golden_texture["quilt"]).abs().max() < 1e-9


def test_of_equal_cuts_the_left_one_is_taken() -> None:
    assert cheapest_path(np.ones((5, 4))).tolist() == [0] * 5
    assert kept_right(np.array([[1.0, 0.0], [0.0, 1.0]])).tolist() == [[False, True], [True, True]]


def test_differences_are_those_of_the_plain_sum() -> None:
    source, template, weights = torch.rand(2, 23, 29).double(), torch.rand(2, 7, 5).double(), torch.rand(2, 7, 5).double()
    matcher = Matcher(source, (7, 5))
    plain = source.unfold(1, 7, 1).unfold(2, 5, 1) - template[:, None, None]
    assert torch.allclose(matcher.costs(template, weights), (weights[:, None, None] * plain.square()).sum((0, 3, 4)))


@pytest.mark.parametrize("wrap", [False, True])
def test_every_color_of_a_quilt_is_the_textures(wrap: bool) -> None:
    texture = checkered()
    made = quilt(texture, (57, 50), QuiltSettings(block=12, wrap=wrap))
    assert made.shape == (1, 3, 57, 50)
    assert colors(made) <= colors(texture)


def test_a_block_of_the_textures_size_gives_the_texture() -> None:
    texture = checkered()
    assert torch.equal(quilt(texture, (40, 40), QuiltSettings(block=100)), texture)


def test_a_quilted_tile_has_no_seam() -> None:
    made = quilt(torch.rand(1, 3, 64, 64).cumsum(3) / 64, (60, 60), QuiltSettings(block=18, wrap=True))[0]
    inner = (made[:, :, 1:] - made[:, :, :-1]).abs().mean((0, 1))
    assert (made[:, :, 0] - made[:, :, -1]).abs().mean() <= inner.max()


def test_a_large_texture_is_searched_at_a_reduced_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quilting, "LARGEST_SEARCH", 400)
    texture = checkered()
    made = quilt(texture, (60, 60), QuiltSettings(block=16))
    assert colors(made) <= colors(texture)


def test_a_transfer_keeps_the_pictures_light_and_dark_in_the_textures_colors() -> None:
    texture = checkered(64)
    picture = torch.linspace(0, 1, 60).expand(1, 3, 60, 60)
    made = transfer_texture(texture, picture, TransferSettings(block=9, passes=2))
    assert colors(made) <= colors(texture)
    columns = made.mean((0, 1, 2))
    assert torch.corrcoef(torch.stack([columns, picture[0, 0, 0]]))[0, 1] > 0.8


def test_what_grows_has_the_textures_colors_and_seeds_differ() -> None:
    texture = checkered(24)
    made = [grow_texture(texture, (20, 23), GrowthSettings(7, seed=seed)) for seed in (0, 0, 1)]
    assert colors(made[0]) <= colors(texture)
    assert torch.equal(made[0], made[1])
    assert not torch.equal(made[0], made[2])
    assert colors(grow_texture(texture, (16, 16), GrowthSettings(7, wrap=True))) <= colors(texture)


def test_pixels_worked_on_together_see_nothing_of_each_other() -> None:
    places = torch.randint(0, 30, (80, 2), generator=torch.Generator().manual_seed(0)).unique(dim=0)
    places = places[torch.randperm(len(places))]
    turn = torch.empty(len(places), dtype=torch.long)
    for number, batch in enumerate(independent(places, 5, None)):
        turn[batch] = number
    for i in range(len(places)):
        for j in range(i):
            if (places[i] - places[j]).abs().max() <= 5:
                assert turn[j] < turn[i]


def test_the_same_seed_is_the_same_bytes() -> None:
    texture = checkered()
    assert torch.equal(quilt(texture, (50, 50), QuiltSettings(12)), quilt(texture, (50, 50), QuiltSettings(12)))
    assert not torch.equal(quilt(texture, (50, 50), QuiltSettings(12)), quilt(texture, (50, 50), QuiltSettings(12, seed=1)))


def test_what_does_not_fit_is_refused_in_one_sentence() -> None:
    with pytest.raises(ValueError, match="must be smaller than the block"):
        quilt(checkered(), (40, 40), QuiltSettings(8, 8))
    with pytest.raises(ValueError, match="smaller than the window"):
        grow_texture(checkered(), (40, 40), GrowthSettings(41))
    with pytest.raises(ValueError, match="too large to grow"):
        grow_texture(torch.zeros(1, 3, 300, 300), (40, 40), GrowthSettings(11))
