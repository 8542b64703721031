"""The patch engine: nearest patches, EbSynth's energy, guides, tiles without seams, the same bytes for the same seed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from style_atelier.models.classical import patch_synthesis
from style_atelier.models.classical.patch_match import PatchMatch
from style_atelier.models.classical.patch_synthesis import Guide, PatchSettings, synthesize, vote, whole_numbers
from style_atelier.models.classical.patches import energy_unit, fit_basis, project

HEIGHT, WIDTH = 48, 64
QUICK = PatchSettings(rounds=3, searches=3)


def smooth(height: int, width: int, seed: int, channels: int = 3) -> Tensor:
    """A picture [1, C, H, W] with structure of several sizes."""
    chance = torch.Generator().manual_seed(seed)
    parts = []
    for step in (24, 8, 3):
        drawn = torch.rand(1, channels, height // step + 1, width // step + 1, generator=chance)
        parts.append(F.interpolate(drawn, (height, width), mode="bicubic"))
    return torch.stack(parts).mean(0).clamp(0, 1)


@pytest.fixture(scope="module")
def nearest(shared: Path) -> dict[str, Tensor]:
    path = shared / "golden" / "classical" / "nearest_patches.golden.pt"
    if not path.is_file():
        pytest.skip(f"no golden arrays at {path}")
    return torch.load(path, weights_only=True)


def test_nearest_patches_are_within_a_twentieth_of_brute_force(nearest: dict[str, Tensor]) -> None:
    target, source = (whole_numbers(nearest[key].movedim(-1, 0)[None]) for key in "ab")
    weights, chance = torch.ones(3), torch.Generator().manual_seed(0)
    unit = energy_unit(weights, 5)
    basis = fit_basis(source, weights, 5, 0.999, 24, unit, chance)
    size, source_size = (target.shape[2], target.shape[3]), (source.shape[2], source.shape[3])
    match = PatchMatch(project(source, basis), source_size, size, 5, 0.0, chance)
    match.aim(project(target, basis))
    match.search(8, lambda: None)
    index = match.index.view(size)[2:-2, 2:-2]
    patches_of = lambda x: F.unfold(x.double(), 5)[0].T  # noqa: E731
    rows, columns = index // source_size[1] - 2, index % source_size[1] - 2
    found = patches_of(source)[(rows * (source_size[1] - 4) + columns).flatten()]
    distance = (found - patches_of(target)).square().sum(1) / 255**2
    assert distance.mean() <= 1.05 * nearest["distance"].mean()


def test_a_search_never_raises_the_cost_and_stays_inside() -> None:
    source, target = whole_numbers(smooth(40, 50, 1)), whole_numbers(smooth(36, 44, 2))
    weights, chance = torch.ones(3), torch.Generator().manual_seed(3)
    basis = fit_basis(source, weights, 5, 0.999, 24, energy_unit(weights, 5), chance)
    match = PatchMatch(project(source, basis), (40, 50), (36, 44), 5, 0.0, chance)
    match.aim(project(target, basis))
    costs = [match.total.sum()]
    for _ in range(4):
        match.search(1, lambda: None)
        costs.append(match.total.sum())
    assert costs == sorted(costs, reverse=True)
    assert costs[-1] < 0.5 * costs[0]
    rows, columns = match.index // 50, match.index % 50
    assert rows.min() >= 2
    assert rows.max() < 38
    assert columns.min() >= 2
    assert columns.max() < 48


def test_projected_patches_have_the_distances_of_the_patches() -> None:
    source, target = whole_numbers(smooth(30, 31, 4, 5)), whole_numbers(smooth(30, 31, 5, 5))
    weights = torch.tensor([2.0, 2.0, 2.0, 0.5, 0.5])
    unit = energy_unit(weights, 5)
    basis = fit_basis(source, weights, 5, 1.0, 125, unit, torch.Generator().manual_seed(0))
    rows, others = project(source, basis), project(target, basis)
    assert torch.equal(rows, rows.round())
    scaled = [F.unfold(F.pad(x * weights.sqrt()[:, None, None], (2,) * 4, mode="replicate"), 5)[0].T for x in (source, target)]
    wanted = (scaled[0] - scaled[1]).square().sum(1)
    assert (((rows - others).square().sum(1) / unit**2 - wanted).abs() / wanted).max() < 2e-2


def test_occupancy_counts_every_use_of_every_pixel() -> None:
    chance = torch.Generator().manual_seed(0)
    match = PatchMatch(torch.zeros(14 * 15, 3), (14, 15), (9, 10), 5, 1.0, chance)
    used = torch.zeros(14, 15)
    for place in match.index.tolist():
        used[place // 15 - 2 : place // 15 + 3, place % 15 - 2 : place % 15 + 3] += 1
    wanted = F.avg_pool2d(used[None, None], 5, 1)[0, 0] / (90 / 210 * 25)
    assert torch.allclose(match.occupancy().view(14, 15)[2:-2, 2:-2], wanted, rtol=1e-5)


def test_a_vote_is_the_mean_of_the_patches_over_a_pixel() -> None:
    style = whole_numbers(smooth(12, 13, 6))
    index = torch.randint(2, 10, (9, 8)) * 13 + torch.randint(2, 11, (9, 8))
    total, count = torch.zeros(3, 9, 8), torch.zeros(9, 8)
    for y in range(9):
        for x in range(8):
            for dy in range(-2, 3):
                for dx in range(-2, 3):
                    if 0 <= y + dy < 9 and 0 <= x + dx < 8:
                        total[:, y + dy, x + dx] += style[0, :, index[y, x] // 13 + dy, index[y, x] % 13 + dx]
                        count[y + dy, x + dx] += 1
    assert torch.equal(vote(style, index, 5)[0], total / count)


def test_equal_guides_give_the_style_back() -> None:
    style, guide = smooth(HEIGHT, WIDTH, 7), smooth(HEIGHT, WIDTH, 8)
    made = synthesize(style, [Guide(guide, guide, 6.0)], (HEIGHT, WIDTH), PatchSettings(uniformity=0.0))
    error = 255 * (made.picture - style).abs()[..., 4:-4, 4:-4]  # at the border no patch has its middle
    assert error.mean() < 0.5
    assert (error < 8).float().mean() > 0.99


def test_a_guide_of_regions_paints_by_numbers() -> None:
    style = torch.cat([smooth(48, 32, 9) * 0.4, 0.6 + 0.4 * smooth(48, 32, 10)], dim=3)
    labels = torch.cat([torch.zeros(1, 1, 48, 32), torch.ones(1, 1, 48, 32)], dim=3)
    wanted = (torch.arange(40)[:, None] > 20).float().expand(40, 56)[None, None]
    made = synthesize(style, [Guide(labels, wanted, 4.0)], (40, 56), QUICK).picture
    assert made[:, :, :18].mean() < 0.35
    assert made[:, :, 23:].mean() > 0.65


def test_a_constant_style_gives_itself() -> None:
    made = synthesize(torch.full((1, 3, 30, 30), 0.4), [], (25, 35), QUICK)
    assert torch.allclose(made.picture, torch.full((1, 3, 25, 35), round(0.4 * 255) / 255))


def test_uniformity_spreads_the_use_of_the_style() -> None:
    style = smooth(40, 40, 11)
    peak = {}
    for uniformity in (0.0, 3500.0):
        made = synthesize(style, [], (40, 40), PatchSettings(uniformity=uniformity, rounds=3, searches=3))
        peak[uniformity] = int(torch.bincount(made.index.flatten()).max())
    assert peak[3500.0] < peak[0.0]


def test_only_what_is_allowed_is_taken() -> None:
    style = torch.cat([torch.zeros(1, 3, 40, 30), torch.ones(1, 3, 40, 30)], dim=3)
    allowed = (style[:, :1] > 0.5).float()
    assert synthesize(style, [], (30, 30), QUICK, allowed=allowed).picture.min() > 0.9


def test_a_tile_has_no_seam() -> None:
    made = synthesize(smooth(64, 64, 12), [], (48, 48), PatchSettings(rounds=4, searches=3, wrap=True)).picture[0]
    inner = (made[:, 1:] - made[:, :-1]).abs().mean((0, 2)).median()
    assert (made[:, 0] - made[:, -1]).abs().mean() < 1.5 * inner


def test_the_same_seed_is_the_same_bytes_with_any_number_of_threads() -> None:
    style, guide, wanted = smooth(50, 60, 13), smooth(50, 60, 14), smooth(41, 47, 15)
    made = []
    threads = torch.get_num_threads()
    for count in (1, 2):
        torch.set_num_threads(count)
        made.append(synthesize(style, [Guide(guide, wanted, 2.0)], (41, 47), QUICK).picture)
    torch.set_num_threads(threads)
    other = synthesize(style, [Guide(guide, wanted, 2.0)], (41, 47), PatchSettings(rounds=3, searches=3, seed=1)).picture
    assert torch.equal(*made)
    assert not torch.equal(made[0], other)


def test_a_picture_too_large_to_search_takes_over_what_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    style, guide = smooth(96, 96, 16), smooth(96, 96, 17)
    monkeypatch.setattr(patch_synthesis, "LARGEST_SEARCH", 48 * 48)
    made = synthesize(style, [Guide(guide, guide, 6.0)], (96, 96), PatchSettings(uniformity=0.0)).picture
    assert 255 * (made - style).abs().mean() < 8


def test_progress_is_shown_and_stops_the_work() -> None:
    seen: list[tuple[int, int, bool]] = []

    def watch(done: int, total: int, preview: Tensor | None = None) -> None:
        seen.append((done, total, preview is not None))
        if len(seen) == 40:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        synthesize(smooth(64, 64, 18), [], (64, 64), PatchSettings(), watch)
    assert [done for done, _, _ in seen] == sorted(done for done, _, _ in seen)
    assert any(preview for _, _, preview in seen)


def test_what_does_not_fit_is_refused_in_one_sentence() -> None:
    with pytest.raises(ValueError, match="too small for patches of 5"):
        synthesize(torch.rand(1, 3, 8, 8), [], (30, 30), QUICK)
    with pytest.raises(ValueError, match="another size"):
        synthesize(torch.rand(1, 3, 20, 20), [Guide(torch.rand(1, 1, 20, 20), torch.rand(1, 1, 9, 9), 1.0)], (20, 20), QUICK)
    with pytest.raises(ValueError, match="allow more"):
        synthesize(torch.rand(1, 3, 20, 20), [], (20, 20), QUICK, allowed=torch.zeros(1, 1, 20, 20))
