"""MicroAST: agreement with the authors' code, tiles, regions, strengths, styles."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from shutil import copyfile

import pytest
import torch
from torch import Tensor

from style_atelier.models.canvas.beat import Beat
from style_atelier.models.canvas.whole import Whole
from style_atelier.models.families.microast import ARCHITECTURES, PARTS
from style_atelier.models.families.microast.modulation import WholeModulation
from style_atelier.models.families.microast.stylize import MicroASTStylizer
from style_atelier.models.library import stylizers
from style_atelier.models.library.registry import open_checkpoint
from style_atelier.models.stylization.style import Style, blend
from style_atelier.models.stylization.stylizer import StylizeOptions
from style_atelier.models.weights.catalogue import FileSpec
from style_atelier.models.weights.errors import WeightsError
from style_atelier.tests.families.microast_files import small_microast

GOLDEN = Path(__file__).parent.parent / "golden"
image = runpy.run_path(str(GOLDEN / "fill.py"))["image"]
TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def small() -> MicroASTStylizer:
    return small_microast()


@pytest.fixture(scope="module")
def pleasant() -> MicroASTStylizer:
    return small_microast(inside=True)


@pytest.fixture(scope="module")
def golden() -> dict[str, Tensor]:
    return torch.load(GOLDEN / "microast.golden.pt", weights_only=True)


@pytest.fixture(scope="module")
def pictures(golden) -> dict[str, Tensor]:
    meta = json.loads(golden["meta"])
    return {name: image(name, tuple(meta[name]), meta["seed"]) for name in ("content", "style", "odd")}


def far(a: Tensor, b: Tensor) -> float:
    assert a.shape == b.shape
    return float((a - b).abs().max())


def test_signals_are_the_authors(small, golden, pictures) -> None:
    style = small.style_of(pictures["style"])
    names = [f"enc{level}.{what}" for level in (1, 2) for what in ("mean", "std", "weight", "bias")]
    assert far(torch.cat([style.values[name] for name in names]), golden["signals"]) < TOLERANCE


@pytest.mark.parametrize(
    ("key", "content", "strength"), [("alpha_1", "content", 1.0), ("alpha_0_5", "content", 0.5), ("odd", "odd", 1.0)]
)
def test_pictures_are_the_authors(small, golden, pictures, key: str, content: str, strength: float) -> None:
    x, style = pictures[content], small.style_of(pictures["style"])
    options = StylizeOptions(strength=strength, transform="alpha")
    made = small.stylize(x, [style], options)
    assert far(made[..., ::3, ::3], golden[key].clamp(0, 1)) < TOLERANCE
    code = small.weakened(style, style, options)
    whole = Whole(Beat())
    free = whole.close(small.network.paint(whole, whole.open(x), WholeModulation(code)))  # not clamped
    assert far(free[..., : x.shape[2], : x.shape[3]][..., ::3, ::3], golden[key]) < TOLERANCE


@pytest.mark.parametrize("size", [(101, 83), (64, 96), (9, 5), (1, 1)])
def test_any_size(pleasant, pictures, size: tuple[int, int]) -> None:
    made = pleasant.stylize(torch.rand(1, 3, *size), [pictures["style"]])
    assert made.shape == (1, 3, *size)
    assert bool(((made >= 0) & (made <= 1)).all())


@pytest.mark.parametrize("masked", [False, True])
def test_tiles_have_the_statistics_of_the_whole(pleasant, masked: bool) -> None:
    content, styles = image("a", (1, 3, 231, 187), 1), [image("b", (1, 3, 150, 141), 2), image("c", (1, 3, 90, 120), 3)]
    masks = (image("m", (1, 1, 231, 187), 4), image("n", (1, 1, 60, 50), 5)) if masked else ()
    options = {"content_masks": masks, "style_masks": (image("k", (1, 1, 150, 141), 6).round(),) if masked else ()}
    whole = pleasant.stylize(content, styles, StylizeOptions(**options))
    tiled = pleasant.stylize(content, styles, StylizeOptions(**options, tile=64))
    assert far(whole, tiled) < TOLERANCE
    assert float(whole.std()) > 0.02


def test_a_style_is_the_picture_it_was_taken_from(pleasant, pictures) -> None:
    taken = pleasant.style_of(pictures["style"])
    assert torch.equal(pleasant.stylize(pictures["content"], [pictures["style"]]), pleasant.stylize(pictures["content"], [taken]))


def test_weights_mix_signals(pleasant, pictures) -> None:
    a, b = (pleasant.style_of(pictures[name]) for name in ("style", "odd"))
    mixed = pleasant.stylize(pictures["content"], [blend([a, b], [0.3, 0.7])])
    assert far(pleasant.stylize(pictures["content"], [a, b], StylizeOptions(weights=(0.3, 0.7))), mixed) < 1e-6


def test_batches_repeat_the_shorter(pleasant) -> None:
    contents, styles = image("a", (2, 3, 40, 48), 1), image("b", (3, 3, 40, 48), 2)
    made = pleasant.stylize(contents, [styles])
    for i in range(3):
        assert far(made[i : i + 1], pleasant.stylize(contents[i % 2][None], [styles[i][None]])) < 1e-6


def test_strength_leads_from_the_contents_own_style(pleasant, pictures) -> None:
    content = pictures["content"]
    full, none = pleasant.stylize(content, [pictures["style"]]), pleasant.stylize(content, [content])
    assert far(pleasant.stylize(content, [pictures["style"]], StylizeOptions(strength=0.0)), none) < 1e-6
    half = pleasant.stylize(content, [pictures["style"]], StylizeOptions(strength=0.5))
    assert far(pleasant.stylize(content, [content, pictures["style"]]), half) < 1e-6
    assert far(full, none) > 1e-2


def test_alpha_0_leaves_features_as_they_are(pleasant, pictures) -> None:
    style = pleasant.style_of(pictures["style"])
    options = StylizeOptions(strength=0.0, transform="alpha")
    same = pleasant.stylize(pictures["content"], [style], options)
    other_statistics = Style(style.kind, {k: v * 3 if "mean" in k or "std" in k else v for k, v in style.values.items()}, "")
    assert torch.equal(pleasant.stylize(pictures["content"], [other_statistics], options), same)


def test_unknown_transforms_are_refused(pleasant, pictures) -> None:
    with pytest.raises(ValueError, match="choose one of own, alpha"):
        pleasant.stylize(pictures["content"], [pictures["style"]], StylizeOptions(transform="zca"))


def test_regions_of_one_style_are_that_style_everywhere(pleasant, pictures) -> None:
    """Halves with the statistics of the whole: one mask of ones."""
    whole = pleasant.stylize(pictures["content"], [pictures["style"]])
    ones = torch.ones(1, 1, 8, 8)
    assert far(pleasant.stylize(pictures["content"], [pictures["style"]], StylizeOptions(content_masks=(ones,))), whole) < 1e-5


def test_what_no_mask_covers_keeps_its_own_style(pleasant, pictures) -> None:
    nothing = torch.zeros(1, 1, 8, 8)
    made = pleasant.stylize(pictures["content"], [pictures["style"]], StylizeOptions(content_masks=(nothing,)))
    assert far(made, pleasant.stylize(pictures["content"], [pictures["content"]])) < 1e-5


def test_a_region_takes_its_style_and_leaves_the_rest(pleasant) -> None:
    content = image("a", (1, 3, 96, 160), 1)
    left = torch.zeros(1, 1, 96, 160)
    left[..., :80] = 1
    styles = [image("b", (1, 3, 64, 64), 2), 1 - 0.2 * image("c", (1, 3, 64, 64), 3)]
    both = pleasant.stylize(content, styles, StylizeOptions(content_masks=(left, 1 - left)))
    # another style on the right reaches the left only through the few features that see across the border
    other = pleasant.stylize(content, [styles[0], 0.3 * styles[1]], StylizeOptions(content_masks=(left, 1 - left)))
    changed = (both - other).abs().mean(dim=(0, 1, 2))
    assert 5 * float(changed[:40].mean()) < float(changed[120:].mean())


def test_an_empty_style_mask_says_so(pleasant, pictures) -> None:
    with pytest.raises(ValueError, match="empty mask"):
        pleasant.stylize(pictures["content"], [pictures["style"]], StylizeOptions(style_masks=(torch.zeros(1, 1, 4, 4),)))


def test_another_familys_style_is_refused(pleasant, pictures) -> None:
    taken = pleasant.style_of(pictures["style"])
    with pytest.raises(ValueError, match="take it with this stylizer"):
        pleasant.stylize(pictures["content"], [Style("adain", taken.values, "")])


def parts_of(made: MicroASTStylizer) -> dict[str, dict[str, Tensor]]:
    state = made.network.state_dict()
    return {p: {k.removeprefix(f"{p}."): t.clone() for k, t in state.items() if k.startswith(f"{p}.")} for p in PARTS}


class Folder:
    """Stands for the host: files by their role."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fetch(self, spec: FileSpec) -> Path:
        return self.folder / spec.role

    def file(self, name: str) -> Path:
        return self.folder / name

    def find(self, spec: FileSpec) -> Path | None:
        return self.fetch(spec)


def test_the_loader_joins_the_four_files(tmp_path: Path, small, pictures) -> None:
    for name, tensors in parts_of(small).items():
        torch.save(tensors, tmp_path / name)
    loaded = stylizers.load_stylizer("microast", Folder(tmp_path))
    made = loaded.stylize(pictures["content"], [pictures["style"]])
    assert far(made, small.stylize(pictures["content"], [pictures["style"]])) < 1e-6
    assert loaded.license == "MIT"


def test_a_single_file_of_all_parts_is_read_and_a_part_alone_is_not(tmp_path: Path, small) -> None:
    torch.save(small.network.state_dict(), tmp_path / "whole")
    torch.save(parts_of(small)["modulator"], tmp_path / "modulator")
    assert isinstance(stylizers.load_stylizer("whole", Folder(tmp_path)), MicroASTStylizer)
    with pytest.raises(WeightsError, match="is a part \\(MicroAST's modulator\\), not a stylizer"):
        stylizers.load_stylizer("modulator", Folder(tmp_path))


def test_published_files_are_recognized(shared: Path, tmp_path: Path) -> None:
    """Copied first: opening leaves a converted file beside it."""
    for part in PARTS:
        copyfile(shared / "weights" / "microast" / f"{part}_iter_160000.pth.tar", tmp_path / part)
    found = {open_checkpoint(tmp_path / part).architecture for part in PARTS}
    assert found == {a.id for a in ARCHITECTURES if a.kind == "part"}
