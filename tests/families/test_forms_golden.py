"""Forms of networks as people publish them, against their authors' code at seeded weights in the authors' containers."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from torch import Tensor

from style_atelier.models.families.johnson.stylize import RANGES
from style_atelier.models.library import stylizers, translators
from style_atelier.models.library.registry import Checkpoint, open_checkpoint
from style_atelier.models.stylization.stylizer import StylizeOptions
from style_atelier.models.translation.translator import TranslateOptions

GOLDEN = Path(__file__).parent.parent / "golden"
TOLERANCE = 1e-4
BGR = [2, 1, 0]


def opened(name: str, folder: Path) -> Checkpoint:
    return open_checkpoint(Path(shutil.copy(GOLDEN / name, folder)))


def pair(name: str) -> tuple[Tensor, Tensor]:
    """The authors' input and output."""
    found = torch.load(GOLDEN / name, weights_only=True)
    return found["x"], found["y"]


def close(a: Tensor, b: Tensor) -> None:
    """Relative to the range that the authors' networks have."""
    assert a.shape == b.shape
    assert float((a - b).abs().max()) <= TOLERANCE * max(1.0, float(b.abs().max()))


JOHNSON = {
    "johnson_abhiskk": ("johnson-abhiskk", {"range": "bgr", "eps": 1e-9}),
    "johnson_batch": ("johnson", {"batch": True}),
    "johnson_bn": ("johnson-batch", {"batch": True}),
    "johnson_erik": ("johnson-eriklindernoren", {"range": "imagenet"}),
    "johnson_yakhyo": ("johnson-yakhyo", {"carried": 2.0}),
    "rrmina_v2": ("johnson-rrmina", {"preactivated": True, "tanh": False, "range": "bgr"}),
}


@pytest.mark.parametrize("name", JOHNSON)
def test_fast_neural_style(name: str, tmp_path: Path) -> None:
    identity, facts = JOHNSON[name]
    checkpoint = opened(f"johnson/{name}.pth", tmp_path)
    assert checkpoint.architecture == identity
    assert {key: getattr(checkpoint.config, key) for key in facts} == facts
    x, y = pair(f"johnson/{name}.io.pt")
    close(checkpoint.build()(x), y)
    picture = RANGES[checkpoint.config.range].back(x)
    stylizer = stylizers.as_stylizer(checkpoint)
    made = stylizer.stylize(picture, [])
    close(made, RANGES[checkpoint.config.range].back(y).clamp(0, 1))
    close(stylizer.stylize(picture, [], StylizeOptions(tile=16)), made)


def test_the_second_network_of_rrmina_is_told_by_its_order_alone(tmp_path: Path) -> None:
    tensors = torch.load(GOLDEN / "johnson/rrmina_v2.pth", weights_only=True)
    torch.save({key: tensors[key] for key in sorted(tensors)}, tmp_path / "sorted.pth")
    lost = open_checkpoint(tmp_path / "sorted.pth")
    assert not lost.config.preactivated
    assert "take the .pth, whose order tells it" in lost.notes[0]
    assert opened("johnson/rrmina_v2.pth", tmp_path).notes == ()


@pytest.mark.parametrize("size", ["24x32", "23x30"])
def test_lengstrom(size: str, tmp_path: Path) -> None:
    """TensorFlow's borders depend on whether a side is even."""
    checkpoint = opened("johnson/lengstrom.ckpt", tmp_path)
    assert checkpoint.architecture == "johnson-lengstrom"
    x, y = pair(f"johnson/lengstrom_{size}.io.pt")
    close(checkpoint.build()(x.clone()), y)
    stylizer = stylizers.as_stylizer(checkpoint)
    made = stylizer.stylize(x / 255, [])
    close(made, (y / 255).clamp(0, 1)[..., : x.shape[2], : x.shape[3]])
    close(stylizer.stylize(x / 255, [], StylizeOptions(tile=16)), made)


def test_lengstrom_beside_the_state_of_its_training(tmp_path: Path) -> None:
    """A checkpoint of a training has Adam's state under names of its own."""
    from style_atelier.models.families.johnson import tensorflow
    from style_atelier.models.weights.readers import read_checkpoint

    tensors = read_checkpoint(GOLDEN / "johnson/lengstrom.ckpt").tensors
    more = {f"{key}/Adam": tensor for key, tensor in tensors.items()} | {"beta1_power": torch.zeros(())}
    assert tensorflow.is_lengstrom({**more, **tensors})
    assert tensorflow.configure({**more, **tensors}) == tensorflow.configure(tensors)


@pytest.mark.parametrize(
    ("name", "filtered", "up"),
    [("cut", True, "filtered"), ("cut_no_up", True, "transposed"), ("cut_no_down", False, "filtered")],
)
def test_cut(name: str, filtered: bool, up: str, tmp_path: Path) -> None:
    checkpoint = opened(f"cut/{name}.pth", tmp_path)
    assert (checkpoint.architecture, checkpoint.config.filtered, checkpoint.config.up) == ("cut", filtered, up)
    x, y = pair(f"cut/{name}.io.pt")
    close(checkpoint.build()(x), y)
    translator = translators.as_translator(checkpoint, name)
    made = translator.translate((x + 1) / 2).images
    close(made, (y + 1) / 2)
    close(translator.translate((x + 1) / 2, TranslateOptions(tile=16)).images, made)


def test_cartoongan(tmp_path: Path) -> None:
    """The authors' pictures are BGR."""
    checkpoint = opened("cartoongan/cartoongan.pth", tmp_path)
    assert checkpoint.architecture == "cartoongan"
    x, y = pair("cartoongan/cartoongan.io.pt")
    close(checkpoint.build()(x[:, BGR]), y[:, BGR])
    translator = translators.as_translator(checkpoint, "cartoongan")
    made = translator.translate((x[:, BGR] + 1) / 2).images
    close(made, ((y[:, BGR] + 1) / 2).clamp(0, 1))
    close(translator.translate((x[:, BGR] + 1) / 2, TranslateOptions(tile=16)).images, made)


def test_cyclegan_with_blocks_of_another_name_and_affine_norms(tmp_path: Path) -> None:
    from style_atelier.models.families.cyclegan.network import ResnetConfig, ResnetGenerator

    torch.manual_seed(0)
    network = ResnetGenerator(ResnetConfig(4, 6, affine=True, up="nearest")).requires_grad_(False)
    state = {key.replace("conv_block", "block"): tensor for key, tensor in network.state_dict().items()}
    torch.save(state, tmp_path / "G_AB_33.pth")
    checkpoint = open_checkpoint(tmp_path / "G_AB_33.pth")
    assert checkpoint.config == network.config
    x = torch.rand(1, 3, 24, 32) * 2 - 1
    assert torch.equal(checkpoint.build()(x), network(x))
