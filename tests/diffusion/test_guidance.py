"""The prediction of a model is given a style's moments: by every method, in a region, over frames."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from style_atelier.models.diffusion.guidance import MomentGuidance, moments_of
from style_atelier.models.ops.moments import measure
from style_atelier.models.ops.transfer import METHODS


def latents(*size: int, seed: int = 0) -> Tensor:
    drawn = torch.Generator().manual_seed(seed)
    mixed = torch.eye(size[1]) + 0.5 * torch.randn(size[1], size[1], generator=drawn)
    return torch.einsum("cd,bd...->bc...", mixed, torch.randn(size, generator=drawn)) + seed


@pytest.mark.parametrize("method", METHODS)
def test_it_has_the_styles_moments(method: str) -> None:
    x, style = latents(2, 4, 16, 12), latents(1, 4, 9, 11, seed=1)
    made = measure(MomentGuidance(moments_of([style], method), method, 1.0)(x), full=True)
    wanted = measure(style, full=True)
    torch.testing.assert_close(made.mean, wanted.mean.expand(2, -1), atol=1e-3, rtol=1e-3)
    if method == "adain":
        torch.testing.assert_close(made.variance(), wanted.variance().expand(2, -1), atol=1e-2, rtol=1e-3)
    else:
        torch.testing.assert_close(made.covariance(), wanted.covariance().expand(2, -1, -1), atol=5e-2, rtol=1e-2)


def test_strength_and_region() -> None:
    x, style = latents(1, 4, 16, 16), moments_of([latents(1, 4, 8, 8, seed=1)], "adain")
    whole = MomentGuidance(style, "adain", 1.0)(x)
    torch.testing.assert_close(MomentGuidance(style, "adain", 0.5)(x), (x + whole) / 2)
    left = torch.zeros(1, 1, 32, 32)
    left[..., :16] = 1
    inside = MomentGuidance(style, "adain", 1.0, left)(x)
    assert torch.equal(inside[..., 8:], x[..., 8:])
    torch.testing.assert_close(inside[..., :8], MomentGuidance(style, "adain", 1.0)(x[..., :8]))


def test_frames_and_sound_are_taken_whole() -> None:
    clip, style = latents(1, 4, 3, 8, 6), moments_of([latents(1, 4, 2, 5, 5, seed=1)], "adain")
    made = MomentGuidance(style, "adain", 1.0)(clip)
    assert made.shape == clip.shape
    torch.testing.assert_close(made.flatten(2).mean(2), style.mean, atol=1e-4, rtol=1e-4)
    top = torch.zeros(1, 1, 8, 6)
    top[..., :4, :] = 1
    masked = MomentGuidance(style, "adain", 1.0, top)(clip)
    assert torch.equal(masked[..., 4:, :], clip[..., 4:, :])
    sound = latents(1, 4, 30)
    assert MomentGuidance(style, "adain", 1.0)(sound).shape == sound.shape


def test_several_pictures_are_one_style() -> None:
    one, two = latents(1, 4, 8, 8), latents(1, 4, 8, 8, seed=1)
    torch.testing.assert_close(
        moments_of([one, two], "zca").covariance(), measure(torch.cat([one, two], dim=3), full=True).covariance()
    )
    with pytest.raises(ValueError, match="too little"):
        moments_of([one[..., :1, :1]], "adain")
