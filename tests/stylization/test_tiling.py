"""Tiles put together equal the whole."""

from __future__ import annotations

import itertools

import pytest
import torch

from style_atelier.models.decoders.inverse_vgg import InverseVGG, InverseVGGConfig, inverse_names
from style_atelier.models.encoders.encoder import Encoder, no_gradients
from style_atelier.models.encoders.filter_bank import filter_bank
from style_atelier.models.encoders.vgg import VGG, VGG19_BLOCKS, VGGConfig, conv_names
from style_atelier.models.families import adain, pocket, wct
from style_atelier.models.families.pocket.network import Pocket, PocketConfig
from style_atelier.models.ops.tiling import spans, tile_for_budget, tiles
from style_atelier.models.stylization.stylizer import StylizeOptions

WIDTHS = (8, 12, 16, 20, 20)


def small_vgg(level: int, ceil: bool = True, padding: str = "reflect") -> Encoder:
    torch.manual_seed(level)
    names = conv_names(VGG19_BLOCKS)
    names = names[: names.index(f"conv{level}_1") + 1]
    network = VGG(VGGConfig(tuple((n, WIDTHS[int(n[4]) - 1]) for n in names), padding, ceil))
    no_gradients(network)
    return Encoder("vgg", "vgg", network, network, [f"relu{level}_1"])


def small_decoder(level: int):
    torch.manual_seed(100 + level)
    widths, channels = [], WIDTHS[level - 1]
    for name in inverse_names(level):
        block = int(name[4])
        out = 3 if name == "conv1_1" else WIDTHS[block - 2 if name.endswith("_1") else block - 1]
        widths.append((name, channels, out))
        channels = out
    network = InverseVGG(InverseVGGConfig(tuple(widths)))
    no_gradients(network)
    return adain.as_decoder(network, "small", "small", "vgg")


def small_pocket():
    torch.manual_seed(0)
    network = Pocket(PocketConfig((8, 8, 12, 16), 8))
    torch.nn.init.normal_(network.code_out.weight, std=0.05)
    no_gradients(network)
    return pocket.stylizer(network)


def small_wct():
    levels = {5: small_decoder(5), 3: small_decoder(3), 1: small_decoder(1)}
    return wct.stylizer("wct", "WCT", {level: small_vgg(level) for level in levels}, levels)


def small_adain():
    return adain.stylizer(small_vgg(4), small_decoder(4))


def test_cores_partition_the_picture() -> None:
    for length, side, halo, align in [(1, 64, 32, 8), (250, 64, 24, 16), (640, 256, 96, 32), (257, 256, 8, 8)]:
        pieces = spans(length, side, halo, align)
        assert [p.start for p in pieces] == sorted({p.start for p in pieces})
        assert pieces[0].start == 0
        assert pieces[-1].stop == length
        assert pieces[-1].last
        assert all(a.stop == b.start for a, b in itertools.pairwise(pieces))
        assert all(p.lead % align == 0 and p.start % align == 0 for p in pieces)
    assert len(list(tiles(250, 100, 0, 88, 32))) == 1


def test_budget() -> None:
    assert tile_for_budget(512, 512, 1, 100, 10**9) == 0
    side = tile_for_budget(4000, 6000, 1, 1000, 2 * 10**9)
    assert 128 <= side < 4000
    assert (side + 192) ** 2 * 1000 <= 2 * 10**9


@pytest.mark.parametrize(("ceil", "padding"), [(True, "reflect"), (False, "zeros")])
@pytest.mark.parametrize("size", [(200, 264), (211, 175)])
def test_tiled_features_equal_whole_ones(ceil: bool, padding: str, size: tuple[int, int]) -> None:
    encoder = small_vgg(5, ceil, padding)
    picture = torch.rand(1, 3, *size)
    taps = ["relu1_1", "relu3_1", "relu5_1"]
    whole, tiled = encoder.encode(picture, taps), encoder.encode(picture, taps, tile=64)
    for tap in taps:
        assert torch.allclose(whole.levels[tap], tiled.levels[tap], atol=1e-4), tap


@pytest.mark.parametrize("make", [small_adain, small_wct, small_pocket])
@pytest.mark.parametrize("size", [(200, 264), (211, 175)])
@pytest.mark.parametrize("masked", [False, True])
def test_tiled_pictures_equal_whole_ones(make, size: tuple[int, int], masked: bool) -> None:
    stylizer = make()
    torch.manual_seed(5)
    content, styles = torch.rand(1, 3, *size), [torch.rand(1, 3, 150, 130), torch.rand(1, 3, 96, 170)]
    mask = torch.zeros(1, 1, *size)
    mask[..., : size[1] // 2] = 1
    masks = (mask, (1 - mask) * 0.7) if masked else ()
    whole = stylizer.stylize(content, styles, StylizeOptions(content_masks=masks))
    tiled = stylizer.stylize(content, styles, StylizeOptions(content_masks=masks, tile=64))
    assert float((whole - tiled).abs().max()) < 1e-3


def test_tiled_decoding_equals_whole() -> None:
    stylizer = small_pocket()
    encoder, decoder = stylizer.stages[0].encoder, stylizer.stages[0].decoder
    features = encoder.encode(torch.rand(1, 3, 180, 260))
    assert torch.allclose(decoder.decode(features), decoder.decode(features, tile=64), atol=1e-4)


def test_parts_equal_the_one_box() -> None:
    from style_atelier.models.ops.transfer import transfer_features

    stylizer = small_pocket()
    encoder, decoder = stylizer.stages[0].encoder, stylizer.stages[0].decoder
    content, style = torch.rand(1, 3, 90, 120), torch.rand(1, 3, 80, 64)
    parts = decoder.decode(transfer_features(encoder.encode(content), encoder.encode(style), "zca", 0.7))
    assert torch.allclose(parts, stylizer.stylize(content, [style], StylizeOptions(strength=0.7)), atol=1e-4)


def test_filter_bank_is_the_same_everywhere() -> None:
    encoder = filter_bank()
    features = encoder.encode(torch.linspace(0, 1, 3 * 32 * 32).reshape(1, 3, 32, 32), ["relu1_1", "relu5_4"])
    assert features.levels["relu1_1"].shape == (1, 16, 32, 32)
    assert features.levels["relu5_4"].shape == (1, 128, 2, 2)
    assert encoder.taps[0] == "relu1_1"
    assert encoder.taps[-1] == "relu5_4"
    spread = [float(features.levels[tap].std()) for tap in ("relu1_1", "relu5_4")]
    assert all(0.05 < value < 5 for value in spread)


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (17, 1), (31, 200)])
@pytest.mark.parametrize("make", [small_adain, small_wct, small_pocket])
def test_any_size_gives_a_picture(make, size: tuple[int, int]) -> None:
    made = make().stylize(torch.rand(1, 3, *size), [torch.rand(1, 3, 5, 9)])
    assert made.shape == (1, 3, *size)
    assert bool(torch.isfinite(made).all())


def test_batches_repeat_the_shorter() -> None:
    stylizer = small_adain()
    content, style = torch.rand(2, 3, 40, 48), torch.rand(3, 3, 33, 40)
    made = stylizer.stylize(content, [style])
    assert made.shape[0] == 3
    assert torch.allclose(made[2:], stylizer.stylize(content[:1], [style[2:]]), atol=1e-5)


def test_regions_take_their_own_style() -> None:
    stylizer = small_adain()
    content, styles = torch.rand(1, 3, 96, 192), [torch.rand(1, 3, 64, 64) * 0.2, torch.rand(1, 3, 64, 64)]
    everywhere = torch.ones(1, 1, 96, 192)
    alone = stylizer.stylize(content, styles[:1])
    masked = stylizer.stylize(content, styles, StylizeOptions(content_masks=(everywhere, everywhere * 0)))
    assert torch.allclose(alone, masked, atol=1e-4)
    with pytest.raises(ValueError, match="style_masks"):
        stylizer.stylize(content, styles, StylizeOptions(style_masks=(torch.zeros(1, 1, 64, 64),)))
