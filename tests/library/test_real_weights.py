"""The published weights of ../shared/weights, where that folder is present."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from style_atelier.models.decoders.decoder import Decoder
from style_atelier.models.encoders.encoder import Encoder
from style_atelier.models.families import adain, wct
from style_atelier.models.library import stylizers
from style_atelier.models.library.registry import open_checkpoint
from style_atelier.models.metrics.style import edge_ssim, style_distance
from style_atelier.models.stylization.stylizer import StylizeOptions

pytestmark = pytest.mark.real_weights
# dB on photographs of 512 pixels, measured with the authors' code (the 16x rows) and facts of the original files
PRUNED_PSNR = {1: 42.3, 2: 30.5, 3: 27.2, 4: 24.2, 5: 21.0}


def picture(path: Path, side: int) -> Tensor:
    opened = Image.open(path).convert("RGB")
    left, top = ((length - min(opened.size)) // 2 for length in opened.size)
    box = (left, top, left + min(opened.size), top + min(opened.size))
    array = np.asarray(opened.resize((side, side), Image.Resampling.LANCZOS, box=box))
    return torch.from_numpy(array.copy()).permute(2, 0, 1)[None].float() / 255


def psnr(a: Tensor, b: Tensor) -> float:
    return float(-10 * (a - b).square().mean().log10())


@pytest.fixture(scope="module")
def photos(shared: Path) -> list[Tensor]:
    return [picture(path, 512) for path in sorted((shared / "images/kodak").glob("*.png"))[:4]]


@pytest.fixture(scope="module")
def pair(shared: Path) -> tuple[Tensor, Tensor]:
    return (
        picture(sorted((shared / "images/kodak").glob("*.png"))[4], 256),
        picture(sorted((shared / "images/monet").glob("*.jpg"))[0], 256),
    )


@pytest.fixture(scope="module")
def encoder(shared: Path) -> Encoder:
    return stylizers.as_encoder(open_checkpoint(shared / "weights/adain/vgg_normalised_relu4_1.pth"))


@pytest.fixture(scope="module")
def pruned(shared: Path) -> tuple[dict[int, Encoder], dict[int, Decoder]]:
    encoders, decoders = {}, {}
    for path in sorted((shared / "weights/wct16x").rglob("*.pth")):
        checkpoint = open_checkpoint(path)
        if checkpoint.kind == "encoder":
            item = stylizers.as_encoder(checkpoint)
            encoders[int(item.default_taps[0][4])] = item
        else:
            item = stylizers.as_decoder(checkpoint)
            decoders[int(item.taps[0][4])] = item
    return encoders, decoders


def test_adain_takes_the_style(shared: Path, encoder: Encoder, pair: tuple[Tensor, Tensor]) -> None:
    content, style = pair
    stylizer = adain.stylizer(encoder, stylizers.as_decoder(open_checkpoint(shared / "weights/adain/decoder.pth")))
    with torch.inference_mode():
        made = stylizer.stylize(content, [style])
        assert float(style_distance(made, style, encoder)) < 0.15 * float(style_distance(content, style, encoder))
        assert 0.08 < float(edge_ssim(made, content)) < 0.4


@pytest.mark.parametrize("level", range(1, 6))
def test_pruned_levels_reconstruct(pruned, photos: list[Tensor], level: int) -> None:
    encoders, decoders = pruned
    with torch.inference_mode():
        values = [psnr(decoders[level].decode(encoders[level].encode(x)), x) for x in photos]
    # the shallowest level's error is near rounding, so it depends on the pictures; better is as good
    assert np.mean(values) > PRUNED_PSNR[level] - 1
    assert level == 1 or np.mean(values) < PRUNED_PSNR[level] + 3


@pytest.mark.parametrize(("level", "expected"), [(1, 25.1), (2, 28.9), (3, 23.9)])
def test_original_levels_reconstruct(shared: Path, encoder: Encoder, photos: list[Tensor], level: int, expected: float) -> None:
    decoder = stylizers.as_decoder(open_checkpoint(shared / f"weights/wct/feature_invertor_conv{level}_1.pth"))
    with torch.inference_mode():
        values = [psnr(decoder.decode(encoder.encode(x, decoder.taps)), x) for x in photos]
    assert np.mean(values) > expected - 1


def test_five_levels_take_the_style(pruned, encoder: Encoder, pair: tuple[Tensor, Tensor]) -> None:
    content, style = pair
    stylizer = wct.stylizer("wct-16x", "WCT 16x", *pruned)
    with torch.inference_mode():
        made = stylizer.stylize(content, [style], StylizeOptions(strength=0.8))
        assert float(style_distance(made, style, encoder)) < 0.35 * float(style_distance(content, style, encoder))


def test_tiled_wct_equals_whole(pruned, pair: tuple[Tensor, Tensor]) -> None:
    content, style = pair
    stylizer = wct.stylizer("wct-16x", "WCT 16x", *pruned)
    with torch.inference_mode():
        whole = stylizer.stylize(content, [style])
        tiled = stylizer.stylize(content, [style], StylizeOptions(tile=96))
    assert float((whole - tiled).abs().max()) < 1e-3


def test_caffe_vgg16_sees(shared: Path, photos: list[Tensor]) -> None:
    encoder = stylizers.as_encoder(open_checkpoint(shared / "weights/vgg/vgg16_caffe_to_relu3_3.pth"))
    with torch.inference_mode():
        features = encoder.encode(photos[0], ["relu1_1", "relu3_3"])
    # activations of trained Caffe weights on 0..255 input are in the hundreds, and sparse
    assert 50 < float(features.levels["relu3_3"].mean()) < 1000
    assert 0.3 < float((features.levels["relu3_3"] == 0).float().mean()) < 0.95
