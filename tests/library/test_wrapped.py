"""Files as people have them: whatever was wrapped around a network, it paints the same picture."""

from __future__ import annotations

import datetime
import logging
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
import torch
from torch import Tensor, nn

from style_atelier.models.architecture import Kind
from style_atelier.models.library import generators, stylizers, translators
from style_atelier.models.library.registry import open_checkpoint
from style_atelier.models.library.wrapped import RANKS
from style_atelier.models.translation.translator import TranslateOptions
from style_atelier.models.weights.errors import WeightsError
from style_atelier.tests.families import generator_files, johnson_files
from style_atelier.tests.families.translator_files import small

PLAIN = small("cyclegan-resnet")
OTHER = small("cyclegan-resnet", seed=9)
JUDGE = small("cyclegan-patch-discriminator")
X = torch.rand(1, 3, 24, 32, generator=torch.Generator().manual_seed(1))
COUNTER = torch.zeros(1, dtype=torch.float64)
State = dict[str, Tensor]


def under(prefix: str, state: State) -> State:
    return {f"{prefix}{key}": tensor for key, tensor in state.items()}


def inside(state: State, piece: str, after: int) -> State:
    """The names with a piece behind so many of their parts."""
    made = {}
    for key, tensor in state.items():
        parts = key.split(".")
        made[".".join([*parts[:after], piece, *parts[after:]])] = tensor
    return made


class Average(nn.Module):
    """What torch.optim.swa_utils saves."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("n_averaged", torch.tensor(5))


FORMS: dict[str, Any] = {
    "torch.compile": under("_orig_mod.", PLAIN),
    "torch.compile of a part": inside(PLAIN, "_orig_mod", 1),
    "torch.compile of a part deep inside": under("netG.", inside(PLAIN, "_orig_mod", 2)),
    "DataParallel": under("module.", PLAIN),
    "DataParallel of torch.compile": under("module._orig_mod.", PLAIN),
    "torch.compile of DataParallel": under("_orig_mod.module.", PLAIN),
    "DataParallel inside a module": under("netG.module.", PLAIN),
    "FSDP": under("_fsdp_wrapped_module.", PLAIN),
    "checkpointed blocks": inside(PLAIN, "_checkpoint_wrapped_module", 2),
    "one prefix": under("generator.", PLAIN),
    "three prefixes": under("system.model.netG.", PLAIN),
    "Lightning": {"state_dict": under("netG.", PLAIN), "epoch": 3, "pytorch-lightning_version": "2.0.0", "callbacks": {}},
    "Lightning with a discriminator": {"state_dict": under("netG.", PLAIN) | under("netD.", JUDGE)},
    "Lightning with a loss": {"state_dict": under("netG.", PLAIN) | under("criterion.", {"real_label": torch.ones(1)})},
    "a discriminator first": under("D.", JUDGE) | under("G.", PLAIN),
    "beside a discriminator without a prefix of its own": PLAIN | under("discriminator.", JUDGE),
    "a dict of networks": {"G": PLAIN, "D": JUDGE, "optimizer": {"state": {0: {"exp_avg": torch.ones(2)}}, "param_groups": []}},
    "nested": {"checkpoint": {"models": {"generator": PLAIN}}, "step": 7},
    "a list": [PLAIN, {"lr": 0.1}],
    "averaged beside raw": {"G": OTHER, "G_ema": PLAIN},
    "averaged beside raw under prefixes": under("netG.", OTHER) | under("netG_ema.", PLAIN),
    "averaged by another library": under("online_model.", OTHER) | under("ema_model.", PLAIN) | {"initted": torch.ones(1)},
    "averaged by torch": under("module.", PLAIN) | {"n_averaged": torch.tensor(5)},
    "counters of thop": PLAIN | {"total_ops": COUNTER, "model.total_params": COUNTER, "model.1.total_ops": COUNTER},
    "numpy beside": {"state_dict": PLAIN, "best": torch.tensor(0.5).numpy()[()], "losses": torch.rand(50).numpy()},
    "numpy instead": {key: tensor.numpy() for key, tensor in PLAIN.items()},
    "a path and a date": {"state_dict": PLAIN, "config": {"root": Path("data"), "when": datetime.datetime(2026, 1, 1)}},
    "a defaultdict": {"state_dict": PLAIN, "log": defaultdict(list, loss=[1.0])},
    "ordered": OrderedDict(PLAIN),
    "other kinds of numbers": {key: tensor.half() if "40" in key else tensor for key, tensor in PLAIN.items()},
}


def painted(path: Path) -> Tensor:
    return translators.as_translator(open_checkpoint(path), "x").translate(X).images


def saved(folder: Path, content: Any, name: str = "file.pth") -> Path:
    path = folder / name
    torch.save(content, path)
    return path


@pytest.fixture(scope="module")
def wanted(tmp_path_factory: pytest.TempPathFactory) -> Tensor:
    return painted(saved(tmp_path_factory.mktemp("plain"), PLAIN))


@pytest.mark.parametrize("form", FORMS)
def test_the_same_picture(form: str, tmp_path: Path, wanted: Tensor) -> None:
    path = saved(tmp_path, FORMS[form])
    for _ in range(2):  # the second time from the converted copy
        assert torch.equal(painted(path), wanted)


def test_every_kind_has_a_rank() -> None:
    assert set(RANKS) == set(get_args(Kind))


def test_counters_are_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "style_atelier"):
        open_checkpoint(saved(tmp_path, FORMS["counters of thop"]))
    assert "left out 3 counters beside the weights, such as total_ops" in caplog.text


@pytest.mark.parametrize("names", [("netG_A2B", "netG_B2A"), ("netG_B2A", "netG_A2B"), ("G_AB", "G_BA"), ("G_A", "G_B")])
@pytest.mark.parametrize("nested", [True, False])
def test_two_directions(names: tuple[str, str], nested: bool, tmp_path: Path, wanted: Tensor) -> None:
    there = "A2B" in names[0] or "AB" in names[0] or names[0] == "G_A"
    states = dict(zip(names, (PLAIN, OTHER) if there else (OTHER, PLAIN), strict=True))
    flat = {f"{name}.{key}": tensor for name, state in states.items() for key, tensor in state.items()}
    path = saved(tmp_path, states if nested else flat)
    made = translators.as_translator(open_checkpoint(path), "x")
    back = painted(saved(tmp_path, OTHER, "other.pth"))
    assert made.directions == ("A to B", "B to A")
    assert torch.equal(made.translate(X).images, wanted)
    assert torch.equal(made.translate(X, TranslateOptions("B to A")).images, back)
    tiled = made.translate(X, TranslateOptions("B to A", tile=16)).images
    assert float((tiled - back).abs().max()) < 1e-3


def test_more_networks_than_a_loader_gives_out_are_named(tmp_path: Path) -> None:
    three = dict.fromkeys(("monet", "cezanne", "ukiyoe"), PLAIN)
    with pytest.raises(WeightsError, match=r"holds 3 networks \(monet, cezanne, ukiyoe\).*save the one") as caught:
        translators.as_translator(open_checkpoint(saved(tmp_path, three)), "x")
    assert "\n" not in str(caught.value)
    styles = {name: johnson_files.published("johnson") for name in ("candy", "mosaic")}
    with pytest.raises(WeightsError, match=r"holds 2 networks \(candy, mosaic\)"):
        stylizers.as_stylizer(open_checkpoint(saved(tmp_path, styles, "styles.pth")))


def test_a_layer_that_would_be_missed_is_no_extra(tmp_path: Path) -> None:
    more = PLAIN | {"model.40.attention.weight": torch.ones(4, 4)}
    with pytest.raises(WeightsError):
        painted(saved(tmp_path, more))


def test_a_part_that_is_not_what_the_file_is_for_is_no_answer(tmp_path: Path) -> None:
    """A foreign network with a discriminator of a known form inside."""
    foreign = under("netD.", JUDGE) | under("fancy.", {f"layer{i}.weight": torch.zeros(64, 64) for i in range(40)})
    with pytest.raises(WeightsError, match="its first tensors are"):
        open_checkpoint(saved(tmp_path, foreign))


@pytest.mark.parametrize(("channels", "shown"), [(1, 3), (3, 3), (4, 4)], ids=["gray", "colors", "colors with alpha"])
def test_generators_of_other_channels(channels: int, shown: int, pack: Any, tmp_path: Path) -> None:
    from dataclasses import replace

    from style_atelier.models.generation.noise import Noise
    from style_atelier.models.generation.projection import ProjectionSettings, begin, project
    from style_atelier.models.metrics.path_length import PathLengthSettings, perceptual_path_length
    from style_atelier.nodes.host.networks import patcher_for
    from style_atelier.nodes.host.sockets import Hosted

    config = generator_files.CONFIGS["stylegan2"]
    config = replace(config, synthesis=replace(config.synthesis, images=channels))
    made = generator_files.generator("stylegan2", config)
    w = pack.run("SampleW", generator=(hosted := Hosted(made, patcher_for(made.module), ())), seeds="1-2")
    image = pack.run("Synthesize", generator=hosted, w=w)
    assert image.shape == (2, made.resolution, made.resolution, shown)
    raw = made.paint(w.values, Noise())
    assert torch.allclose(image[..., 0], ((raw[:, 0] + 1) / 2).clamp(0, 1), atol=1e-5)
    assert made.preview(w.values[:1], 16).shape[1] == 3
    # Projection and measures see three colors.
    embed = lambda pictures: pictures.mean(dim=(2, 3))  # noqa: E731
    with torch.inference_mode(False):
        settings = ProjectionSettings(steps=2, samples=8)
        found = project(made, torch.full((1, 3, 32, 32), 0.5), embed, settings, begin(made, settings))
        assert len(found.distances) == 2
    lengths = perceptual_path_length(made, embed, PathLengthSettings(sampling="end", samples=4, batch=2), seed=0)
    assert lengths.mean >= 0


def rosinality(state: State, drop: Callable[[str], bool]) -> dict[str, Any]:
    """The small StyleGAN2 as a file of rosinality's training."""
    made: State = {"input.input": state["synthesis.b4.const"][None]}
    layers = ["b4.conv1", *(f"b{8 << i}.conv{j}" for i in range(3) for j in (0, 1))]
    for number, layer in enumerate(layers):
        start = "conv1" if number == 0 else f"convs.{number - 1}"
        made |= {
            f"{start}.conv.weight": state[f"synthesis.{layer}.weight"][None],
            f"{start}.conv.modulation.weight": state[f"synthesis.{layer}.affine.weight"],
            f"{start}.conv.modulation.bias": state[f"synthesis.{layer}.affine.bias"],
            f"{start}.noise.weight": state[f"synthesis.{layer}.noise_strength"].reshape(1),
            f"{start}.activate.bias": state[f"synthesis.{layer}.bias"],
            f"noises.noise_{number}": state[f"synthesis.{layer}.noise_const"][None, None],
        }
    for number, side in enumerate((4, 8, 16, 32)):
        start = "to_rgb1" if number == 0 else f"to_rgbs.{number - 1}"
        made |= {
            f"{start}.conv.weight": state[f"synthesis.b{side}.torgb.weight"][None],
            f"{start}.conv.modulation.weight": state[f"synthesis.b{side}.torgb.affine.weight"],
            f"{start}.conv.modulation.bias": state[f"synthesis.b{side}.torgb.affine.bias"],
            f"{start}.bias": state[f"synthesis.b{side}.torgb.bias"].reshape(1, -1, 1, 1),
        }
    for number in (0, 1):
        made |= {f"style.{number + 1}.{what}": state[f"mapping.fc{number}.{what}"] for what in ("weight", "bias")}
    return {"g_ema": {key: tensor for key, tensor in made.items() if not drop(key)}}


def test_what_rosinalitys_files_leave_out(tmp_path: Path) -> None:
    state = generator_files.small("stylegan2")
    whole = rosinality(state, lambda key: False) | {"latent_avg": state["mapping.w_avg"]}
    full = generators.as_generator(open_checkpoint(saved(tmp_path, whole, "full.pt")), "full")
    assert full.notes == ()
    bare = rosinality(state, lambda key: key.startswith("noises"))
    found = [generators.as_generator(open_checkpoint(saved(tmp_path, bare, f"{i}.pt")), "bare") for i in range(2)]
    assert [note.split(":")[0] for note in found[0].notes] == ["the file has no average of W", "the file has no noise maps"]
    z = full.latents(range(2000))
    mean = full.mapping(z).mean(0)
    assert float((found[0].average - mean).norm()) < 0.1 * float(full.mapping(z).std(0).norm())
    ws = full.map(full.latents([1]))
    from style_atelier.models.generation.noise import Noise

    assert torch.allclose(full.paint(ws, Noise("none")), found[0].paint(ws, Noise("none")), atol=1e-5)
    assert torch.equal(found[0].paint(ws, Noise()), found[1].paint(ws, Noise()))
    assert not torch.equal(found[0].paint(ws, Noise()), found[0].paint(ws, Noise("none")))


def test_a_generator_inside_an_encoders_file(tmp_path: Path) -> None:
    state = generator_files.small("stylegan2")
    generator = rosinality(state, lambda key: False)["g_ema"]
    average = torch.arange(16.0)
    content = {
        "state_dict": under("encoder.", {"input_layer.0.weight": torch.zeros(4, 3, 3, 3), "body.0.weight": torch.zeros(4)})
        | under("decoder.", generator),
        "latent_avg": average.repeat(8, 1),
        "opts": {"device": "cuda"},
    }
    made = generators.as_generator(open_checkpoint(saved(tmp_path, content, "psp.pt")), "psp")
    assert torch.equal(made.average, average)


def test_generators_that_are_not_square(tmp_path: Path) -> None:
    state = generator_files.small("stylegan2")
    state["synthesis.b4.const"] = torch.zeros(8, 4, 2)
    with pytest.raises(WeightsError, match="not square") as caught:
        open_checkpoint(saved(tmp_path, state))
    assert "choose a StyleGAN2" not in str(caught.value)


class Block(nn.Module):
    """A whole module is saved with its class by name."""

    def __init__(self, width: int) -> None:
        super().__init__()
        layers = [nn.ReflectionPad2d(1), nn.Conv2d(width, width, 3), nn.InstanceNorm2d(width), nn.ReLU(True)]
        layers += [nn.ReflectionPad2d(1), nn.Conv2d(width, width, 3), nn.InstanceNorm2d(width)]
        self.conv_block = nn.Sequential(*layers)


class Painter(nn.Module):
    def __init__(self, width: int = 4, blocks: int = 6) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.ReflectionPad2d(3), nn.Conv2d(3, width, 7), nn.InstanceNorm2d(width), nn.ReLU(True)]
        for w in (width, 2 * width):
            layers += [nn.Conv2d(w, 2 * w, 3, 2, 1), nn.InstanceNorm2d(2 * w), nn.ReLU(True)]
        layers += [Block(4 * width) for _ in range(blocks)]
        for w in (4 * width, 2 * width):
            layers += [nn.ConvTranspose2d(w, w // 2, 3, 2, 1, 1), nn.InstanceNorm2d(w // 2), nn.ReLU(True)]
        self.model = nn.Sequential(*layers, nn.ReflectionPad2d(3), nn.Conv2d(width, 3, 7), nn.Tanh())


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("form", ["bare", "in a dict", "DataParallel"])
@pytest.mark.filterwarnings("ignore:Couldn't retrieve source code")
def test_whole_modules(form: str, legacy: bool, tmp_path: Path, wanted: Tensor) -> None:
    network = Painter()
    network.load_state_dict(PLAIN)
    content: Any = {"bare": network, "in a dict": {"netG": network, "epoch": 1}, "DataParallel": nn.DataParallel(network)}[form]
    path = tmp_path / "whole.pth"
    torch.save(content, path, _use_new_zipfile_serialization=not legacy)
    assert torch.equal(painted(path), wanted)
