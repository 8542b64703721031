"""Half precision and compilation of stylizers: the same pictures."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from style_atelier.models.families import pocket
from style_atelier.models.library.registry import open_checkpoint
from style_atelier.models.library.stylizers import as_stylizer
from style_atelier.models.stylization.stylizer import StylizeOptions, Stylizer
from style_atelier.tests.families import johnson_files, pastiche_files
from style_atelier.tests.stylization.test_tiling import small_adain, small_wct

LEVELS = 4 / 255


def johnson(folder: Path) -> Stylizer:
    torch.save(johnson_files.published("johnson"), folder / "one.pth")
    return as_stylizer(open_checkpoint(folder / "one.pth"))


def multi_style(folder: Path) -> Stylizer:
    torch.save(pastiche_files.multi_style(), folder / "many.pt")
    return as_stylizer(open_checkpoint(folder / "many.pt"))


MAKERS = {
    "johnson": johnson,
    "cin": multi_style,
    "pocket": lambda folder: as_stylizer(open_checkpoint(pocket.BUILT_IN)),
    "adain": lambda folder: small_adain(),
    "wct": lambda folder: small_wct(),
}


def painted(stylizer: Stylizer, options: StylizeOptions) -> torch.Tensor:
    torch.manual_seed(4)
    content, style = torch.rand(1, 3, 101, 83), torch.rand(1, 3, 64, 90)
    with torch.inference_mode():
        return stylizer.stylize(content, [style] if stylizer.needs_style else [], options)


@pytest.mark.parametrize("tile", [0, 48])
@pytest.mark.parametrize("name", MAKERS)
def test_half_precision_gives_nearly_the_same_picture(tmp_path: Path, name: str, tile: int) -> None:
    stylizer = MAKERS[name](tmp_path)
    full, half = (painted(stylizer, StylizeOptions(half=half, tile=tile)) for half in (False, True))
    assert half.dtype == torch.float32
    difference = float((half - full).abs().max())
    if name == "wct":
        assert difference == 0, "whitening makes much of rounding"
    else:
        assert 0 < difference <= LEVELS


@pytest.mark.slow
def test_a_compiled_stylizer_paints_the_same() -> None:
    stylizer = small_adain()
    try:
        made = painted(stylizer.compiled(), StylizeOptions())
    except Exception as error:
        pytest.skip(f"NOT RUN: PyTorch cannot compile on this machine ({str(error)[:80]})")
    torch.testing.assert_close(made, painted(stylizer, StylizeOptions()), atol=1e-4, rtol=0)
