"""Patches and texture transfer behind Load Stylizer."""

from __future__ import annotations

import pytest
import torch

from style_atelier.models.library.choices import PATCHES, TEXTURE, WITHOUT, names_without_network
from style_atelier.models.library.classical import stylizer
from style_atelier.models.stylization.stylizer import StylizeOptions
from style_atelier.tests.classical.test_patch_synthesis import smooth


@pytest.mark.parametrize("name", [PATCHES, TEXTURE])
def test_a_painting_in_another_pictures_shapes(name: str) -> None:
    assert f"{name}{WITHOUT}" in names_without_network()
    made = stylizer(f"{name}{WITHOUT}")
    content, painting = smooth(40, 44, 1), 0.5 * smooth(36, 52, 2)
    found = made.stylize(content, [painting])
    assert found.shape == content.shape
    assert found.max() <= painting.max() + 1 / 255
    assert torch.equal(found, made.stylize(content, [made.style_of(painting)]))
    assert torch.equal(made.stylize(content, [painting], StylizeOptions(strength=0.0)), content)


def test_pictures_too_small_for_patches_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 11x11 pixels"):
        stylizer(f"{PATCHES}{WITHOUT}").stylize(smooth(40, 44, 1), [torch.rand(1, 3, 8, 8)])
