"""Magenta's networks: CIN's table of styles and Ghiasi's predicted ones, against the authors' numbers and the plain formula."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from style_atelier.models.families.ghiasi.predictors import Inception
from style_atelier.models.library import stylizers
from style_atelier.models.library.registry import Checkpoint, architecture, open_checkpoint
from style_atelier.models.stylization.style import Style, interpolate
from style_atelier.models.stylization.stylizer import StylizeOptions, Stylizer
from style_atelier.models.weights.catalogue import FileSpec
from style_atelier.tests.families import pastiche_files as files

TOLERANCE = 1e-4


def made_of(identity: str, tensors: dict[str, Tensor]) -> Stylizer:
    known = architecture(identity)
    assert known.recognize(tensors)
    return stylizers.as_stylizer(Checkpoint(Path("x"), identity, known.configure(tensors), tensors, {}), identity)


@pytest.fixture(scope="module")
def multi() -> Stylizer:
    return made_of("cin", files.multi_style())


@pytest.fixture(scope="module")
def predicted() -> Stylizer:
    return made_of("ghiasi", files.FILES["ghiasi"]())


def close(a: Tensor, b: Tensor, tolerance: float = TOLERANCE) -> None:
    assert a.shape == b.shape
    assert float((a - b).abs().max()) <= tolerance


# The authors' numbers


@pytest.fixture(scope="module")
def golden(shared: Path, tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("ghiasi")
    shutil.copytree(shared / "golden" / "ghiasi", folder, dirs_exist_ok=True, copy_function=shutil.copyfile)
    read = [torch.load(folder / name, weights_only=True) for name in ("input.pt", "output.pt")]
    path = folder / "saved_model_transformer_separable_js" / "model.json"

    class Here:
        def file(self, name: str) -> Path:
            return path

        def fetch(self, spec: FileSpec) -> Path:
            return folder / Path(spec.path).parent.name / Path(spec.path).name

    named = stylizers.load_stylizer("ghiasi-small", Here())  # type: ignore[arg-type]
    assert (named.title, named.license) == ("Arbitrary style by prediction, small networks", "Apache-2.0")
    assert named.takes_pictures
    stylizer = stylizers.load_stylizer("own/model.json", Here())  # type: ignore[arg-type]
    return stylizer, *({k: v if v.shape[-1] == 100 else v.permute(0, 3, 1, 2) for k, v in part.items()} for part in read)


@pytest.mark.parametrize(("source", "output"), [("content_nhwc", "separable_real"), ("content_odd_nhwc", "separable_real_odd")])
def test_separable_transformer(golden, source: str, output: str) -> None:
    stylizer, inputs, outputs = golden
    style = Style("ghiasi", {"vector": inputs["bottleneck"].reshape(1, 100)}, "golden")
    content = inputs[source].contiguous()
    made = stylizer.stylize(content, [style])
    close(made, outputs[output][..., : content.shape[-2], : content.shape[-1]], 1e-5)
    tiled = stylizer.stylize(content, [style], StylizeOptions(tile=40))
    close(tiled, made, 1e-3)


@pytest.mark.parametrize(("source", "output"), [("style_nhwc", "mobilenet_random"), ("content_odd_nhwc", "mobilenet_random_odd")])
def test_mobilenet_predictor(golden, source: str, output: str) -> None:
    stylizer, inputs, outputs = golden
    close(stylizer.style_of(inputs[source]).values["vector"], outputs[output].reshape(1, 100))


def test_inception_as_in_torchvision(monkeypatch: pytest.MonkeyPatch) -> None:
    inception_v3 = pytest.importorskip("torchvision.models").inception_v3
    torch.manual_seed(0)
    reference = inception_v3(weights=None, init_weights=False, aux_logits=False).requires_grad_(False)
    for module in reference.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0
            module.bias.normal_(0, 0.3)
    reference(torch.rand(4, 3, 107, 91))  # running statistics of real features, so that few of them end at 6
    reference.train(False).double()
    tensors: dict[str, Tensor] = {}
    for name, ours in NAMES.items():
        unit = reference.get_submodule(name)
        start = f"InceptionV3/{ours}"
        tensors[f"{start}/weights"] = unit.conv.weight.permute(2, 3, 1, 0)
        tensors[f"{start}/BatchNorm/beta"] = unit.bn.bias
        tensors[f"{start}/BatchNorm/moving_mean"] = unit.bn.running_mean
        tensors[f"{start}/BatchNorm/moving_variance"] = unit.bn.running_var
    tensors |= {"Conv/weights": torch.randn(1, 1, 768, 7).double() * 0.05, "Conv/biases": torch.randn(7).double()}
    known = architecture("ghiasi-inception")
    assert known.recognize(tensors)
    network = known.build(known.configure(tensors)).double()
    network.load_state_dict(known.rename(tensors, known.configure(tensors)))
    assert isinstance(network, Inception)
    x = torch.rand(1, 3, 107, 91).double()
    y = x
    mean, relu = F.avg_pool2d, F.relu
    with monkeypatch.context() as changed:  # TensorFlow's means leave the borders out, and magenta's activations end at 6
        changed.setattr(F, "avg_pool2d", lambda x, **kinds: mean(x, **kinds, count_include_pad=False))
        changed.setattr(F, "relu", lambda x, inplace=False: relu(x).clamp(max=6))
        for name, part in reference.named_children():
            y = part(y)
            if name == "Mixed_6e":
                break
    close(network.features(x), y, 1e-9)
    close(network(x), y.mean(dim=(2, 3)) @ tensors["Conv/weights"][0, 0] + tensors["Conv/biases"], 1e-9)


def _names() -> dict[str, str]:
    """torchvision's name of a layer -> the published one."""
    stem = {name: name for name in ("Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "Conv2d_3b_1x1", "Conv2d_4a_3x3")}
    found = dict(stem)
    for block in ("Mixed_5b", "Mixed_5c", "Mixed_5d"):
        wide = ("Conv2d_0b_1x1", "Conv_1_0c_5x5") if block == "Mixed_5c" else ("Conv2d_0a_1x1", "Conv2d_0b_5x5")
        pairs = {
            "branch1x1": "Branch_0/Conv2d_0a_1x1",
            "branch5x5_1": f"Branch_1/{wide[0]}",
            "branch5x5_2": f"Branch_1/{wide[1]}",
            "branch3x3dbl_1": "Branch_2/Conv2d_0a_1x1",
            "branch3x3dbl_2": "Branch_2/Conv2d_0b_3x3",
            "branch3x3dbl_3": "Branch_2/Conv2d_0c_3x3",
            "branch_pool": "Branch_3/Conv2d_0b_1x1",
        }
        found |= {f"{block}.{ours}": f"{block}/{theirs}" for ours, theirs in pairs.items()}
    pairs = {
        "branch3x3": "Branch_0/Conv2d_1a_1x1",
        "branch3x3dbl_1": "Branch_1/Conv2d_0a_1x1",
        "branch3x3dbl_2": "Branch_1/Conv2d_0b_3x3",
        "branch3x3dbl_3": "Branch_1/Conv2d_1a_1x1",
    }
    found |= {f"Mixed_6a.{ours}": f"Mixed_6a/{theirs}" for ours, theirs in pairs.items()}
    long = {
        "branch1x1": "Branch_0/Conv2d_0a_1x1",
        "branch7x7_1": "Branch_1/Conv2d_0a_1x1",
        "branch7x7_2": "Branch_1/Conv2d_0b_1x7",
        "branch7x7_3": "Branch_1/Conv2d_0c_7x1",
        "branch7x7dbl_1": "Branch_2/Conv2d_0a_1x1",
        "branch7x7dbl_2": "Branch_2/Conv2d_0b_7x1",
        "branch7x7dbl_3": "Branch_2/Conv2d_0c_1x7",
        "branch7x7dbl_4": "Branch_2/Conv2d_0d_7x1",
        "branch7x7dbl_5": "Branch_2/Conv2d_0e_1x7",
        "branch_pool": "Branch_3/Conv2d_0b_1x1",
    }
    return found | {f"Mixed_6{c}.{ours}": f"Mixed_6{c}/{theirs}" for c in "bcde" for ours, theirs in long.items()}


NAMES = _names()


# The plain formula


def plain(tensors: dict[str, Tensor], x: Tensor, affines, reflect: bool, contract_norm: bool) -> Tensor:
    """Magenta's transform() written out; affines: layer -> (gamma, beta)."""

    def conv(h: Tensor, name: str, stride: int = 1) -> Tensor:
        key = f"transformer/{name}"
        if f"{key}/weights" in tensors:
            weight = tensors[f"{key}/weights"].permute(3, 2, 0, 1)
            return F.conv2d(pad(h, weight.shape[-1] // 2), weight, None, stride)
        start, _, last = key.rpartition("/")
        depth = tensors[f"{start}/dilate_{last}/depthwise_weights"].permute(2, 3, 0, 1)
        h = F.conv2d(pad(h, depth.shape[-1] // 2), depth, None, 1, 0, 1, h.shape[1])
        return F.conv2d(h, tensors[f"{start}/dilate_{last}/pointwise_weights"].permute(3, 2, 0, 1))

    def pad(h: Tensor, amount: int) -> Tensor:
        return F.pad(h, (amount,) * 4, mode="reflect") if reflect else F.pad(h, (amount,) * 4)

    def norm(h: Tensor, name: str) -> Tensor:
        if name.startswith("contract") and contract_norm:
            start = f"transformer/{name}/BatchNorm"
            mean, variance = tensors[f"{start}/moving_mean"], tensors[f"{start}/moving_variance"]
            return F.batch_norm(h, mean, variance, None, tensors[f"{start}/beta"], eps=1e-3)
        gamma, beta = affines(name)
        return F.instance_norm(h) * gamma.view(1, -1, 1, 1) + beta.view(1, -1, 1, 1)

    h = x
    for number, stride in ((1, 1), (2, 2), (3, 2)):
        h = norm(conv(h, f"contract/conv{number}", stride), f"contract/conv{number}").relu()
    for block in (1, 2):
        start = f"residual/residual{block}"
        y = norm(conv(h, f"{start}/conv1"), f"{start}/conv1").relu()
        h = h + norm(conv(y, f"{start}/conv2"), f"{start}/conv2")
    for number in (1, 2):
        h = F.interpolate(h, scale_factor=2, mode="nearest")
        h = norm(conv(h, f"expand/conv{number}/conv"), f"expand/conv{number}/conv").relu()
    return norm(conv(h, "expand/conv3/conv"), "expand/conv3/conv").sigmoid()


def test_multi_style_is_the_plain_formula(multi) -> None:
    tensors, content = files.multi_style(), torch.rand(1, 3, 44, 52)

    def mixed(shares: list[float]):
        weights = torch.tensor(shares)
        return lambda name: tuple(weights @ tensors[f"transformer/{name}/InstanceNorm/{what}"] for what in ("gamma", "beta"))

    for row in range(files.STYLES):
        shares = [float(i == row) for i in range(files.STYLES)]
        close(
            multi.stylize(content, [multi.own_style(f"style {row + 1}")]),
            plain(tensors, content, mixed(shares), True, False),
            1e-5,
        )
    styles = [multi.own_style(name) for name in multi.own_styles]
    made = multi.stylize(content, styles, StylizeOptions(weights=(1, 2, 1)))
    close(made, plain(tensors, content, mixed([0.25, 0.5, 0.25]), True, False), 1e-5)
    close(multi.stylize(content, [multi.mix(styles, (1, 2, 1))]), made, 1e-6)
    close(multi.stylize(content, []), multi.stylize(content, styles[:1]), 0)


@pytest.mark.parametrize("separable", [False, True])
@pytest.mark.parametrize("zeros", [False, True])
def test_predicted_styles_are_the_plain_formula(separable: bool, zeros: bool) -> None:
    tensors, content = files.transformer(separable, zeros), torch.rand(1, 3, 41, 50)
    stylizer = made_of("ghiasi", tensors)
    vector = torch.randn(1, files.VECTOR)

    def affines(name: str) -> tuple[Tensor, ...]:
        start = f"style_params/transformer/{name}/StyleNorm"
        return tuple(vector @ tensors[f"{start}/{c}/weights"][0, 0] + tensors[f"{start}/{c}/biases"] for c in ("Conv_1", "Conv"))

    made = stylizer.stylize(content, [Style("ghiasi", {"vector": vector}, "")])
    close(made, plain(tensors, content, affines, not zeros, True)[..., :41, :50], 1e-5)
    assert not stylizer.takes_pictures
    with pytest.raises(ValueError, match="saved_model_style_js"):
        stylizer.stylize(content, [content])


# What every stylizer offers


def styles_of(stylizer: Stylizer) -> list[Style]:
    if stylizer.own_styles:
        return [stylizer.own_style(name) for name in stylizer.own_styles[:2]]
    torch.manual_seed(8)
    return [stylizer.style_of(torch.rand(1, 3, 64, 50)), stylizer.style_of(torch.rand(1, 3, 48, 48).square())]


@pytest.mark.parametrize("which", ["multi", "predicted"])
def test_sizes_batches_and_tiles(which: str, request: pytest.FixtureRequest) -> None:
    stylizer = request.getfixturevalue(which)
    content, styles = torch.rand(2, 3, 101, 83), styles_of(stylizer)
    before = content.clone()
    whole = stylizer.stylize(content, styles)
    assert torch.equal(content, before)
    close(whole[1:], stylizer.stylize(content[1:], styles), 1e-5)
    close(stylizer.stylize(content, styles, StylizeOptions(tile=40)), whole, 1e-3)
    way = interpolate(styles, 3)
    frames = stylizer.stylize(content[:1], [way])
    close(frames[1:2], whole[:1], 1e-5)
    for size in ((1, 1), (3, 40)):
        small = stylizer.stylize(torch.rand(1, 3, *size), styles[:1])
        assert small.shape == (1, 3, *size)
        assert bool(torch.isfinite(small).all())


@pytest.mark.parametrize("which", ["multi", "predicted"])
def test_regions(which: str, request: pytest.FixtureRequest) -> None:
    stylizer = request.getfixturevalue(which)
    content, styles = torch.rand(1, 3, 61, 83), styles_of(stylizer)
    everywhere = torch.ones(1, 1, 61, 83)
    alone = stylizer.stylize(content, styles[:1])
    close(stylizer.stylize(content, styles, StylizeOptions(content_masks=(everywhere, everywhere * 0))), alone, 1e-5)
    left = everywhere.clone()
    left[..., 40:] = 0
    halves = StylizeOptions(content_masks=(left, 1 - left))
    made = stylizer.stylize(content, styles, halves)
    close(stylizer.stylize(content, styles, StylizeOptions(content_masks=halves.content_masks, tile=32)), made, 1e-3)
    assert float((made - alone)[..., 60:].abs().mean()) > 1e-3
    corner = everywhere * 0
    corner[..., :20, :20] = 1
    outside = stylizer.stylize(content, styles[:1], StylizeOptions(content_masks=(corner,)))[..., 40:, 50:]
    if not stylizer.has_own_style:
        close(outside, content[..., 40:, 50:], 1e-6)


def test_strength_leads_from_the_pictures_own_style(predicted) -> None:
    content, style = torch.rand(1, 3, 52, 60), torch.rand(1, 3, 64, 64)
    own, other = predicted.style_of(content), predicted.style_of(style)
    close(predicted.stylize(content, [style], StylizeOptions(strength=0)), predicted.stylize(content, [own]), 1e-6)
    half = predicted.stylize(content, [style], StylizeOptions(strength=0.5))
    close(half, predicted.stylize(content, [predicted.mix([own, other], [1, 1])]), 1e-6)
    close(predicted.stylize(content, [style]), predicted.stylize(content, [other]), 0)


def test_strength_without_an_own_style_blends_pictures(multi) -> None:
    content = torch.rand(1, 3, 40, 44)
    made = multi.stylize(content, [])
    assert torch.equal(multi.stylize(content, [], StylizeOptions(strength=0)), content)
    close(multi.stylize(content, [], StylizeOptions(strength=0.25)), content * 0.75 + made * 0.25, 1e-6)


def test_masks_of_style_pictures(predicted) -> None:
    style = torch.rand(1, 3, 64, 64)
    mask = torch.zeros(1, 1, 64, 64)
    mask[..., 32:] = 1
    close(predicted.style_of(style, mask * 0 + 1).values["vector"], predicted.style_of(style).values["vector"], 1e-5)
    part = predicted.style_of(style, mask)
    assert float((part.values["vector"] - predicted.style_of(style).values["vector"]).abs().max()) > 1e-3
    content = torch.rand(1, 3, 40, 40)
    close(predicted.stylize(content, [style], StylizeOptions(style_masks=(mask,))), predicted.stylize(content, [part]), 0)
    with pytest.raises(ValueError, match="empty mask"):
        predicted.style_of(style, mask * 0)


def test_what_they_refuse(multi, predicted) -> None:
    content = torch.rand(1, 3, 16, 16)
    with pytest.raises(ValueError, match="style 1, style 2, style 3"):
        multi.stylize(content, [content])
    with pytest.raises(ValueError, match="choose one of style 1 to style 3"):
        multi.own_style("starry night")
    with pytest.raises(ValueError, match="take it with this"):
        multi.stylize(content, [predicted.style_of(content)])
    with pytest.raises(ValueError, match="styles is empty"):
        predicted.stylize(content, [])
    with pytest.raises(ValueError, match="weights has 1"):
        predicted.stylize(content, [content, content], StylizeOptions(weights=(1,)))


def test_a_file_with_transformer_and_inception(tmp_path: Path) -> None:
    """As magenta's checkpoint is."""
    tensors = files.transformer(False, False) | {n: t for n, t in files.inception().items() if not n.endswith("Const")}
    stylizer = made_of("ghiasi", tensors)
    assert stylizer.takes_pictures
    torch.save(tensors, tmp_path / "whole.pth")
    assert open_checkpoint(tmp_path / "whole.pth").architecture == "ghiasi"
    made = stylizer.stylize(torch.rand(1, 3, 40, 40), [torch.rand(1, 3, 30, 20)])
    assert bool(torch.isfinite(made).all())
