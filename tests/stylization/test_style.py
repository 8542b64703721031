"""Styles: taken once from pictures, they give what the pictures give; mixing, ways between them, files."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from style_atelier.models.stylization import style as styles_module
from style_atelier.models.stylization.style import Style
from style_atelier.models.stylization.style_file import read_style, write_style
from style_atelier.models.stylization.stylizer import StylizeOptions
from style_atelier.models.weights.errors import WeightsError
from style_atelier.tests.stylization.test_tiling import small_adain, small_pocket, small_wct

STYLIZERS = [small_adain, small_wct, small_pocket]


def pictures() -> tuple[torch.Tensor, list[torch.Tensor]]:
    torch.manual_seed(3)
    return torch.rand(1, 3, 101, 83), [torch.rand(1, 3, 80, 64) * 0.6, torch.rand(2, 3, 71, 90).square()]


def close(a: torch.Tensor, b: torch.Tensor, tolerance: float = 1e-6) -> None:
    assert a.shape == b.shape
    assert float((a - b).abs().max()) <= tolerance


@pytest.mark.parametrize(("make", "transform"), list(itertools.product(STYLIZERS, ["own", "adain", "optimal_transport"])))
def test_a_style_gives_what_its_pictures_give(make, transform: str) -> None:
    stylizer, (content, given) = make(), pictures()
    taken = [stylizer.style_of(picture) for picture in given]
    assert [style.batch for style in taken] == [1, 2]
    options = StylizeOptions(weights=(0.3, 0.7), transform=transform)
    made = stylizer.stylize(content, given, options)
    # variances come from the covariance's diagonal, which is added up in another order
    tolerance = 1e-6 if transform != "adain" and stylizer.own != "adain" else 1e-5
    close(stylizer.stylize(content, taken, options), made, tolerance)
    close(stylizer.stylize(content, [given[0], taken[1]], options), made, tolerance)


@pytest.mark.parametrize("make", STYLIZERS)
def test_mixed_styles_give_what_mixing_pictures_gives(make) -> None:
    stylizer, (content, given) = make(), pictures()
    one, two = (stylizer.style_of(picture) for picture in given)
    mixed = stylizer.mix([one, two], [1, 3])
    assert mixed.batch == 2
    made = stylizer.stylize(content, given, StylizeOptions(weights=(1, 3)))
    close(stylizer.stylize(content, [mixed]), made, 1e-5)
    again = stylizer.mix([mixed, one], [1, 1])
    made = stylizer.stylize(content, [given[1], given[0]], StylizeOptions(weights=(3, 5)))
    close(stylizer.stylize(content, [again]), made, 1e-5)


def test_masks_and_tiles_when_a_style_is_taken() -> None:
    stylizer, (content, given) = small_pocket(), pictures()
    mask = torch.zeros(1, 1, 80, 64)
    mask[..., 20:60, 10:50] = 1
    made = stylizer.stylize(content, given[:1], StylizeOptions(style_masks=(mask,)))
    close(stylizer.stylize(content, [stylizer.style_of(given[0], mask)]), made)
    close(stylizer.stylize(content, [stylizer.style_of(given[0], mask, tile=32)]), made, 1e-3)
    with pytest.raises(ValueError, match="empty mask"):
        stylizer.style_of(given[0], mask * 0)


def test_regions_take_styles() -> None:
    stylizer, (content, given) = small_adain(), pictures()
    mask = torch.zeros(1, 1, *content.shape[-2:])
    mask[..., :40] = 1
    options = StylizeOptions(content_masks=(mask, 1 - mask))
    taken = [stylizer.style_of(picture) for picture in given]
    close(stylizer.stylize(content, taken, options), stylizer.stylize(content, given, options), 1e-5)


def test_progress_counts_to_the_end() -> None:
    seen = []
    small_wct().style_of(pictures()[1][1], tile=64, progress=lambda done, total, preview=None: seen.append((done, total)))
    assert seen[-1][0] == seen[-1][1]
    assert len(seen) == seen[-1][1]


def test_a_way_through_styles_begins_and_ends_with_them() -> None:
    stylizer, (content, given) = small_adain(), pictures()
    taken = [stylizer.style_of(picture) for picture in given]
    way = styles_module.interpolate(taken, 5)
    assert way.batch == 5
    frames = stylizer.stylize(content, [way])
    close(frames[:1], stylizer.stylize(content, taken[:1]))
    close(frames[4:], stylizer.stylize(content, [taken[1].take(1, 2)]))
    close(frames[2:3], stylizer.stylize(content, [taken[1].take(0, 1)]))
    close(frames[1:2], stylizer.stylize(content, [stylizer.mix([taken[0], taken[1].take(0, 1)], [1, 1])]), 1e-5)
    loop = styles_module.interpolate(taken, 6, loop=True)
    close(
        stylizer.stylize(content, [loop.take(5, 6)]),
        stylizer.stylize(content, [stylizer.mix([taken[1].take(1, 2), taken[0]], [1, 1])]),
        1e-5,
    )


def code(rows: int, value: float = 0.0, kind: str = "code:test") -> Style:
    return Style(kind, {"vector": torch.arange(float(rows * 4)).reshape(rows, 4) + value}, f"{rows} rows")


def test_codes_are_averaged() -> None:
    mixed = styles_module.blend([code(1), code(2, 10.0)], [1, 3])
    assert torch.allclose(mixed.values["vector"], code(1).values["vector"] * 0.25 + code(2, 10.0).values["vector"] * 0.75)
    way = styles_module.interpolate([code(2)], 3).values["vector"]
    assert torch.allclose(way[:, 0], torch.tensor([0.0, 2.0, 4.0]))
    loop = styles_module.interpolate([code(2)], 4, loop=True).values["vector"]
    assert torch.allclose(loop[:, 0], torch.tensor([0.0, 2.0, 4.0, 2.0]))
    assert torch.equal(code(3).take(2, 5).values["vector"][:, 0], torch.tensor([8.0, 0.0, 4.0]))
    assert repr(code(2)) == "Style(2 styles of code:test: 2 rows)"


@pytest.mark.parametrize(
    ("work", "said"),
    [
        (lambda: styles_module.blend([], []), "holds no style"),
        (lambda: styles_module.blend([code(1), code(1, kind="code:other")], [1, 1]), "different kinds"),
        (lambda: styles_module.blend([code(1)], [0]), "weights must be 1 numbers"),
        (lambda: styles_module.interpolate([code(1)], 4), "at least two"),
        (lambda: styles_module.interpolate([code(2)], 1), "frames is 1"),
        (
            lambda: styles_module.blend([code(1), Style("code:test", {"vector": torch.zeros(1, 5)}, "")], [1, 1]),
            "different sizes",
        ),
        (lambda: Style("code:test", {}, ""), "rows"),
        (lambda: Style("code:test", {"a": torch.zeros(2, 1), "b": torch.zeros(3, 1)}, ""), "must have as many"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence(work, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        work()


def test_another_stylizers_style_is_refused() -> None:
    stylizer, (content, given) = small_pocket(), pictures()
    with pytest.raises(ValueError, match="take it with this stylizer"):
        stylizer.stylize(content, [small_adain().style_of(given[0])])
    with pytest.raises(ValueError, match="connect the mask where it is taken"):
        stylizer.stylize(content, [stylizer.style_of(given[0])], StylizeOptions(style_masks=(torch.ones(1, 1, 4, 4),)))
    with pytest.raises(ValueError, match="has no stage0"):
        stylizer.stylize(content, [Style(stylizer.style_kind, {"shares": torch.ones(1, 1)}, "")])
    with pytest.raises(ValueError, match="no transfer method"):
        stylizer.stylize(content, given, StylizeOptions(transform="magic"))


@pytest.mark.parametrize("make", STYLIZERS)
def test_saved_and_read_back(make, tmp_path: Path) -> None:
    taken = make().style_of(pictures()[1][1])
    first, second = write_style(taken, tmp_path / "hills"), write_style(taken, tmp_path / "hills")
    assert (first.name, second.name) == ("hills_00001.safetensors", "hills_00002.safetensors")
    back = read_style(first)
    assert (back.kind, back.summary) == (taken.kind, taken.summary)
    assert back.values.keys() == taken.values.keys()
    assert all(torch.equal(back.values[name], value) for name, value in taken.values.items())


def test_other_files_are_refused(tmp_path: Path) -> None:
    for name, metadata, tensors in [
        ("plain", None, {"a": torch.zeros(1)}),
        ("whole numbers", {"style_atelier.style": '{"kind": "k", "summary": ""}'}, {"a": torch.zeros(1, dtype=torch.int64)}),
        ("infinite", {"style_atelier.style": '{"kind": "k", "summary": ""}'}, {"a": torch.full((1,), torch.inf)}),
        ("rows", {"style_atelier.style": '{"kind": "k", "summary": ""}'}, {"a": torch.zeros(2), "b": torch.zeros(3)}),
    ]:
        save_file(tensors, tmp_path / name, metadata)
        with pytest.raises(WeightsError, match="holds no style"):
            read_style(tmp_path / name)
    (tmp_path / "text").write_text("hello")
    with pytest.raises(WeightsError, match="holds no style"):
        read_style(tmp_path / "text")
