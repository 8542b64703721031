"""A 3000x2000 picture: tiles and the whole agree, in the memory that was planned."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from style_atelier.models.families import adain
from style_atelier.models.library import stylizers
from style_atelier.models.library.choices import POCKET
from style_atelier.models.library.registry import open_checkpoint
from style_atelier.models.ops.tiling import tile_for_budget
from style_atelier.models.stylization.stylizer import StylizeOptions, Stylizer

pytestmark = pytest.mark.slow
HEIGHT, WIDTH = 2000, 3000


def picture(seed: int, height: int, width: int) -> torch.Tensor:
    """[1, 3, height, width], smooth with some grain."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, height // 50, width // 50, generator=generator)
    grain = torch.rand(1, 3, height, width, generator=generator)
    return 0.85 * F.interpolate(coarse, size=(height, width), mode="bicubic").clamp(0, 1) + 0.15 * grain


@pytest.fixture(params=["pocket", "adain"])
def stylizer(request: pytest.FixtureRequest, golden) -> Stylizer:
    if request.param == "pocket":
        return stylizers.load_stylizer(POCKET, None)  # type: ignore[arg-type]
    small = golden / "adain_small"
    encoder = stylizers.as_encoder(open_checkpoint(small / "vgg_normalised.pth"))
    return adain.stylizer(encoder, stylizers.as_decoder(open_checkpoint(small / "decoder.pth")))


def test_tiles_equal_the_whole(stylizer: Stylizer) -> None:
    content, style = picture(0, HEIGHT, WIDTH), picture(1, 480, 640)
    with torch.inference_mode():
        whole = stylizer.stylize(content, [style])
        tiled = stylizer.stylize(content, [style], StylizeOptions(tile=1024))
    assert float((whole - tiled).abs().max()) < 1e-3


def test_the_plan_is_smaller_than_the_budget(stylizer: Stylizer) -> None:
    budget = 512 * 1024**2
    tile = tile_for_budget(HEIGHT, WIDTH, 1, stylizer.bytes_per_pixel, budget)
    assert tile == 0 or (tile + 2 * 96) ** 2 * stylizer.bytes_per_pixel <= budget
