"""Agreement with the original authors' code, 1e-4 in float32 (tests/golden/README in the shared folder says how it was made)."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest
import torch
from torch import Tensor

from style_atelier.models.encoders.encoder import Encoder
from style_atelier.models.families import adain, vgg
from style_atelier.models.library import stylizers
from style_atelier.models.library.registry import architecture, open_checkpoint
from style_atelier.models.ops.coral import coral
from style_atelier.models.ops.features import Features
from style_atelier.models.ops.transfer import transfer_features
from style_atelier.models.stylization.stylizer import StylizeOptions

GOLDEN = Path(__file__).parent.parent / "golden"
TOLERANCE = 1e-4
fill = runpy.run_path(str(GOLDEN / "fill.py"))["fill"]


def read(name: str) -> dict[str, Tensor]:
    return torch.load(GOLDEN / name, weights_only=True)


def filled(keys: dict[str, list[int]], prefix: str, seed: int, gain: float) -> dict[str, Tensor]:
    tensors = {prefix + name: torch.zeros(shape) for name, shape in keys.items()}
    fill(tensors, seed, gain)
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}


def network(identity: str, tensors: dict[str, Tensor]) -> torch.nn.Module:
    known = architecture(identity)
    config = known.configure(tensors)
    built = known.build(config)
    built.load_state_dict(known.rename(tensors, config))
    return built.requires_grad_(False)


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    meta = json.loads(read("vgg19_normalised.golden.pt")["meta"])  # type: ignore[arg-type]
    tensors = filled(meta["keys"], meta["prefix"], meta["seed"], meta["gain"])
    assert vgg.is_normalized(tensors)
    built = network("vgg19-normalised", tensors)
    return Encoder("vgg19-normalised", "golden", built, built, ["relu4_1"])  # type: ignore[arg-type]


def close(a: Tensor, b: Tensor, tolerance: float = TOLERANCE) -> None:
    assert a.shape == b.shape
    assert float((a - b).abs().max()) <= tolerance


def test_vgg19_normalised_taps(encoder: Encoder) -> None:
    golden = read("vgg19_normalised.golden.pt")
    taps = [f"relu{level}_1" for level in range(1, 6)]
    features = encoder.encode(golden["content"], taps)
    for tap in taps:
        close(features.levels[tap], golden[tap])


@pytest.fixture(scope="module")
def stylizer(encoder: Encoder):
    meta = json.loads(read("adain.golden.pt")["meta"])  # type: ignore[arg-type]
    decoder = network("adain-decoder", filled(meta["decoder_keys"], meta["decoder_prefix"], meta["seed"], meta["gain"]))
    return adain.stylizer(encoder, adain.as_decoder(decoder, "golden", "golden"))  # type: ignore[arg-type]


def test_adain_features(encoder: Encoder) -> None:
    golden = read("adain.golden.pt")
    moved = transfer_features(encoder.encode(golden["content"]), encoder.encode(golden["style"]))
    close(moved.levels["relu4_1"], golden["adain"])


@pytest.mark.parametrize(
    ("output", "styles", "options"),
    [
        ("stylised", ["style"], StylizeOptions()),
        ("stylised_alpha_0_5", ["style"], StylizeOptions(strength=0.5)),
        ("stylised_mix_0_3_0_7", ["style", "style2"], StylizeOptions(weights=(0.3, 0.7))),
    ],
)
def test_adain_pictures(stylizer, output: str, styles: list[str], options: StylizeOptions) -> None:
    golden = read("adain.golden.pt")
    made = stylizer.stylize(golden["content"], [golden[name] for name in styles], options)
    close(made, golden[output].clamp(0, 1))


def test_coral() -> None:
    golden = read("adain.golden.pt")
    close(coral(golden["style"], golden["content"]), golden["coral_style"])


def test_wct_transform_as_pytorch_wct() -> None:
    golden = read("wct_transform.golden.pt")
    content = Features({"relu3_1": golden["content_feature"]}, 64, 80, "vgg")
    style = Features({"relu3_1": golden["style_feature"]}, 96, 64, "vgg")
    moved = transfer_features(content, style, "zca", strength=0.6, regularize="identity")
    close(moved.levels["relu3_1"], golden["result"])


# The authors' own files at an eighth of the width: the widths are read from the tensors.
@pytest.fixture(scope="module")
def small():
    encoder = stylizers.as_encoder(open_checkpoint(GOLDEN / "adain_small" / "vgg_normalised.pth"))
    decoder = stylizers.as_decoder(open_checkpoint(GOLDEN / "adain_small" / "decoder.pth"))
    return adain.stylizer(encoder, decoder)


@pytest.fixture(scope="module")
def pictures() -> dict[str, Tensor]:
    return read("adain_small/input.pt")


@pytest.fixture(scope="module")
def outputs() -> dict[str, Tensor]:
    return read("adain_small/output.pt")


@pytest.mark.parametrize(("key", "strength"), [("a1", 1.0), ("a0.5", 0.5), ("a0", 0.0)])
def test_small_container_strength(small, pictures, outputs, key: str, strength: float) -> None:
    made = small.stylize(pictures["content"], [pictures["style"]], StylizeOptions(strength=strength))
    close(made, outputs[key].clamp(0, 1))


def test_odd_sizes_are_cropped(small, pictures, outputs) -> None:
    made = small.stylize(pictures["content_odd"], [pictures["style_odd"]])
    close(made, outputs["odd"][..., :101, :83].clamp(0, 1))


def test_interpolation(small, pictures, outputs) -> None:
    styles = [pictures["style"], pictures["style2"]]
    made = small.stylize(pictures["content"], styles, StylizeOptions(weights=(0.3, 0.7)))
    close(made, outputs["interp_0.3_0.7"].clamp(0, 1))


@pytest.mark.parametrize("tap", ["relu1_1", "relu2_1", "relu3_1", "relu4_1"])
def test_small_container_taps(small, pictures, outputs, tap: str) -> None:
    features = small.stages[0].encoder.encode(pictures["content"], [tap])
    close(features.levels[tap], outputs[tap])


def test_preserve_color(small, pictures, outputs) -> None:
    recolored = coral(pictures["style"], pictures["content"])
    close(recolored, outputs["coral_source_style_target_content"])
    close(small.stylize(pictures["content"], [recolored]), outputs["preserve_color"].clamp(0, 1))
