"""The nodes of strokes and filters: what comes out, masks, batches, drawings, a person's stop, and sentences for bad input."""

from __future__ import annotations

from dataclasses import fields
from typing import Any
from xml.etree import ElementTree

import pytest
import torch

from style_atelier.models.classical.drawn_filters import FILTERS
from style_atelier.models.classical.strokes import Sheets
from style_atelier.tests.pack import Pack
from style_atelier.tests.sentences import assert_one_sentence

DRAWN = ("hatching", "stipple", "low poly", "mosaic", "halftone")
CURVED = {
    "method": "curved",
    "threshold": 60.0,
    "radii": "8, 4",
    "curvature": 1.0,
    "blur": 0.5,
    "grid": 1.0,
    "shortest": 2,
    "longest": 8,
    "opacity": 1.0,
    "color_jitter": 0.1,
    "hue_jitter": 0.0,
    "value_jitter": 0.0,
}
METHODS: list[dict[str, Any]] = [
    {"method": "impressionist"},
    {"method": "pointillist"},
    CURVED,
    {"method": "oriented lines", "spacing": 2.0, "angle_jitter": 15.0},
    {"method": "ordered strokes", "count": 200, "length": 6.0, "order": "detail last"},
    {"method": "by trial", "count": 100, "length": 5.0},
]


def picture(*size: int) -> torch.Tensor:
    return torch.rand(size, generator=torch.Generator().manual_seed(sum(size)))


def filtered(pack: Pack, images: object, name: str = "oil", look: str | None = None, **inputs: object) -> tuple[Any, ...]:
    chosen = {"filter": name, "look": {"look": look or next(iter(FILTERS[name].looks))}}
    return pack.outputs("StyleFilter", images=images, filter=chosen, **inputs)


def strokes(pack: Pack, images: object, method: object = None, **inputs: object) -> tuple[Any, ...]:
    return pack.outputs("PaintStrokes", images=images, method=method or {"method": "impressionist"}, **inputs)


@pytest.mark.parametrize("name", FILTERS)
def test_every_filter_paints_and_drawings_are_svg(pack: Pack, name: str) -> None:
    made, svg = filtered(pack, picture(1, 30, 40, 3), name)
    assert made.shape == (1, 30, 40, 3) and float(made.min()) >= 0 and float(made.max()) <= 1
    if name in DRAWN:
        assert len(svg.data) == 1 and ElementTree.fromstring(svg.data[0].getvalue()).get("width") == "40"
    else:
        assert not hasattr(svg, "data")


def test_own_settings_are_those_of_the_look(pack: Pack) -> None:
    own = {field.name: getattr(FILTERS["xdog"](), field.name) for field in fields(FILTERS["xdog"])}
    image = picture(1, 30, 40, 3)
    custom = pack.run("StyleFilter", images=image, filter={"filter": "xdog", "look": {"look": "custom", **own}})
    assert torch.equal(custom, filtered(pack, image, "xdog")[0])
    other = pack.run("StyleFilter", images=image, filter={"filter": "xdog", "look": {"look": "custom", **own, "threshold": 0.8}})
    assert not torch.equal(custom, other)


def test_masks_strength_batches_and_transparency(pack: Pack) -> None:
    image = picture(2, 24, 32, 4)
    mask = torch.zeros(1, 24, 32)
    mask[:, :, 16:] = 1
    made = filtered(pack, image, mask=mask)[0]
    assert torch.equal(made[:, :, :16], image[:, :, :16]) and torch.equal(made[..., 3:], image[..., 3:])
    whole = filtered(pack, image)[0]
    assert torch.equal(made[:, :, 16:, :3], whole[:, :, 16:, :3])
    torch.testing.assert_close(filtered(pack, image, strength=0.0)[0], image)
    assert torch.equal(filtered(pack, image[1:])[0], whole[1:])


@pytest.mark.parametrize("method", METHODS, ids=lambda m: m["method"])
def test_every_method_paints_strokes_that_render_as_the_picture(pack: Pack, method: dict[str, Any]) -> None:
    image = picture(2, 40, 60, 3)
    made, sheets = strokes(pack, image, method)
    assert made.shape == (2, 40, 60, 3) and len(sheets.sheets) == 2
    again, svg, clip = pack.outputs("RenderStrokes", strokes=sheets)
    assert torch.equal(again, made)
    assert (len(svg.data) == 2 and clip is None) or not isinstance(clip, torch.Tensor)


def test_strokes_at_other_sizes_in_part_and_growing(pack: Pack) -> None:
    sheets = strokes(pack, picture(1, 40, 60, 3))[1]
    large, _, clip = pack.outputs("RenderStrokes", strokes=sheets, width=120, frames=4, brush="bristle", background="white")
    assert large.shape == (1, 80, 120, 3) and clip.shape == (4, 80, 120, 3)
    assert float(clip[0].min()) == 1 and torch.equal(clip[3], large[0])
    nothing = pack.run("RenderStrokes", strokes=sheets, part=0.0, background="black")
    assert float(nothing.max()) == 0
    below = picture(1, 9, 9, 3)
    assert pack.run("RenderStrokes", strokes=sheets, part=0.0, background="image", image=below).shape == (1, 40, 60, 3)


@pytest.mark.parametrize("taken", ["nothing", "colors", "palette", "strokes", "strokes and colors", "strokes and palette"])
def test_a_painting_gives_strokes_and_colors(pack: Pack, taken: str) -> None:
    made, _ = strokes(pack, picture(1, 40, 60, 3), style=picture(1, 50, 50, 3), from_style=taken, colors=4)
    assert made.shape == (1, 40, 60, 3)


def test_a_clip_that_stands_still_does_not_flicker(pack: Pack) -> None:
    still = picture(1, 40, 60, 3).expand(3, -1, -1, -1)
    made, sheets = strokes(pack, still, batch="clip")
    assert torch.equal(made[0], made[1]) and torch.equal(made[1], made[2]) and len(sheets.sheets) == 3


def test_strokes_follow_an_objective(pack: Pack) -> None:
    image = picture(1, 40, 60, 3)
    sheets = strokes(pack, image, {"method": "ordered strokes", "count": 60, "length": 6.0, "order": "random"})[1]
    wanted = pack.run("ContentObjective", image=image, kind={"kind": "features", "scale": "relative"})
    better, made, curve = pack.outputs("OptimizeStrokes", strokes=sheets, objective=wanted, steps=3)
    assert isinstance(better, Sheets) and made.shape == (1, 40, 60, 3) and curve.shape[-1] == 3


CASES: dict[str, tuple[Any, str]] = {
    "filter: no picture": (lambda p: filtered(p, torch.zeros(0, 8, 8, 3)), "images holds no picture"),
    "filter: a latent": (lambda p: filtered(p, {"samples": 1}), "images is not a batch"),
    "filter: mask": (lambda p: filtered(p, picture(1, 8, 8, 3), mask=torch.zeros(1, 8, 8)), "mask is all black"),
    "filter: look": (lambda p: filtered(p, picture(1, 8, 8, 3), "oil", "thin"), "look 'thin' is none of this filter's"),
    "filter: name": (
        lambda p: p.run("StyleFilter", images=picture(1, 8, 8, 3), filter={"filter": "blur", "look": {"look": "x"}}),
        "filter 'blur' is none of this node's",
    ),
    "strokes: no picture": (lambda p: strokes(p, torch.zeros(1, 0, 8, 3)), "images holds no picture"),
    "strokes: style": (lambda p: strokes(p, picture(1, 8, 8, 3), style=picture(8, 8, 3)), "style is not a batch"),
    "strokes: radii": (lambda p: strokes(p, picture(1, 8, 8, 3), {**CURVED, "radii": "broad"}), "radii 'broad' is not a list"),
    "strokes: no radii": (lambda p: strokes(p, picture(1, 8, 8, 3), {**CURVED, "radii": ""}), "radii '' must be 1 to 8 numbers"),
    "strokes: zero": (lambda p: strokes(p, picture(1, 8, 8, 3), {**CURVED, "radii": "4, 0"}), "radii '4, 0' must be"),
    "strokes: lengths": (
        lambda p: strokes(p, picture(1, 8, 8, 3), {**CURVED, "shortest": 9}),
        "shortest is 9 and longest 8",
    ),
    "strokes: brush": (lambda p: strokes(p, picture(1, 8, 8, 3), brush="picture"), "brush_picture is not connected"),
    "strokes: clip": (
        lambda p: strokes(p, picture(2, 8, 8, 3), {"method": "by trial", "count": 5, "length": 3.0}, batch="clip"),
        "only curved strokes are carried",
    ),
    "render: a picture": (lambda p: p.run("RenderStrokes", strokes=picture(1, 8, 8, 3)), "strokes is not of strokes"),
    "render: background": (
        lambda p: p.run("RenderStrokes", strokes=strokes(p, picture(1, 8, 8, 3))[1], background="image"),
        "background is image and none is connected",
    ),
    "optimize: a picture": (
        lambda p: p.run("OptimizeStrokes", strokes=picture(1, 8, 8, 3), objective=None),
        "strokes is not of strokes",
    ),
    "optimize: objective": (
        lambda p: p.run("OptimizeStrokes", strokes=strokes(p, picture(1, 8, 8, 3))[1], objective=3),
        "objective is not an objective",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_one_sentence(pack: Pack, case: str) -> None:
    run, words = CASES[case]
    with pytest.raises(ValueError, match=words) as caught:
        run(pack)
    assert_one_sentence(str(caught.value))


@pytest.mark.parametrize("name", ["Strokes: impressionist (no network)", "Filter: oil (no network)"])
def test_they_are_stylizers_too(pack: Pack, name: str) -> None:
    stylizer, image = pack.run("LoadStylizer", stylizer=name), picture(2, 40, 60, 3)
    painting = {"style0": picture(1, 30, 30, 3)} if name.startswith("Strokes") else {}
    grid, made, report = pack.outputs(
        "CompareStylizers", content=image, style=picture(1, 30, 30, 3), stylizers={"stylizer0": stylizer}, size=0
    )
    assert (made.shape == (1, 40, 60, 3) and grid.shape[0] == 1 and "MiB" in report) or "memory" in report
    whole = pack.run("Stylize", stylizer=stylizer, content=image, styles=painting)
    assert whole.shape == (2, 40, 60, 3)
    torch.testing.assert_close(pack.run("Stylize", stylizer=stylizer, content=image, styles=painting, strength=0.0), image)


def test_a_paintings_strokes_are_a_style(pack: Pack) -> None:
    stylizer, image = pack.run("LoadStylizer", stylizer="Strokes: impressionist (no network)"), picture(1, 40, 60, 3)
    painting = picture(1, 30, 30, 3)
    taken = pack.run("EncodeStyle", stylizer=stylizer, image=painting)
    made = pack.run("Stylize", stylizer=stylizer, content=image, styles={}, taken_styles={"taken_style0": taken})
    torch.testing.assert_close(made, pack.run("Stylize", stylizer=stylizer, content=image, styles={"style0": painting}))
