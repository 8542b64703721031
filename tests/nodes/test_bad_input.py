"""Whatever people connect, they get a picture or one sentence that names the input, what is wrong and what to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from .conftest import POCKET, Pack

Case = Callable[[Pack], Any]
NAN = torch.full((1, 8, 8, 3), float("nan"))


def picture(*size: int) -> torch.Tensor:
    return torch.rand(size, generator=torch.Generator().manual_seed(sum(size)))


def stylize(pack: Pack, content: object, *styles: object, **inputs: object) -> torch.Tensor:
    grown = {f"style{i}": style for i, style in enumerate(styles or [picture(1, 20, 20, 3)])}
    return pack.run("Stylize", stylizer=pack.run("LoadStylizer", stylizer=POCKET), content=content, styles=grown, **inputs)


def encode(pack: Pack, image: torch.Tensor, encoder: str = POCKET, taps: str = "") -> Any:
    return pack.run("Encode", encoder=pack.run("LoadEncoder", encoder=encoder), image=image, taps=taps)


def decode(pack: Pack, features: Any) -> torch.Tensor:
    return pack.run("Decode", decoder=pack.run("LoadDecoder", decoder=POCKET), features=features)


@pytest.mark.parametrize(
    ("content", "style"),
    [
        ((1, 1, 1, 3), (1, 1, 1, 3)),
        ((1, 2, 3, 3), (1, 40, 7, 3)),
        ((1, 31, 257, 3), (1, 1, 90, 3)),
        ((1, 24, 24, 1), (1, 24, 24, 1)),
        ((1, 24, 24, 4), (1, 24, 24, 4)),
        ((3, 24, 24, 3), (1, 24, 24, 3)),
        ((1, 24, 24, 4), (3, 24, 24, 3)),
        ((2, 24, 24, 3), (3, 24, 24, 3)),
    ],
)
def test_any_picture_gives_a_picture(pack: Pack, content: tuple[int, ...], style: tuple[int, ...]) -> None:
    made = stylize(pack, picture(*content), picture(*style))
    channels = 4 if content[3] == 4 else 3
    assert made.shape == (max(content[0], style[0]), *content[1:3], channels)
    assert bool(torch.isfinite(made).all())
    torch.testing.assert_close(made, made.clamp(0, 1))
    transferred = pack.run("AdaIN", content=encode(pack, picture(*content)), style=encode(pack, picture(*style)))
    assert decode(pack, transferred).shape == (max(content[0], style[0]), *content[1:3], 3)


@pytest.mark.slow
def test_a_very_long_picture_gives_a_picture(pack: Pack) -> None:
    assert stylize(pack, picture(1, 31, 4097, 3)).shape == (1, 31, 4097, 3)
    assert stylize(pack, picture(1, 4097, 31, 3), memory_budget=0.01).shape == (1, 4097, 31, 3)


def test_transparency_is_kept_and_the_styles_is_ignored(pack: Pack) -> None:
    content, style = picture(2, 24, 32, 4), picture(1, 16, 16, 4)
    made = stylize(pack, content, style)
    torch.testing.assert_close(made[..., 3:], content[..., 3:])
    torch.testing.assert_close(made[..., :3], stylize(pack, content[..., :3], style[..., :3]))


CASES: dict[str, tuple[Case, str]] = {
    "empty batch": (lambda p: stylize(p, torch.zeros(0, 8, 8, 3)), "content holds no picture"),
    "empty style": (lambda p: stylize(p, picture(1, 8, 8, 3), torch.zeros(0, 8, 8, 3)), "style0 holds no picture"),
    "no pixels": (lambda p: stylize(p, torch.zeros(1, 0, 8, 3)), "content holds no picture"),
    "not a number": (lambda p: stylize(p, NAN), "content holds values that are not numbers"),
    "infinite style": (lambda p: stylize(p, picture(1, 8, 8, 3), NAN / 0), "style0 holds values that are not numbers"),
    "two channels": (lambda p: stylize(p, picture(1, 8, 8, 2)), "content is not a batch of grey, RGB or RGBA"),
    "no batch": (lambda p: stylize(p, picture(8, 8, 3)), "content is not a batch"),
    "a latent": (lambda p: stylize(p, {"samples": picture(1, 4, 8, 8)}), "content is not a batch"),
    "no styles": (
        lambda p: p.run("Stylize", stylizer=p.run("LoadStylizer", stylizer=POCKET), content=picture(1, 8, 8, 3), styles={}),
        "styles holds no picture",
    ),
    "weights: words": (lambda p: stylize(p, picture(1, 8, 8, 3), style_weights="much"), "style_weights 'much' is not a list"),
    "weights: too many": (lambda p: stylize(p, picture(1, 8, 8, 3), style_weights="1, 2"), "style_weights has 2 numbers"),
    "weights: negative": (lambda p: stylize(p, picture(1, 8, 8, 3), style_weights="-1"), "style_weights '-1' must be"),
    "weights: nothing": (lambda p: stylize(p, picture(1, 8, 8, 3), style_weights="0"), "style_weights '0' must be"),
    "weights: nan": (lambda p: stylize(p, picture(1, 8, 8, 3), style_weights="nan"), "style_weights 'nan' must be"),
    "weights: gap": (lambda p: stylize(p, picture(1, 8, 8, 3), style_weights="1,,2"), "style_weights '1,,2' is not a list"),
    "mask: LoadImage's": (
        lambda p: stylize(p, picture(1, 8, 8, 3), content_masks={"content_mask0": torch.zeros(1, 64, 64)}),
        "content_mask0 is all black",
    ),
    "mask: batch": (
        lambda p: stylize(p, picture(2, 8, 8, 3), content_masks={"content_mask0": torch.ones(3, 8, 8)}),
        "content_mask0 has 3 masks for 2 pictures",
    ),
    "mask: empty": (
        lambda p: stylize(p, picture(1, 8, 8, 3), style_masks={"style_mask0": torch.ones(0, 8, 8)}),
        "style_mask0 holds no mask",
    ),
    "mask: a picture": (
        lambda p: stylize(p, picture(1, 8, 8, 3), style_masks={"style_mask0": picture(1, 8, 8, 3)}),
        "style_mask0 is not a mask",
    ),
    "mask: not a number": (
        lambda p: stylize(p, picture(1, 8, 8, 3), style_masks={"style_mask0": NAN[..., 0]}),
        "style_mask0 holds values that are not numbers",
    ),
    "mask: without its style": (
        lambda p: stylize(p, picture(1, 8, 8, 3), style_masks={"style_mask1": torch.ones(1, 8, 8)}),
        "style_mask1 belongs to style1, which is not connected",
    ),
    "mask: one of two": (
        lambda p: stylize(p, *[picture(1, 8, 8, 3)] * 3, content_masks={"content_mask0": torch.ones(1, 8, 8)}),
        "content_mask1 is missing",
    ),
    "unknown tap": (lambda p: encode(p, picture(1, 8, 8, 3), taps="relu9_9"), "taps: .* has no tap relu9_9"),
    "encode: not a number": (lambda p: encode(p, NAN), "image holds values that are not numbers"),
    "other encoder's features": (
        lambda p: p.run(
            "AdaIN", content=encode(p, picture(1, 16, 16, 3)), style=encode(p, picture(1, 16, 16, 3), "Filter bank (built-in)")
        ),
        "same encoder",
    ),
    "other encoder's decoder": (
        lambda p: decode(p, encode(p, picture(1, 16, 16, 3), "Filter bank (built-in)")),
        "the decoder Pocket takes features of the encoder pocket",
    ),
    "missing taps": (lambda p: decode(p, encode(p, picture(1, 16, 16, 3), taps="half")), "needs features at"),
    "feature mask": (
        lambda p: p.run(
            "WCT",
            content=encode(p, picture(1, 16, 16, 3)),
            style=encode(p, picture(1, 16, 16, 3)),
            style_mask=torch.zeros(1, 4, 4),
        ),
        "style_mask is all black",
    ),
    "blend: sizes": (
        lambda p: p.run(
            "BlendFeatures",
            features={"features0": encode(p, picture(1, 16, 16, 3)), "features1": encode(p, picture(1, 32, 16, 3))},
        ),
        "must have the same size",
    ),
    "blend: nothing": (lambda p: p.run("BlendFeatures", features={}), "features has nothing to blend"),
    "blend: weights": (
        lambda p: p.run("BlendFeatures", features={"features0": encode(p, picture(1, 16, 16, 3))}, weights="1 2"),
        "weights '1 2' is not a list of numbers",
    ),
    "color: not a number": (
        lambda p: p.run("KeepColor", image=picture(1, 8, 8, 3), reference=NAN),
        "reference holds values that are not numbers",
    ),
    "no such file": (lambda p: p.run("LoadStylizer", stylizer="gone.pth"), "There is no file 'gone.pth'"),
    "outside": (lambda p: p.run("LoadStylizer", stylizer="../../etc/passwd"), "There is no file"),
    "absolute": (lambda p: p.run("LoadEncoder", encoder="/etc/passwd"), "There is no file"),
}


@pytest.mark.parametrize("name", CASES)
def test_bad_input_gives_one_sentence(pack: Pack, folder: Path, name: str) -> None:
    case, words = CASES[name]
    with pytest.raises(Exception, match=words) as raised:
        case(pack)
    assert_one_sentence(str(raised.value))


@pytest.mark.parametrize("loader", ["LoadEncoder", "LoadDecoder", "LoadStylizer"])
@pytest.mark.parametrize("kind", ["web page", "empty", "text", "picture of tensors", "truncated"])
def test_a_file_that_is_no_network_gives_one_sentence(pack: Pack, folder: Path, kind: str, loader: str) -> None:
    name = f"{kind.replace(' ', '_')}.safetensors"
    path = folder / name
    save_file({"picture": torch.zeros(3, 4, 4)}, path)
    contents = {
        "web page": b"<!DOCTYPE html><html>404</html>",
        "empty": b"",
        "text": b"hello",
        "truncated": path.read_bytes()[:-9],
    }
    path.write_bytes(contents.get(kind, path.read_bytes()))
    with pytest.raises(Exception, match=name) as raised:
        pack.run(loader, **{loader.removeprefix("Load").lower(): name})
    assert_one_sentence(str(raised.value))


def assert_one_sentence(text: str) -> None:
    assert "\n" not in text, text
    assert 20 < len(text) < 600, text
