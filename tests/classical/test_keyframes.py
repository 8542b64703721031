"""Painted frames carried through a clip, blends of two, guides, and frames kept aside."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from style_atelier.models.classical.blending import blended, contrast_kept, screened_poisson, slopes
from style_atelier.models.classical.guides import edges, positions, principal_features
from style_atelier.models.classical.keyframes import KeyframeSettings, paint_clip
from style_atelier.models.classical.patch_synthesis import PatchSettings
from style_atelier.models.video.frame_store import FrameStore
from style_atelier.tests.classical.test_patch_synthesis import smooth

QUICK = KeyframeSettings(patches=PatchSettings(rounds=3, searches=2))
WIDE = smooth(48, 96, 1)


def moving(count: int, step: int = 2) -> list[Tensor]:
    """Frames of a camera that glides over a picture."""
    return [WIDE[..., step * number : step * number + 64] for number in range(count)]


def paint(frame: Tensor) -> Tensor:
    """What a person would paint: other colors, the same shapes."""
    return torch.stack([1 - frame[:, 0], frame[:, 2], 0.5 * frame[:, 1]], dim=1).mul(255).round().div(255)


@pytest.mark.parametrize("keys", [[0], [5], [0, 5], [2, 4]])
def test_every_frame_is_painted_and_painted_frames_stay_as_they_are(keys: list[int]) -> None:
    frames = moving(6)
    painted = {number: paint(frames[number]) for number in keys}
    made = list(paint_clip(frames, painted, QUICK))
    assert len(made) == 6
    for number, frame in enumerate(frames):
        if number in keys:
            assert torch.equal(made[number], painted[number])
        else:
            assert (made[number] - paint(frame))[..., 4:-4, 6:-6].abs().mean() < 0.06


def test_a_still_clip_is_painted_alike_from_the_first_to_the_last() -> None:
    frames = [WIDE[..., :64]] * 5
    key = paint(frames[0])
    assert all(torch.equal(made, key) for made in paint_clip(frames, {0: key}, QUICK))
    assert all((made - key).abs().max() < 1e-5 for made in paint_clip(frames, {0: key, 4: key}, QUICK))


def test_nothing_is_carried_across_a_cut() -> None:
    frames = [*moving(3), *[1 - frame.flip(3) for frame in moving(3)]]
    painted = {0: paint(frames[0]), 5: torch.zeros_like(frames[0])}
    made = list(paint_clip(frames, painted, QUICK, cuts=[3]))
    assert made[3].max() == 0
    assert made[2].mean() > 0.2


def test_frames_are_given_out_as_they_are_made() -> None:
    seen = []

    def frames() -> list[Tensor]:
        return moving(4)

    def watched() -> object:
        for number, frame in enumerate(frames()):
            seen.append(number)
            yield frame

    made = paint_clip(watched(), {0: paint(frames()[0])}, QUICK)  # type: ignore[arg-type]
    next(made)
    next(made)
    assert seen == [0, 1]


def test_a_painted_frame_beyond_the_clip_is_refused() -> None:
    with pytest.raises(ValueError, match="beyond the clip, which has 3 frames"):
        list(paint_clip(moving(3), {7: paint(WIDE[..., :64])}, QUICK))


def test_progress_never_goes_back() -> None:
    seen: list[float] = []
    frames = moving(4)
    painted = {0: paint(frames[0]), 3: paint(frames[3])}
    list(paint_clip(frames, painted, QUICK, count=4, progress=lambda done, total, preview=None: seen.append(done / total)))
    assert seen == sorted(seen)
    assert seen[-1] <= 1


def test_a_screened_poisson_equation_is_solved() -> None:
    picture = smooth(17, 22, 3).double()
    assert torch.allclose(screened_poisson(picture, *slopes(picture), 0.3), picture)
    colors, across, down = torch.rand(1, 1, 6, 7).double(), torch.rand(1, 1, 6, 6).double(), torch.rand(1, 1, 5, 7).double()
    solved = screened_poisson(colors, across, down, 0.3).requires_grad_()
    mine = slopes(solved)
    energy = (mine[0] - across).square().sum() + (mine[1] - down).square().sum() + 0.3 * (solved - colors).square().sum()
    energy.backward()
    assert solved.grad is not None
    assert solved.grad.abs().max() < 1e-10


def test_a_blend_of_equals_is_that_picture_and_keeps_contrast() -> None:
    picture = smooth(20, 30, 4)
    error = torch.rand(2, 1, 1, 20, 30)
    assert torch.allclose(blended(picture, picture, (error[0], error[1]), 0.4), picture, atol=1e-5)
    one, other = torch.randn(2, 1, 3, 64, 64)
    assert abs(float(contrast_kept(one, other, torch.full((1, 1, 64, 64), 0.5)).std()) - 1) < 0.03


def test_guides() -> None:
    place = positions(5, 9)
    assert place[0, 0, 3].tolist() == pytest.approx(torch.linspace(0, 1, 9).tolist())
    assert edges(torch.full((1, 3, 8, 8), 0.3)).max() < 1e-6
    first, second = principal_features(torch.rand(1, 20, 6, 7), torch.rand(1, 20, 5, 4), 8)
    assert first.shape == (1, 8, 6, 7)
    assert second.shape == (1, 8, 5, 4)
    assert min(first.min(), second.min()) >= 0
    assert max(first.max(), second.max()) <= 1


@pytest.mark.parametrize("in_file", [False, True])
def test_frames_kept_aside_come_back(tmp_path: Path, in_file: bool) -> None:
    path = tmp_path / "frames" if in_file else None
    frames = [torch.rand(1, 4, 5, 6).mul(255).round().div(255) for _ in range(3)]
    with FrameStore(path) as store:
        for frame in frames:
            store.add(frame)
        assert all(torch.equal(store[number], frames[number]) for number in (2, 0, 1))
        store.clear()
        store.add(frames[2])
        assert len(store) == 1
        assert torch.equal(store[0], frames[2])
        with pytest.raises(IndexError):
            store[1]
    assert path is None or not path.exists()
