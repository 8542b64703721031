"""Clips through the nodes: painted frame by frame, steady, stopped, measured. VIDEO itself is tested in the real host."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from style_atelier.models.progress import Progress
from style_atelier.tests.families import johnson_files, styleformer_files
from style_atelier.tests.pack import POCKET, Pack
from style_atelier.tests.sentences import assert_one_sentence

WAYS: dict[str, dict[str, Any]] = {
    "automatic": {},
    "running": {"smoothing": 0.9, "cut_sensitivity": 1.0},
    "per scene": {"cut_sensitivity": 1.0},
    "fixed": {},
    "every frame": {},
}


def picture(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(sum(shape)))


PAINTING = picture(1, 33, 40, 3)


def moving(frames: int, side: int = 32) -> Tensor:
    """A square that crosses a plain picture, brighter from frame to frame."""
    clip = torch.full((frames, side, side, 3), 0.2) + torch.linspace(0, 0.3, frames).view(-1, 1, 1, 1)
    for t in range(frames):
        clip[t, 8:20, 2 + t : 12 + t] = torch.tensor([0.9, 0.4, 0.1])
    return clip


def paint(pack: Pack, images: Tensor | None, way: str = "automatic", **inputs: Any) -> tuple[Any, ...]:
    """Video, images and report."""
    given: dict[str, Any] = {"stylizer": pack.run("LoadStylizer", stylizer=POCKET), "styles": {"style0": PAINTING}}
    statistics = {"statistics": way, **WAYS[way]}
    return pack.outputs("StylizeVideo", **{**given, "images": images, "statistics": statistics, **inputs})


def stylize(pack: Pack, images: Tensor, **inputs: Any) -> Tensor:
    stylizer = pack.run("LoadStylizer", stylizer=POCKET)
    return pack.run("Stylize", **{"stylizer": stylizer, "content": images, "styles": {"style0": PAINTING}, **inputs})


def close(a: Tensor, b: Tensor, tolerance: float = 1e-5) -> None:
    torch.testing.assert_close(a, b, atol=tolerance, rtol=0)


@pytest.mark.parametrize("inputs", [{}, {"size": 24, "strength": 0.6}, {"keep_color": "luminance"}])
def test_by_every_frames_own_statistics_it_is_stylize(pack: Pack, inputs: dict[str, Any]) -> None:
    clip = moving(4)
    close(paint(pack, clip, "every frame", **inputs)[1], stylize(pack, clip, **inputs))


@pytest.mark.parametrize("way", WAYS)
def test_every_way_begins_with_the_same_frame(pack: Pack, way: str) -> None:
    clip = moving(5)
    _, made, report = paint(pack, clip, way)
    assert made.shape == clip.shape
    close(made[:1], stylize(pack, clip[:1]))
    assert report.startswith("5 frames of 32x32 at 24 a second")
    other = float((made - stylize(pack, clip)).abs().max())
    assert other < 1e-5 if way == "every frame" else other > 1e-3
    assert f"statistics: {'running' if way == 'automatic' else way}" in report


def test_transparency_and_a_batch_of_styles(pack: Pack) -> None:
    clip = picture(3, 24, 24, 4)
    styles = picture(2, 20, 20, 3)
    _, made, _ = paint(pack, clip, "every frame", styles={"style0": styles})
    close(made[..., 3], clip[..., 3])
    for frame, row in ((0, 0), (1, 1), (2, 0)):
        one = stylize(pack, clip[frame : frame + 1], styles={"style0": styles[row : row + 1]})
        close(made[frame : frame + 1], one)


def test_a_still_clip_has_no_temporal_error(pack: Pack) -> None:
    clip = picture(1, 36, 44, 3).repeat(30, 1, 1, 1)
    _, made, _ = paint(pack, clip, "fixed")
    assert made.shape == clip.shape
    error, still, curve, report = pack.outputs("TemporalError", source=clip, stylized=made)
    assert error == 0
    assert still == 0
    assert curve.shape[3] == 3
    assert "29 pairs" in report


def test_fixed_statistics_are_steadier_than_every_frames_own(pack: Pack) -> None:
    clip = picture(1, 32, 48, 3).repeat(6, 1, 1, 1)
    for t in range(6):
        clip[t, 4:28, 2 + 6 * t : 10 + 6 * t] = torch.tensor([1.0, 0.0, 0.0]) if t % 2 else torch.tensor([0.0, 0.0, 1.0])
    errors = {}
    for way in ("fixed", "running", "every frame"):
        errors[way] = pack.run("TemporalError", source=clip, stylized=paint(pack, clip, way)[1], cut_sensitivity=0.0)
    assert errors["fixed"] < errors["every frame"]
    assert errors["running"] < errors["every frame"]


def test_a_cut_begins_anew(pack: Pack) -> None:
    clip = torch.cat(
        [0.1 * picture(1, 32, 32, 3).repeat(4, 1, 1, 1), 0.5 + 0.5 * picture(1, 32, 33, 3)[:, :, :32].repeat(4, 1, 1, 1)]
    )
    _, made, report = paint(pack, clip, "per scene")
    assert "2 scenes" in report
    close(made[4:5], stylize(pack, clip[4:5]))
    assert float((paint(pack, clip, "fixed")[1][4:5] - made[4:5]).abs().max()) > 1e-2
    assert "pairs, 2 scenes" in pack.outputs("TemporalError", source=clip, stylized=made)[3]


@pytest.fixture
def hosted(pack: Pack) -> Iterator[Any]:
    """The built-in stylizer, whose `stylize` a test may exchange."""
    given = pack.run("LoadStylizer", stylizer=POCKET)
    yield given
    vars(given.model).pop("stylize", None)


def test_an_interrupt_keeps_what_is_done(pack: Pack, hosted: Any) -> None:
    feedback = importlib.import_module("style_atelier.nodes.host.feedback")
    own, calls = hosted.model.stylize, [0]
    clip = moving(6)
    wanted = paint(pack, clip, "running")[1]

    def stopping(*given: Any) -> Tensor:
        calls[0] += 1
        if calls[0] == 4:
            raise feedback.Interrupted
        return own(*given)

    hosted.model.stylize = stopping
    with pytest.raises(feedback.Interrupted):
        paint(pack, clip, "running", stylizer=hosted)
    feedback.keep("")
    _, made, report = paint(pack, clip, "running", stylizer=hosted)
    close(made, wanted[:3])
    assert "stopped after 3 of about 6 frames" in report
    close(paint(pack, clip, "running", stylizer=hosted)[1], wanted)


def test_keep_this_ends_a_clip(pack: Pack, hosted: Any) -> None:
    feedback = importlib.import_module("style_atelier.nodes.host.feedback")
    own, calls = hosted.model.stylize, [0]
    clip = moving(6)
    wanted = paint(pack, clip, "running")[1]

    def keeping(*given: Any) -> Tensor:
        calls[0] += 1
        if calls[0] == 4:
            feedback.keep("")
        return own(*given)

    hosted.model.stylize = keeping
    _, made, report = paint(pack, clip, "running", stylizer=hosted)
    close(made, wanted[:4])
    assert "stopped after 4 of about 6 frames" in report


def test_a_frame_that_did_not_fit_is_painted_again_in_tiles(pack: Pack, hosted: Any) -> None:
    own, tiles = hosted.model.stylize, []
    clip = moving(4, 160)
    wanted = paint(pack, clip, "running")[1]

    def failing(content: Tensor, styles: Any, options: Any, progress: Progress) -> Tensor:
        tiles.append(options.tile)
        made = own(content, styles, options, progress)
        if len(tiles) == 2:
            raise MemoryError
        return made

    hosted.model.stylize = failing
    close(paint(pack, clip, "running", stylizer=hosted)[1], wanted, 1e-3)
    assert tiles[:2] == [0, 0]
    assert len(tiles) == 5
    assert min(tiles[2:]) > 0


def test_the_curve_shows_the_errors(pack: Pack) -> None:
    clip = moving(6)
    error, still, curve, report = pack.outputs("TemporalError", source=clip, stylized=clip[..., [1, 2, 0]], flow_size=32)
    assert error > 0
    assert still > 0
    assert curve.shape[0] == 1
    assert len(report.splitlines()) == 2 + 5
    with pytest.raises(ValueError, match="apart is 6"):
        pack.run("TemporalError", source=clip, stylized=clip, apart=6)


CLIP, STROKES = moving(2), "clip_strokes.pth"
CASES: dict[str, tuple[Callable[[Pack], Any], str]] = {
    "no clip": (lambda p: paint(p, None), "neither video nor images is connected"),
    "both": (lambda p: paint(p, CLIP, video=object()), "video and images are both connected"),
    "no video": (lambda p: paint(p, None, video="clip.mp4"), "video is not a clip that this node understands"),
    "no frames": (lambda p: paint(p, CLIP[:0]), "images is not a batch of pictures"),
    "a latent": (lambda p: paint(p, {"samples": CLIP}), "images is not a batch of pictures"),  # type: ignore[arg-type]
    "not a number": (lambda p: paint(p, CLIP / 0), "images holds values that are not numbers"),
    "no style": (lambda p: paint(p, CLIP, styles={}), "styles holds no picture"),
    "a picture as taken style": (lambda p: paint(p, CLIP, taken_styles={"taken_style0": CLIP}), "taken style 1 is not a style"),
    "weights": (lambda p: paint(p, CLIP, style_weights="1, 2"), "style_weights has 2 numbers"),
    "statistics": (
        lambda p: paint(p, CLIP, "fixed", stylizer=p.run("LoadStylizer", stylizer=STROKES)),
        "statistics is fixed and StyleFormer .* uses none: choose automatic or every frame",
    ),
    "frames": (lambda p: p.run("TemporalError", source=CLIP, stylized=moving(3)), "source has 2 frames and stylized 3"),
    "one frame": (lambda p: p.run("TemporalError", source=CLIP[:1], stylized=CLIP[:1]), "stylized has 1 frames and apart is 1"),
}


@pytest.mark.parametrize("name", CASES)
def test_bad_input_gives_one_sentence(pack: Pack, folder: Path, name: str) -> None:
    if name == "statistics":
        torch.save(styleformer_files.filled(styleformer_files.SMALL, 3, styleformer_files.SMALL_GAINS), folder / STROKES)
    case, words = CASES[name]
    with pytest.raises(Exception, match=words) as raised:
        case(pack)
    assert_one_sentence(str(raised.value))


def test_a_network_of_one_style_paints_clips(pack: Pack, folder: Any) -> None:
    torch.save(johnson_files.published("johnson"), folder / "clip_waves.pth")
    stylizer = pack.run("LoadStylizer", stylizer="clip_waves.pth")
    clip = moving(3)
    _, made, _ = paint(pack, clip, "fixed", stylizer=stylizer, styles={})
    close(made[:1], stylize(pack, clip[:1], stylizer=stylizer, styles={}))
    with pytest.raises(ValueError, match="styles holds 1"):
        paint(pack, clip, stylizer=stylizer)
