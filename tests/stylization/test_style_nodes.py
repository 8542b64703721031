"""Styles as things to hold, through the nodes: taken, mixed, walked between, saved; and the comparison of stylizers."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from style_atelier.models.stylization.style import Style
from style_atelier.tests.families import johnson_files, pastiche_files, styleformer_files
from style_atelier.tests.pack import POCKET, Pack
from style_atelier.tests.sentences import assert_one_sentence

JOHNSON, MANY, STROKES = "waves.pth", "many.pt", "strokes.pth"


def picture(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(sum(shape)))


@pytest.fixture(autouse=True)
def files(folder: Path) -> None:
    """A network of one style, one of three, and one that keeps strokes and background apart."""
    made = {
        JOHNSON: partial(johnson_files.published, "johnson"),
        MANY: pastiche_files.multi_style,
        STROKES: partial(styleformer_files.filled, styleformer_files.SMALL, 3, styleformer_files.SMALL_GAINS),
    }
    for name, tensors in made.items():
        if not (folder / name).exists():
            torch.save(tensors(), folder / name)


@pytest.fixture
def output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The host's output folder."""
    monkeypatch.setattr(importlib.import_module("folder_paths"), "get_output_directory", lambda: str(tmp_path))
    return tmp_path


def load(pack: Pack, name: str = POCKET) -> Any:
    return pack.run("LoadStylizer", stylizer=name)


def encode(pack: Pack, image: Tensor | None = None, name: str = POCKET, **inputs: object) -> Style:
    return pack.run("EncodeStyle", stylizer=load(pack, name), image=image, **inputs)


def stylize(
    pack: Pack, content: Tensor, *styles: Tensor, taken: tuple[Any, ...] = (), name: str = POCKET, **inputs: Any
) -> Tensor:
    grown = {f"style{i}": style for i, style in enumerate(styles)}
    known = {f"taken_style{i}": style for i, style in enumerate(taken)}
    return pack.run("Stylize", stylizer=load(pack, name), content=content, styles=grown, taken_styles=known, **inputs)


def close(a: Tensor, b: Tensor, tolerance: float = 1e-5) -> None:
    torch.testing.assert_close(a, b, atol=tolerance, rtol=0)


def test_a_taken_style_gives_what_its_picture_gives(pack: Pack, photo: Tensor, painting: Tensor) -> None:
    close(stylize(pack, photo, taken=(encode(pack, painting),)), stylize(pack, photo, painting))
    mask = torch.zeros(1, 48, 33)
    mask[:, :20] = 1
    masked = stylize(pack, photo, painting, style_masks={"style_mask0": mask})
    close(stylize(pack, photo, taken=(encode(pack, painting, mask=mask),)), masked)


def test_taken_styles_stand_beside_pictures_with_weights_and_masks(pack: Pack, photo: Tensor, painting: Tensor) -> None:
    other = picture(1, 30, 50, 3)
    both = stylize(pack, photo, painting, other, style_weights="1, 3")
    close(stylize(pack, photo, painting, taken=(encode(pack, other),), style_weights="1, 3"), both)
    left = torch.zeros(1, 40, 56)
    left[..., :28] = 1
    masks = {"content_mask0": left, "content_mask1": 1 - left}
    regions = stylize(pack, photo, painting, other, content_masks=masks)
    close(stylize(pack, photo, painting, taken=(encode(pack, other),), content_masks=masks), regions)


def test_blended_styles_are_weighted_pictures(pack: Pack, photo: Tensor, painting: Tensor) -> None:
    other = picture(1, 30, 50, 3)
    styles = {"style0": encode(pack, painting), "style1": encode(pack, other)}
    mixed = pack.run("BlendStyles", styles=styles, weights="1, 3")
    close(stylize(pack, photo, taken=(mixed,)), stylize(pack, photo, painting, other, style_weights="1, 3"))


def test_a_walk_through_styles_gives_a_batch_of_pictures(pack: Pack, photo: Tensor, painting: Tensor) -> None:
    ends = [encode(pack, painting), encode(pack, picture(1, 30, 50, 3))]
    walk = pack.run("InterpolateStyles", styles={"style0": ends[0], "style1": ends[1]}, frames=5)
    assert walk.batch == 5
    made = stylize(pack, photo, taken=(walk,))
    assert made.shape == (5, *photo.shape[1:])
    close(made[:1], stylize(pack, photo, taken=(ends[0],)))
    close(made[-1:], stylize(pack, photo, taken=(ends[1],)))
    close(made[1:2], stylize(pack, photo, taken=(ends[0], ends[1]), style_weights="3, 1"))
    assert float((made[1:] - made[:-1]).abs().mean(dim=(1, 2, 3)).min()) > 1e-3


def test_a_style_is_taken_once_for_many_pictures(pack: Pack, painting: Tensor) -> None:
    contents = picture(20, 24, 24, 3)
    one_by_one = torch.cat([stylize(pack, contents[i : i + 1], painting) for i in (0, 9, 19)])
    close(stylize(pack, contents, painting)[[0, 9, 19]], one_by_one)


def test_strokes_and_background_are_exchanged(pack: Pack, photo: Tensor, painting: Tensor) -> None:
    a, b = encode(pack, painting, STROKES), encode(pack, picture(1, 30, 50, 3), STROKES)
    exchange = partial(pack.run, "ExchangeStyles", stylizer=load(pack, STROKES))
    mixed, other = exchange(stroke=a, background=b), exchange(stroke=b, background=a)
    own = stylize(pack, photo, taken=(a,), name=STROKES)
    for made in (mixed, other):
        assert float((stylize(pack, photo, taken=(made,), name=STROKES) - own).abs().max()) > 1e-3
    again = exchange(stroke=mixed, background=other)
    close(stylize(pack, photo, taken=(again,), name=STROKES), own)


def test_styles_are_saved_and_loaded(pack: Pack, output: Path, photo: Tensor, painting: Tensor) -> None:
    style = encode(pack, painting)
    for number in (1, 2):
        assert pack.run("SaveStyle", style=style, name="monet/lilies") is style
        assert (output / "style_atelier_styles" / "monet" / f"lilies_{number:05}.safetensors").is_file()
    loader = pack.nodes["StyleAtelierLoadStyle"]
    assert loader.GET_SCHEMA().inputs[0].options == ["monet/lilies_00001.safetensors", "monet/lilies_00002.safetensors"]
    found = pack.run("LoadStyle", name="monet/lilies_00002.safetensors")
    assert found.kind == style.kind
    assert torch.equal(stylize(pack, photo, taken=(found,)), stylize(pack, photo, taken=(style,)))
    assert loader.fingerprint_inputs(name="monet/lilies_00001.safetensors") > 0


def test_networks_with_styles_of_their_own(pack: Pack, photo: Tensor) -> None:
    first = stylize(pack, photo, name=MANY)
    close(stylize(pack, photo, taken=(encode(pack, name=MANY, own_style="style 1"),), name=MANY), first)
    third = encode(pack, name=MANY, own_style=" style 3 ")
    assert float((stylize(pack, photo, taken=(third,), name=MANY) - first).abs().max()) > 1e-3
    alone = stylize(pack, photo, name=JOHNSON)
    assert alone.shape == photo.shape
    close(stylize(pack, photo, name=JOHNSON, strength=0.0), photo)


def test_tiles_give_the_whole_picture(pack: Pack, painting: Tensor) -> None:
    content = picture(1, 300, 260, 3)
    for name in (MANY, JOHNSON):
        close(stylize(pack, content, name=name, memory_budget=1e-6), stylize(pack, content, name=name), 1e-3)
    close(encode(pack, content, memory_budget=1e-6).values["shares"], torch.ones(1, 1))


def test_stylizers_are_compared_in_a_grid(pack: Pack, photo: Tensor, painting: Tensor) -> None:
    stylizers = {"stylizer0": load(pack), "stylizer2": load(pack, JOHNSON)}
    grid, images, report = pack.outputs("CompareStylizers", content=photo, style=painting, stylizers=stylizers, size=64)
    assert images.shape == (2, 64, 90, 3)
    close(images[:1], stylize(pack, photo, painting, size=64))
    assert grid.shape[1] > 2 * 64
    assert grid.shape[2] > 2 * 90
    assert report.count(" s, ") == 2
    assert "in its own style" in report
    assert float(grid.min()) < 0.3 < float(grid.max())


def test_peak_memory_is_measured() -> None:
    peak = importlib.import_module("style_atelier.nodes.host.peak")
    with peak.Peak(torch.device("cpu")) as measured:
        kept = torch.ones(64, 1024, 1024)
    assert measured.seconds > 0
    if measured.memory is not None:
        assert abs(measured.memory - kept.numel() * 4) < 0.2 * kept.numel() * 4


SMALL = picture(1, 16, 16, 3)
CASES: dict[str, tuple[Callable[[Pack], Any], str]] = {
    "no picture": (lambda p: encode(p), "image is not connected"),
    "no picture, own styles": (lambda p: encode(p, name=MANY), "such as style 1, into own_style"),
    "both": (lambda p: encode(p, SMALL, MANY, own_style="style 1"), "own_style is 'style 1' and image is connected"),
    "unknown own style": (lambda p: encode(p, name=MANY, own_style="monet"), "no style called 'monet'"),
    "own style of a network without": (lambda p: encode(p, own_style="style 1"), "no style called 'style 1'"),
    "no pictures taken": (lambda p: encode(p, SMALL, MANY), "takes no style from a picture"),
    "one style": (lambda p: encode(p, SMALL, JOHNSON), "takes no style from a picture"),
    "one style, mask": (lambda p: encode(p, SMALL, JOHNSON, mask=torch.ones(1, 16, 16)), "mask is connected"),
    "almost empty mask": (lambda p: encode(p, SMALL, mask=torch.full((1, 16, 16), 1e-4)), "^mask covers almost nothing"),
    "empty mask": (lambda p: encode(p, SMALL, mask=torch.zeros(1, 16, 16)), "mask is all black"),
    "a picture as style": (lambda p: stylize(p, SMALL, taken=(SMALL,)), "taken style 1 is not a style"),
    "another's style": (
        lambda p: stylize(p, SMALL, taken=(encode(p, name=MANY, own_style="style 1"),)),
        "taken style 1 is a style of cin:many.pt and .* takes",
    ),
    "style for one that has its own": (lambda p: stylize(p, SMALL, SMALL, name=JOHNSON), "styles holds 1"),
    "no style": (lambda p: stylize(p, SMALL), "styles holds no picture"),
    "masks without regions": (
        lambda p: stylize(p, SMALL, name=JOHNSON, content_masks={"content_mask0": torch.ones(1, 16, 16)}),
        "content mask 1 belongs to style 1, which is not connected",
    ),
    "transform": (
        lambda p: stylize(p, SMALL, name=MANY, transform="adain"),
        "no transfer method 'adain' for",
    ),
    "mask of a taken style": (
        lambda p: stylize(p, SMALL, SMALL, taken=(encode(p, SMALL),), style_masks={"style_mask1": torch.ones(1, 16, 16)}),
        "style mask 2 belongs to taken style 1, which was taken before",
    ),
    "blend: other kinds": (
        lambda p: p.run(
            "BlendStyles", styles={"style0": encode(p, SMALL), "style1": encode(p, name=MANY, own_style="style 1")}, weights=""
        ),
        "styles are of different kinds",
    ),
    "blend: weights": (
        lambda p: p.run("BlendStyles", styles={"style0": encode(p, SMALL)}, weights="1, 2"),
        "weights has 2 numbers",
    ),
    "blend: a picture": (lambda p: p.run("BlendStyles", styles={"style0": SMALL}), "style 1 is not a style"),
    "walk: one stop": (lambda p: p.run("InterpolateStyles", styles={"style0": encode(p, SMALL)}), "styles holds 1 style"),
    "exchange: no strokes": (
        lambda p: p.run("ExchangeStyles", stylizer=load(p), stroke=encode(p, SMALL), background=encode(p, SMALL)),
        "does not keep strokes and background apart: load a StyleFormer",
    ),
    "exchange: another's style": (
        lambda p: p.run("ExchangeStyles", stylizer=load(p, STROKES), stroke=encode(p, SMALL), background=encode(p, SMALL)),
        "stroke is a style of .* and StyleFormer .* takes",
    ),
    "exchange: a picture": (
        lambda p: p.run("ExchangeStyles", stylizer=load(p, STROKES), stroke=encode(p, SMALL, STROKES), background=SMALL),
        "background is not a style",
    ),
    "save: outside": (lambda p: p.run("SaveStyle", style=encode(p, SMALL), name="../../x"), "leads out of"),
    "save: a picture": (lambda p: p.run("SaveStyle", style=SMALL), "style is not a style"),
    "load: gone": (lambda p: p.run("LoadStyle", name="gone.safetensors"), "There is no file 'gone.safetensors'"),
    "load: outside": (lambda p: p.run("LoadStyle", name="../../x.safetensors"), "leads out of"),
    "compare: nothing": (
        lambda p: p.run("CompareStylizers", content=SMALL, style=SMALL, stylizers={}),
        "stylizers holds none",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_bad_input_gives_one_sentence(pack: Pack, output: Path, name: str) -> None:
    case, words = CASES[name]
    with pytest.raises(Exception, match=words) as raised:
        case(pack)
    assert_one_sentence(str(raised.value))
