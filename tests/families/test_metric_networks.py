"""The networks of measures against their authors' code with seeded weights, and ST-LPIPS with its real ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from style_atelier.models.library.registry import architecture, recognize
from style_atelier.models.metrics.layouts import clean_resized, laid_out
from style_atelier.models.metrics.lpips import BACKBONES, PerceptualDistance, lpips, st_lpips
from style_atelier.tests.families import metric_files
from style_atelier.tests.golden.fill import fill, image

SEED = 101


def arrays(golden: Path, name: str) -> tuple[dict[str, Tensor], dict]:
    found = torch.load(golden / "metrics" / f"{name}.golden.pt", weights_only=True)
    return found, json.loads(found.pop("meta"))


def built(tensors: dict[str, Tensor], seed: int, gain: float) -> nn.Module:
    """Filled and built through the registry, frozen."""
    fill(tensors, seed, gain)
    return from_file(tensors)


def from_file(tensors: dict[str, Tensor]) -> nn.Module:
    known = recognize(tensors)
    assert known is not None
    config = known.configure(tensors)
    network = known.build(config)
    network.load_state_dict(known.rename(tensors, config))
    return network.eval().requires_grad_(False)


def lpips_pair() -> tuple[Tensor, Tensor]:
    x, y = (image(f"lpips_{name}", (2, 3, 64, 80), SEED) for name in "xy")
    return x, torch.cat([0.7 * x[:1] + 0.3 * y[:1], y[1:]])


def assert_near(found: Tensor, wanted: Tensor, part: float) -> None:
    assert float((found - wanted).abs().max()) <= part * float(wanted.abs().max())


def test_inception_is_that_of_pytorch_fid(golden: Path) -> None:
    wanted, meta = arrays(golden, "inception_fid")
    network = built(metric_files.inception_tensors(), meta["seed"], meta["gain"])
    x = laid_out(image("inception", (2, 3, 96, 112), SEED), "pytorch-fid")
    assert_near((x[:, :, ::37, ::37] + 1) / 2, wanted["resized_sample"], 1e-6)
    found = network.stages(x)
    for stage in ("64", "192", "768"):
        assert_near(found[stage].mean(dim=(2, 3)), wanted[f"block{stage}"], 1e-4)
    assert_near(found["192"][:, ::12, :4, :4], wanted["block192_corner"], 1e-4)
    assert_near(found["pool"], wanted["pool2048"], 1e-4)
    assert float((found["pool"] - wanted["not_wanted_torchvision_pool"]).abs().max()) > 0.1 * float(found["pool"].max())
    assert network.width == 2048


def test_inception_is_that_of_art_fid(golden: Path) -> None:
    wanted, meta = arrays(golden, "artfid")
    network = built(metric_files.art_inception_tensors(), meta["seed"], meta["gain"])
    styles = torch.cat([(image(f"art_style_{i}", (1, 3, 96, 104), SEED) * 255).round() / 255 for i in range(3)])
    assert_near(network(laid_out(styles, "art-fid")), wanted["style_features"], 1e-4)


@pytest.mark.parametrize(("file", "made"), [("inception_fid", "inception_tensors"), ("art_inception", "art_inception_tensors")])
def test_names_are_those_of_the_published_files(shared: Path, file: str, made: str) -> None:
    listed = (shared / "golden" / "metrics" / f"{file}.keys.txt").read_text().splitlines()
    published = {name: json.loads(size) for name, size in (line.split("\t") for line in listed)}
    ours = getattr(metric_files, made)()
    heads = ("fc", "AuxLogits")
    assert {n: list(t.shape) for n, t in ours.items() if not n.startswith(heads)} == {
        n: size for n, size in published.items() if not n.startswith(heads)
    }
    known = recognize({n: torch.zeros(size) for n, size in published.items()})
    assert known is not None
    assert known.id == ("inception-fid" if file == "inception_fid" else "inception-art")


def test_inception_of_torchvision_is_nobodys() -> None:
    tensors = metric_files.inception_tensors(metric_files.NARROW)
    assert recognize({**tensors, "fc.weight": torch.zeros(1000, 128)}) is None
    assert recognize({**tensors, "AuxLogits.conv0.conv.weight": torch.zeros(2, 2, 1, 1)}) is None


@pytest.mark.parametrize("backbone", BACKBONES)
def test_lpips_with_its_real_heads(golden: Path, backbone: str) -> None:
    wanted, meta = arrays(golden, "lpips")
    network = built({k: torch.zeros(size) for k, size in meta["keys"][backbone].items()}, meta["seed"], meta["gain"])
    distance = lpips(network, backbone)  # type: ignore[arg-type]
    x, y = lpips_pair()
    assert torch.allclose(distance(x, y), wanted[f"{backbone}_xy"], atol=1e-6, rtol=0)
    assert torch.allclose(distance.layers(x, y), wanted[f"{backbone}_xy_layers"], atol=1e-6, rtol=0)
    u, v = (image(f"lpips_{name}", (1, 3, 101, 75), SEED) for name in "uv")
    assert torch.allclose(distance(u, v), wanted[f"{backbone}_uv"], atol=1e-6, rtol=0)
    plain = PerceptualDistance(distance.features, [torch.ones_like(head) for head in distance.heads])
    assert torch.allclose(plain(x, y), wanted[f"{backbone}_xy_unweighted"], atol=1e-6, rtol=0)
    if backbone == "alex":
        assert torch.allclose(distance.spatial(x, y)[..., ::4, ::4], wanted["alex_xy_spatial"], atol=1e-6, rtol=0)
    assert float(distance(x, x).abs().max()) == 0
    assert all(bool((head >= 0).all()) for head in distance.heads)


@pytest.mark.real_weights
def test_st_lpips_with_its_real_weights(golden: Path, shared: Path) -> None:
    wanted, _ = arrays(golden, "stlpips_real_weights")
    file = shared / "weights" / "packages" / "stlpips_alex_shift_tolerant.pth"
    network = from_file(torch.load(file, map_location="cpu", weights_only=True))
    distance = st_lpips(network)
    x, y = lpips_pair()
    assert torch.allclose(distance(x, y), wanted["alex_xy"], atol=1e-5, rtol=0)
    assert torch.allclose(distance.layers(x, y), wanted["alex_xy_layers"], atol=1e-5, rtol=0)
    assert bool((distance(x, x.roll(1, 3)) < 0.1 * distance(x, y)).all())  # hardly notices a shift


@pytest.mark.parametrize("name", ["large", "small"])
def test_pictures_are_resized_as_in_the_packages(golden: Path, name: str) -> None:
    wanted, _ = arrays(golden, "resize_299")
    size = (1, 3, 412, 330) if name == "large" else (1, 3, 96, 128)
    x = (image(f"resize_{name}", size, SEED) * 255).round()
    clean = clean_resized(x)
    assert torch.allclose(clean[0].movedim(0, -1)[::23, ::23], wanted[f"{name}_clean"], atol=2e-3, rtol=0)
    assert float(clean.double().mean()) == pytest.approx(float(wanted[f"{name}_clean_mean"]), abs=2e-3)
    plain = (laid_out(x / 255, "pytorch-fid") + 1) / 2 * 255
    assert torch.allclose(plain[0].movedim(0, -1)[::23, ::23], wanted[f"{name}_pytorch"], atol=1e-3, rtol=0)
    assert torch.allclose(laid_out(x / 255, "clean-fid"), (clean - 128) / 128, atol=1e-4)


def test_pictures_that_are_too_small_are_refused_in_words() -> None:
    x = torch.rand(1, 3, 16, 200)
    for identity, config in metric_files.CONFIGS.items():
        with pytest.raises(ValueError, match="200x16 pixels is too small"):
            architecture(identity).build(config())(x)
