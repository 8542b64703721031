"""Whoever presses stop does not wait for work that has no layers of a network to look between."""

from __future__ import annotations

import importlib
from dataclasses import astuple
from typing import Any

import pytest
import torch

from style_atelier.models.ops.color import keep_color
from style_atelier.models.ops.crops import Square, cut
from style_atelier.models.ops.features import Features
from style_atelier.models.ops.moments import measure
from style_atelier.models.ops.padding import same_size
from style_atelier.models.ops.rows import VALUES_AT_ONCE, by_rows
from style_atelier.models.ops.transfer import blend_features
from style_atelier.tests.pack import Pack


@pytest.fixture
def stopping(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Stop is pressed after three looks; looks are as often as calls into PyTorch."""
    feedback = importlib.import_module("style_atelier.nodes.host.feedback")
    looks: list[int] = []

    def look(*_: object) -> None:
        looks.append(1)
        if len(looks) > 3:
            raise feedback.Interrupted

    monkeypatch.setattr(feedback, "SECONDS_BETWEEN_LOOKS", -1.0)
    monkeypatch.setattr(feedback, "every_layer", lambda: look)
    return feedback.Interrupted


@pytest.mark.parametrize("method", ["luminance", "coral", "mean_std", "histogram"])
def test_keep_color(pack: Pack, stopping: Any, photo: torch.Tensor, painting: torch.Tensor, method: str) -> None:
    with pytest.raises(stopping):
        pack.run("KeepColor", image=photo, reference=painting, method=method, strength=1.0)


def test_faces(pack: Pack, stopping: Any, photo: torch.Tensor) -> None:
    with pytest.raises(stopping):
        pack.run("FaceCrop", image=photo, size=64, margin=0.4, background="keep")


def test_parts_of_wct(pack: Pack, photo: torch.Tensor, painting: torch.Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = pack.run("LoadEncoder", encoder="Filter bank (built-in)", pooling="max")
    content, style = (pack.run("Encode", encoder=encoder, image=x) for x in (photo, painting))
    feedback = importlib.import_module("style_atelier.nodes.host.feedback")

    def look(*_: object) -> None:
        raise feedback.Interrupted

    monkeypatch.setattr(feedback, "SECONDS_BETWEEN_LOOKS", -1.0)
    monkeypatch.setattr(feedback, "every_layer", lambda: look)
    for name in ("AdaIN", "WCT"):
        with pytest.raises(feedback.Interrupted):
            pack.run(name, content=content, style=style)


@pytest.mark.parametrize("method", ["luminance", "mean_std", "histogram", "coral"])
def test_pieces_are_the_whole(monkeypatch: pytest.MonkeyPatch, method: Any) -> None:
    generator = torch.Generator().manual_seed(4)
    image, reference = torch.rand(2, 3, 30, 20, generator=generator), torch.rand(1, 3, 12, 9, generator=generator)
    whole = keep_color(image, reference, method, 0.7)
    monkeypatch.setattr("style_atelier.models.ops.rows.VALUES_AT_ONCE", 270)
    torch.testing.assert_close(keep_color(image, reference, method, 0.7), whole, atol=1e-5, rtol=0)
    assert VALUES_AT_ONCE > 270
    assert torch.equal(by_rows(lambda x: x * 2, image), image * 2)


def test_sizes_statistics_and_blends_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(5)
    image, mask = torch.rand(2, 3, 40, 30, generator=generator), torch.rand(2, 1, 40, 30, generator=generator)
    features = Features({"a": image}, 40, 30, "x")

    def everything() -> list[torch.Tensor]:
        moments = [measure(image, region, full) for region in (None, mask) for full in (False, True)]
        blend = blend_features([features, features], [1.0, 3.0]).levels["a"]
        return [same_size(image, 17, 50), same_size(image, 9, 8), blend, *(part for m in moments for part in astuple(m))]

    whole = everything()
    monkeypatch.setattr("style_atelier.models.ops.rows.VALUES_AT_ONCE", 500)
    monkeypatch.setattr("style_atelier.models.ops.padding.VALUES_AT_ONCE", 500)
    for one, other in zip(everything(), whole, strict=True):
        torch.testing.assert_close(one, other)


def test_pieces_carry_gradients(monkeypatch: pytest.MonkeyPatch) -> None:
    image = torch.rand(1, 3, 20, 10, generator=torch.Generator().manual_seed(6), requires_grad=True)
    monkeypatch.setattr("style_atelier.models.ops.rows.VALUES_AT_ONCE", 90)
    (slope,) = torch.autograd.grad(by_rows(torch.square, image).sum(), image)
    torch.testing.assert_close(slope, 2 * image)


@pytest.mark.parametrize("square", [Square(2, 3, 10), Square(-2, 3, 12), Square(25, 15, 20)])
def test_squares_are_cut_as_if_the_edge_went_on(square: Square) -> None:
    image = torch.rand(1, 3, 20, 30, generator=torch.Generator().manual_seed(7))
    framed = torch.nn.functional.pad(image, (20, 20, 20, 20), mode="replicate")
    top, left = square.top + 20, square.left + 20
    wanted = framed[..., top : top + square.side, left : left + square.side]
    torch.testing.assert_close(cut(image, [square], square.side), wanted)


@pytest.mark.parametrize("shape", [(1, 3, 1, 3000), (1, 3, 5000, 1), (1, 1, 2, 2), (1, 4, 3, 3), (1, 3, 1, 256), (1, 3, 1, 300)])
def test_previews_have_sides_that_the_host_can_halve(pack: Pack, shape: tuple[int, ...]) -> None:
    feedback = importlib.import_module("style_atelier.nodes.host.feedback")
    from PIL import ImageOps

    picture = feedback.preview_picture(torch.full(shape, float("nan")))
    assert min(ImageOps.contain(picture, (feedback.PREVIEW_SIDE, feedback.PREVIEW_SIDE)).size) >= 1
    assert picture.mode == "RGB"


@pytest.mark.parametrize("preview", [torch.zeros(0, 3, 4, 4), torch.zeros(1, 3, 0, 4), torch.zeros(3), torch.zeros(1, 2, 3)])
def test_no_preview_raises_into_the_host(pack: Pack, preview: torch.Tensor) -> None:
    feedback = importlib.import_module("style_atelier.nodes.host.feedback")
    for done, total in ((1, 2), (5, 0), (float("nan"), 3), (-1, float("inf")), (9, 3)):
        feedback.Bar(3).move(done, total, preview)
    feedback.Watch(0).part(0)(1, 0, preview)


@pytest.mark.parametrize("measure", ["ssim", "ms_ssim", "psnr"])
def test_measures(pack: Pack, stopping: Any, measure: str) -> None:
    picture = torch.rand(1, 180, 190, 3, generator=torch.Generator().manual_seed(8))
    with pytest.raises(stopping):
        pack.run("MeasurePair", image=picture, content=picture.flip(1), measures=measure)
