"""The nodes of patches and textures: pictures, batches, masks, clips, interrupt."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
import torch

from style_atelier.tests.pack import POCKET, Pack

PATCHES = {"method": "patches", "guide_weight": 4.0, "patch": 5, "uniformity": 500.0}
SCAN = {"method": "scan order", "coherence": 5.0}
QUILTING = {"method": "quilting", "block": 12, "tolerance": 0.1}
OPTIMIZED = {"method": "patches", "patch": 5, "uniformity": 3500.0}
GROWN = {"method": "pixel by pixel", "window": 5}


def picture(batch: int, height: int, width: int, channels: int = 3, seed: int = 0) -> torch.Tensor:
    chance = torch.Generator().manual_seed(seed)
    small = torch.rand(batch, channels, -(-height // 6), -(-width // 6), generator=chance)
    return torch.nn.functional.interpolate(small, (height, width), mode="bilinear").movedim(1, -1)


STYLE, PHOTO = picture(1, 30, 34), picture(1, 26, 28, seed=1)


def propagate(pack: Pack, images: torch.Tensor, *painted: torch.Tensor, **inputs: Any) -> tuple[Any, ...]:
    keys = {f"painted{number}": each for number, each in enumerate(painted)}
    return pack.outputs("PropagateKeyframes", images=images, painted=keys, **inputs)


@pytest.mark.parametrize("method", [PATCHES, SCAN])
@pytest.mark.parametrize("color", ["of images", "of after"])
def test_an_analogy_of_a_batch(pack: Pack, method: dict[str, Any], color: str) -> None:
    given = picture(2, 26, 28, 4, seed=2)
    made = pack.run("ImageAnalogy", before=PHOTO, after=1 - PHOTO, images=given, method=method, color=color)
    assert made.shape == given.shape
    assert torch.equal(made[..., 3], given[..., 3])


@pytest.mark.parametrize("method", [QUILTING, OPTIMIZED, GROWN])
@pytest.mark.parametrize("seamless", [False, True])
def test_a_texture_of_any_size(pack: Pack, method: dict[str, Any], seamless: bool) -> None:
    sizes = {"width": 47, "height": 33, "seamless": seamless}
    made = pack.run("SynthesizeTexture", texture=picture(2, 24, 24), method=method, **sizes)
    assert made.shape == (2, 33, 47, 3)
    assert torch.equal(made, pack.run("SynthesizeTexture", texture=picture(2, 24, 24), method=method, **sizes))


def test_a_mask_limits_the_effect(pack: Pack) -> None:
    mask = torch.zeros(1, 26, 28)
    mask[:, :, 14:] = 1
    for made in (
        pack.run("TextureTransfer", texture=STYLE, images=PHOTO, block=9, mask=mask),
        pack.run("StylizeByExample", style=STYLE, images=PHOTO, mask=mask),
        pack.run("ImageAnalogy", before=PHOTO, after=1 - PHOTO, images=PHOTO, method=PATCHES, mask=mask),
        propagate(pack, PHOTO.repeat(2, 1, 1, 1), 1 - PHOTO, mask=mask)[1],
    ):
        assert torch.equal(made[:, :, :14], PHOTO[:, :, :14].expand(len(made), -1, -1, -1))
        assert (made[:, :, 14:] - PHOTO[:, :, 14:]).abs().max() > 0.1


def test_guides_of_all_kinds(pack: Pack) -> None:
    encoder = pack.run("LoadEncoder", encoder=POCKET)
    made = pack.run(
        "StylizeByExample",
        style=STYLE,
        images=picture(2, 26, 28, seed=3),
        source=picture(1, 30, 34, seed=4),
        position_weight=1.0,
        style_regions=torch.linspace(0, 1, 34).expand(1, 30, 34),
        regions=torch.linspace(0, 1, 28).expand(1, 26, 28),
        encoder=encoder,
        style_guides={"style_guide0": STYLE},
        target_guides={"target_guide0": PHOTO},
        guide_weights="2",
        polish=True,
    )
    assert made.shape == (2, 26, 28, 3)


def test_regions_decide_what_is_painted_with_what(pack: Pack) -> None:
    style = torch.cat([0.3 * picture(1, 40, 20), 0.7 + 0.3 * picture(1, 40, 20)], dim=2)
    where = (torch.arange(40) >= 20).float()
    made = pack.run(
        "StylizeByExample",
        style=style,
        images=picture(1, 40, 30, seed=5),
        style_regions=where.expand(1, 40, 40),
        regions=where[:, None].expand(1, 40, 30),
        region_weight=50.0,
    )
    assert made[:, :17].mean() < 0.3
    assert made[:, 23:].mean() > 0.7


@pytest.mark.parametrize(("count", "frames", "fixed"), [(1, "", [0]), (2, "", [0, 3]), (2, "1, 2", [1, 2]), (1, "3", [3])])
def test_a_clip_is_painted_like_its_painted_frames(pack: Pack, count: int, frames: str, fixed: list[int]) -> None:
    wide = picture(1, 30, 60, seed=6)
    clip = torch.cat([wide[:, :, 3 * number : 3 * number + 40] for number in range(4)])
    painted = [1 - clip[number : number + 1] for number in fixed]
    _, made, report = propagate(pack, clip, *painted, frames=frames)
    assert made.shape == clip.shape
    for number, each in zip(fixed, painted, strict=True):
        assert torch.equal(made[number : number + 1], each)
    assert (made - (1 - clip)).abs().mean() < 0.1
    assert f"painted frames: {', '.join(map(str, fixed))}" in report


def test_what_is_painted_before_a_stop_is_kept(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep this takes it at once; Cancel ends the run, and Keep this before the next one takes what was painted."""
    feedback: Any = importlib.import_module("style_atelier.nodes.host.feedback")
    keyframes: Any = importlib.import_module("style_atelier.models.classical.keyframes")
    real, clip, frame_zero = keyframes.paint_clip, PHOTO.repeat(4, 1, 1, 1), 1 - PHOTO

    def stopping(error: type[BaseException]) -> Any:
        def stopped(*given: Any) -> Any:
            for number, frame in enumerate(real(*given)):
                if number == 2:
                    raise error
                yield frame

        return stopped

    monkeypatch.setattr(keyframes, "paint_clip", stopping(feedback.Kept))
    _, made, report = propagate(pack, clip, frame_zero)
    assert len(made) == 2
    assert "stopped" in report
    monkeypatch.setattr(keyframes, "paint_clip", stopping(feedback.Interrupted))
    with pytest.raises(feedback.Interrupted):
        propagate(pack, clip, frame_zero, seed=1)
    feedback.keep("")
    _, made, report = propagate(pack, clip, frame_zero, seed=1)
    assert len(made) == 2
