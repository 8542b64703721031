"""Image analogies, by patches and in scan order."""

from __future__ import annotations

import pytest
import torch

from style_atelier.models.classical.image_analogy import CAUSAL, ScanSettings, analogy, analogy_in_scan_order, remapped
from style_atelier.models.classical.patch_synthesis import PatchSettings
from style_atelier.tests.classical.test_patch_synthesis import smooth

A, B = smooth(36, 40, 1), smooth(32, 33, 2)
EXACT = ScanSettings(coherence=2.0, color="a")


def test_brightness_is_remapped_to_the_pictures_own() -> None:
    before, _, wanted = remapped(A, A, B)
    assert abs(float(before.mean() - wanted.mean())) < 1e-5
    assert abs(float(before.std(correction=0) - wanted.std(correction=0))) < 1e-5


def test_where_b_is_a_the_analogy_is_a_painted() -> None:
    painted = smooth(36, 40, 3)
    assert torch.equal(analogy_in_scan_order(A, painted, A, EXACT), painted)


def test_where_a_painted_is_a_the_analogy_of_a_part_is_that_part() -> None:
    made = analogy_in_scan_order(A, A, A[..., 4:30, 6:38], ScanSettings(coherence=2.0, levels=1, color="a"))
    assert (made - A[..., 4:30, 6:38])[..., 2:-2, 2:-2].abs().mean() < 0.05


def test_scan_order_learns_a_filter() -> None:
    def inverted(x: torch.Tensor) -> torch.Tensor:
        return 1 - x

    made = analogy_in_scan_order(A, inverted(A), A[..., 3:33, 4:36], EXACT)
    assert (made - inverted(A[..., 3:33, 4:36])).abs().mean() < 0.03


def test_every_color_is_of_a_painted_and_the_other_way_keeps_those_of_b() -> None:
    painted = smooth(36, 40, 3)
    colors = set(map(tuple, painted[0].flatten(1).T.tolist()))
    made = analogy_in_scan_order(A, painted, B, EXACT)
    assert set(map(tuple, made[0].flatten(1).T.tolist())) <= colors
    grey = analogy_in_scan_order(A, painted, B.mean(1, keepdim=True).expand(-1, 3, -1, -1), ScanSettings())
    assert grey.var(1).max() < 1e-6


def test_what_is_found_together_sees_nothing_of_each_other() -> None:
    assert all(right + 3 * down < 0 for down, right in CAUSAL)
    assert len(CAUSAL) == 12


@pytest.mark.parametrize("color", ["a", "b"])
def test_the_patch_engine_makes_the_same_analogy(color: str) -> None:
    made = analogy(A, 1 - A, A.flip(3), 8.0, color, PatchSettings(uniformity=0.0, rounds=3))
    wanted = 1 - A.flip(3)
    luma = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    assert ((made - wanted) * luma).sum(1).abs()[..., 4:-4, 4:-4].mean() < 0.08


def test_pictures_that_are_too_large_are_refused() -> None:
    with pytest.raises(ValueError, match="too large for the scan order"):
        analogy_in_scan_order(torch.zeros(1, 3, 512, 512), torch.zeros(1, 3, 512, 512), torch.zeros(1, 3, 512, 512), EXACT)
