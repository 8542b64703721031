"""Fast neural style: the authors' numbers, every published form, sizes, tiles and what the method refuses."""

from __future__ import annotations

import json
import runpy
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from style_atelier.models.families import johnson
from style_atelier.models.families.johnson.network import JohnsonConfig, TransformerNet
from style_atelier.models.families.johnson.stylize import RANGES, Johnson
from style_atelier.models.library import stylizers
from style_atelier.models.library.registry import Checkpoint, architecture, open_checkpoint
from style_atelier.models.stylization.style import Style
from style_atelier.models.stylization.stylizer import StylizeOptions
from style_atelier.models.weights.catalogue import FileSpec
from style_atelier.tests.families.johnson_files import CONFIGS, published
from style_atelier.tests.weights.test_other_formats import initializer, model

fill = runpy.run_path(str(Path(__file__).parent.parent / "golden" / "fill.py"))["fill"]
TOLERANCE = 1e-4


def close(a: Tensor, b: Tensor, tolerance: float = TOLERANCE) -> None:
    """Relative to the range 0..255 that the authors' networks have."""
    assert a.shape == b.shape
    assert float((a - b).abs().max()) <= tolerance * max(1.0, float(b.abs().max()))


def read(path: Path) -> dict[str, Tensor]:
    return torch.load(path, weights_only=True)


@pytest.fixture(scope="module")
def golden(shared: Path) -> tuple[Path, dict[str, Tensor], dict[str, Tensor]]:
    folder = shared / "golden" / "johnson"
    return folder, read(folder / "input.pt"), read(folder / "output.pt")


@pytest.mark.parametrize(
    ("file", "source", "output"),
    [
        ("examples_with_running_stats.pth", "x255_rgb", "examples"),
        ("examples_with_running_stats.pth", "x255_rgb_odd", "examples_odd"),
        ("rrmina.pth", "x255_rgb", "rrmina_bgr"),
        ("rrmina.pth", "x255_rgb_odd", "rrmina_bgr_odd"),
    ],
)
def test_authors_numbers(golden, tmp_path: Path, file: str, source: str, output: str) -> None:
    folder, inputs, outputs = golden
    (tmp_path / file).write_bytes((folder / file).read_bytes())
    checkpoint = open_checkpoint(tmp_path / file)
    network = checkpoint.build()
    order = list(RANGES[checkpoint.config.range].order)
    close(network(inputs[source][:, order]), outputs[output])
    stylizer = stylizers.as_stylizer(checkpoint)
    made = stylizer.stylize(inputs[source] / 255, [])
    wanted = (outputs[output][:, order] / 255).clamp(0, 1)[..., : made.shape[-2], : made.shape[-1]]
    assert float((made - wanted).abs().max()) <= TOLERANCE


def test_rrmina_with_tanh_is_told_by_what_its_last_convolution_reaches() -> None:
    tensors = published("johnson-rrmina")
    known = architecture("johnson-rrmina")
    assert known.configure(tensors).tanh
    last = "DeconvBlock.4.conv_layer"
    assert not known.configure({**tensors, f"{last}.weight": tensors[f"{last}.weight"] * 100}).tanh
    made = []
    for tanh in (False, True):
        config = replace(known.configure(tensors), tanh=tanh)
        network = TransformerNet(config).requires_grad_(False)
        network.load_state_dict(known.rename(tensors, config))
        made.append(network(torch.rand(1, 3, 32, 24) * 0 + torch.linspace(0, 255, 24)))
    close(made[1], 150 * torch.tanh(made[0]))


def test_published_width(shared: Path) -> None:
    golden = read(shared / "golden" / "arbitrary" / "johnson.golden.pt")
    meta = json.loads(golden["meta"])  # type: ignore[arg-type]
    tensors = {name: torch.zeros(size) for name, size in meta["keys"].items()}
    fill(tensors, meta["seed"], meta["gain"])
    known = architecture("johnson")
    config = known.configure(tensors)
    assert config == JohnsonConfig((32, 64, 128), 5, ((128, 3), (128, 3)), (64, 32))
    network = TransformerNet(config).requires_grad_(False)
    network.load_state_dict(known.rename(tensors, config))
    close(network(golden["content"]), golden["stylised"])


@pytest.mark.parametrize("wrapped", ["plain", "parallel", "state_dict"])
def test_containers(tmp_path: Path, wrapped: str) -> None:
    tensors = published("johnson")
    content = {
        "plain": tensors,
        "parallel": {f"module.{name}": t for name, t in tensors.items()},
        "state_dict": {"state_dict": {f"module.{name}": t for name, t in tensors.items()}, "optimizer_state": {0: torch.ones(1)}},
    }[wrapped]
    torch.save(content, tmp_path / "wave.model")
    checkpoint = open_checkpoint(tmp_path / "wave.model")
    assert checkpoint.config == CONFIGS["johnson"]
    assert "wave.model" in stylizers.as_stylizer(checkpoint).title


def test_catalogued_onnx_files_are_stylizers(tmp_path: Path) -> None:
    """By the names that PyTorch gave the parameters, or by their numbers."""
    for identity in ("johnson", "johnson-onnx"):
        path = tmp_path / f"{identity}.onnx"
        tensors = published(identity)
        graph = b"".join(initializer(name, tensor.numpy()) for name, tensor in tensors.items())
        path.write_bytes(model(graph))

        class Here:
            def fetch(self, spec: FileSpec, path: Path = path) -> Path:
                return path

        stylizer = stylizers.load_stylizer("johnson-candy", Here())  # type: ignore[arg-type]
        assert (stylizer.title, stylizer.license) == ("Fast neural style, candy", "BSD-3-Clause")
        x = torch.rand(1, 3, 24, 20)
        close(stylizer.stylize(x, []), made_of(identity).stylize(x, []), 1e-6)


def made_of(identity: str) -> Johnson:
    tensors = published(identity)
    checkpoint = Checkpoint(Path("x"), identity, architecture(identity).configure(tensors), tensors, {})
    return stylizers.as_stylizer(checkpoint, identity)  # type: ignore[return-value]


@pytest.mark.parametrize("identity", CONFIGS)
def test_sizes_batches_tiles_and_strength(identity: str) -> None:
    stylizer = made_of(identity)
    torch.manual_seed(0)
    content = torch.rand(2, 3, 101, 83)
    before = content.clone()
    whole = stylizer.stylize(content, [])
    assert torch.equal(content, before)
    assert whole.shape == content.shape
    assert torch.allclose(whole[1:], stylizer.stylize(content[1:], []), atol=1e-5)
    assert float((whole - stylizer.stylize(content, [], StylizeOptions(tile=40))).abs().max()) < 1e-3
    assert torch.equal(stylizer.stylize(content, [], StylizeOptions(strength=0)), content)
    half = stylizer.stylize(content, [], StylizeOptions(strength=0.5))
    assert torch.allclose(half, (content + whole) / 2, atol=1e-6)
    for size in ((1, 1), (2, 5), (7, 50)):
        small = stylizer.stylize(torch.rand(1, 3, *size), [])
        assert small.shape == (1, 3, *size)
        assert bool(torch.isfinite(small).all())


def test_progress_reaches_the_end_and_may_stop() -> None:
    stylizer, seen = made_of("johnson"), []
    stylizer.stylize(torch.rand(2, 3, 32, 32), [], progress=lambda done, total, preview=None: seen.append((done, total)))
    assert seen[-1][0] == seen[-1][1]

    def stop(done: int, total: int, preview: Tensor | None = None) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        stylizer.stylize(torch.rand(1, 3, 32, 32), [], progress=stop)


def test_what_it_refuses() -> None:
    stylizer, content = made_of("johnson"), torch.rand(1, 3, 16, 16)
    assert not stylizer.needs_style
    for styles in ([content], [Style("code:x", {"v": torch.zeros(1, 1)}, "")]):
        with pytest.raises(ValueError, match="one style of its own"):
            stylizer.stylize(content, styles)
    with pytest.raises(ValueError, match="content_masks"):
        stylizer.stylize(content, [], StylizeOptions(content_masks=(torch.ones(1, 1, 16, 16),)))
    with pytest.raises(ValueError, match="takes no style from a picture"):
        stylizer.style_of(content)
    with pytest.raises(ValueError, match="no transfer method"):
        stylizer.stylize(content, [], StylizeOptions(transform="zca"))


def test_the_ranges_are_their_own_inverse() -> None:
    x = torch.rand(1, 3, 5, 4)
    for values in RANGES.values():
        assert torch.allclose(values.back(values.into(x)), x, atol=1e-6)
    assert torch.allclose(RANGES["caffe"].into(x)[:, :1], x[:, 2:] * 255 - 103.939)
    assert torch.allclose(RANGES["imagenet"].into(x)[:, 1], (x[:, 1] - 0.456) / 0.224, atol=1e-5)


def test_the_authors_borders_are_eaten_by_the_blocks() -> None:
    """Written out plainly: reflection by 40, zero padding outside of the blocks, none in them, running statistics."""
    import torch.nn.functional as F

    identity = "johnson-authors"
    tensors, config = published(identity), CONFIGS[identity]
    network = TransformerNet(config).requires_grad_(False)
    network.load_state_dict(architecture(identity).rename(tensors, config))
    x = torch.randn(1, 3, 44, 52)

    def layer(y: Tensor, start: str, stride: int = 1, padding: int = 1) -> Tensor:
        y = F.conv2d(y, tensors[f"{start}.0.weight"], tensors[f"{start}.0.bias"], stride, padding)
        return F.instance_norm(y, weight=tensors[f"{start}.1.weight"], bias=tensors[f"{start}.1.bias"])

    y = F.pad(x, (40,) * 4, mode="reflect")
    for number, (stride, padding) in enumerate(((1, 4), (2, 1), (2, 1))):
        y = layer(y, f"encoder.{number + 1}", stride, padding).relu()
    for block in range(config.blocks):
        start = f"encoder.{block + 4}.residual"
        y = layer(layer(y, f"{start}.0", padding=0).relu(), f"{start}.1", padding=0) + y[..., 2:-2, 2:-2]
    for number in (0, 1):
        start = f"decoder.{number}"
        y = F.conv_transpose2d(y, tensors[f"{start}.0.weight"], tensors[f"{start}.0.bias"], 2, 1, 1)
        y = F.instance_norm(y, weight=tensors[f"{start}.1.weight"], bias=tensors[f"{start}.1.bias"]).relu()
    y = 150 * torch.tanh(F.conv2d(y, tensors["decoder.2.weight"], tensors["decoder.2.bias"], 1, 4))
    close(network(x), y)


def test_batch_norms_of_the_authors_wide_networks_use_their_running_statistics() -> None:
    tensors = published("johnson-authors", replace(CONFIGS["johnson-authors"], down=(32, 8, 8), up=(8, 32), batch=True))
    known = architecture("johnson-authors")
    config = known.configure(tensors)
    assert config.batch
    network = TransformerNet(config)
    network.load_state_dict(known.rename(tensors, config))
    assert torch.equal(network.down[0].norm.running_mean, tensors["encoder.1.1.running_mean"])  # type: ignore[union-attr]


@pytest.mark.real_weights
def test_candy_paints_and_tiles_agree(shared: Path, tmp_path: Path) -> None:
    file = tmp_path / "candy.pth"
    file.write_bytes((shared / "weights" / "johnson" / "candy.pth").read_bytes())
    stylizer = stylizers.as_stylizer(open_checkpoint(file))
    torch.manual_seed(0)
    picture = torch.nn.functional.interpolate(torch.rand(1, 3, 12, 16), size=(180, 236), mode="bicubic").clamp(0, 1)
    made = stylizer.stylize(picture, [])
    tiled = stylizer.stylize(picture, [], StylizeOptions(tile=96))
    assert float((made - tiled).abs().max()) < 1e-3
    assert float((made - picture).abs().mean()) > 0.05
    assert johnson.ARCHITECTURES[0].id == "johnson"
