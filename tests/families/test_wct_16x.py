"""The pruned networks of WCT on sides that are not multiples of 16: as their authors' pools, which round down."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from style_atelier.models.encoders.vgg import VGG, VGG19_BLOCKS, VGGConfig, conv_names
from style_atelier.models.families import wct
from style_atelier.models.library.registry import architecture
from style_atelier.models.ops.padding import pad_to_multiple
from style_atelier.models.stylization.stages import FeatureStylizer
from style_atelier.models.stylization.stylizer import StylizeOptions
from style_atelier.tests.library.test_registry import WIDTHS, example


def pruned(level: int) -> tuple[VGG, dict[str, Tensor]]:
    """A small encoder of a level and its file, with conv0 apart."""
    names = conv_names(VGG19_BLOCKS)
    kept = names[: names.index(f"conv{level}_1") + 1]
    drawn, tensors, channels = torch.Generator().manual_seed(level), {}, 3
    tensors["conv0.weight"], tensors["conv0.bias"] = torch.eye(3)[:, :, None, None] * 2, torch.full((3,), -1.0)
    for name in kept:
        width = WIDTHS[int(name[4])]
        tensors[f"{wct.pruned_name(name)}.weight"] = (
            torch.randn(width, channels, 3, 3, generator=drawn) * (2 / (9 * channels)) ** 0.5
        )
        tensors[f"{wct.pruned_name(name)}.bias"] = torch.randn(width, generator=drawn) * 0.1
        channels = width
    known = architecture("vgg19-16x")
    assert known.recognize(tensors)
    config = known.configure(tensors)
    network = known.build(config)
    network.load_state_dict(known.rename(tensors, config))
    assert isinstance(config, VGGConfig)
    return network.requires_grad_(False), tensors  # type: ignore[return-value]


def plain(x: Tensor, tensors: dict[str, Tensor]) -> Tensor:
    """The authors' forward pass: reflected borders, ReLU, pools that round down."""
    y = F.conv2d(x, tensors["conv0.weight"], tensors["conv0.bias"])
    for name in [key.removesuffix(".weight") for key in tensors if key.endswith(".weight") and key != "conv0.weight"]:
        if name.endswith("1") and name != "conv11":
            y = F.max_pool2d(y, 2)
        y = F.relu(F.conv2d(F.pad(y, (1, 1, 1, 1), mode="reflect"), tensors[f"{name}.weight"], tensors[f"{name}.bias"]))
    return y


@pytest.fixture(scope="module")
def stylizer() -> FeatureStylizer:
    encoders = {level: wct.pruned_encoder(pruned(level)[0]) for level in (3, 2, 1)}
    decoders = {}
    for level in encoders:
        known = architecture(f"wct-16x-decoder-{level}")
        tensors = {k: torch.randn_like(t) * 0.1 for k, t in example(known).items()}
        decoders[level] = wct.pruned_decoder(known.build(known.configure(tensors)))  # type: ignore[arg-type]
    return wct.stylizer("wct-16x", "WCT 16x", encoders, decoders)


def test_styles_are_measured_by_pools_that_round_down() -> None:
    network, tensors = pruned(4)
    encoder = wct.pruned_encoder(network)
    x = torch.rand(1, 3, 45, 59)
    made = encoder.encoding(x, ["relu4_1"])["relu4_1"]
    wanted = plain(x, tensors)
    assert made.shape == wanted.shape == (1, 12, 5, 7)
    assert torch.allclose(made, wanted, atol=1e-5)


def test_content_is_extended_once_and_cropped(stylizer: FeatureStylizer) -> None:
    assert stylizer.multiple == 4
    content, style = torch.rand(1, 3, 45, 59), torch.rand(1, 3, 37, 42)
    made = stylizer.stylize(content, [style])
    whole = stylizer.stylize(pad_to_multiple(content, 4), [style])
    assert made.shape == content.shape
    assert torch.allclose(made, whole[..., :45, :59], atol=1e-6)
    assert torch.allclose(stylizer.stylize(content, [style], StylizeOptions(tile=16)), made, atol=1e-3)
    masked = stylizer.stylize(content, [style], StylizeOptions(content_masks=[torch.ones(1, 1, 45, 59)]))
    assert torch.allclose(masked, made, atol=1e-3)
