"""The VGG that trainings look through: the network's own numbers and slopes."""

from __future__ import annotations

import pytest
import torch

from style_atelier.models.encoders.looking import Looking
from style_atelier.models.encoders.vgg import VGG, VGGConfig

TAPS = ("relu1_2", "relu2_2", "relu3_1")
WIDTHS = (("conv1_1", 16), ("conv1_2", 16), ("conv2_1", 32), ("conv2_2", 64), ("conv3_1", 64))


@pytest.mark.parametrize("pooling", ["max", "average"])
def test_numbers_and_slopes_are_the_networks(pooling: str) -> None:
    torch.manual_seed(0)
    network = VGG(VGGConfig(WIDTHS)).requires_grad_(False)
    network.pooling = pooling
    pictures = torch.rand(2, 3, 40, 48)
    slopes = {}
    for name, eye in (("own", network), ("fast", Looking(network))):
        x = pictures.clone().requires_grad_()
        found = eye(x, TAPS)
        loss = sum(value.square().mean() * (i + 1) for i, value in enumerate(found.values()))
        loss.backward()  # type: ignore[union-attr]
        slopes[name] = x.grad
        with torch.no_grad():
            assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(eye(pictures, TAPS).values(), found.values(), strict=True))
    own, fast = slopes["own"], slopes["fast"]
    assert own is not None
    assert fast is not None
    assert float((own - fast).abs().max() / own.abs().max()) < 1e-4
