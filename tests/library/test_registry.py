"""Every architecture is recognized by its own files and by no other's; configurations come back from the shapes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from style_atelier.models.architecture import Architecture
from style_atelier.models.decoders.inverse_vgg import InverseVGGConfig
from style_atelier.models.encoders.vgg import VGGConfig
from style_atelier.models.families import adain, pocket, vgg, wct
from style_atelier.models.families.cap_vstnet.network import BlockConfig, RevConfig, RevResNet
from style_atelier.models.families.controlnext import ControlNeXt, ControlNeXtConfig
from style_atelier.models.families.microast.network import MicroASTConfig
from style_atelier.models.families.pocket.network import Pocket, PocketConfig
from style_atelier.models.families.styleformer.network import StyleFormerConfig
from style_atelier.models.library import stylizers
from style_atelier.models.library.registry import architecture, architectures, open_checkpoint, recognize
from style_atelier.models.weights.errors import WeightsError
from style_atelier.tests.families import adaattn_files, generator_files, johnson_files, metric_files, pastiche_files
from style_atelier.tests.families.deadiff_files import deadiff_file
from style_atelier.tests.families.styleformer_files import styleformer_file
from style_atelier.tests.families.translator_files import CONFIGS, small

CONTROLNEXT = ControlNeXtConfig(((3, 8, 1), (8, 16, 8), (16, 16, 8)), 12, False, True)
STYLEFORMER = StyleFormerConfig(32, 2, 2, 16, (32, 24, 24, 16, 16, 8, 8, 3), (8, 8, 16, 16, 32))
REVERSIBLE = RevConfig((BlockConfig(4, 2), BlockConfig(16, 4, 2)), (BlockConfig(16, 4),), 2)
MICROAST = MicroASTConfig((4, 8, 16))
WIDTHS = {1: 6, 2: 8, 3: 10, 4: 12, 5: 14}


def layers(keys: dict[str, str], inverse: bool = False) -> dict[str, Tensor]:
    """A state dict of 3x3 convolutions under these keys."""
    tensors, channels = {}, 3
    names = list(keys)[::-1] if inverse else list(keys)
    for name in names:
        width = WIDTHS[int(name[4])]
        inputs, outputs = (width, channels) if inverse else (channels, width)
        tensors[f"{keys[name]}.weight"] = torch.zeros(outputs, inputs, 3, 3)
        tensors[f"{keys[name]}.bias"] = torch.zeros(outputs)
        channels = width
    return tensors


def with_conv0(tensors: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    return {f"{name}.weight": torch.zeros(3, 3, 1, 1), f"{name}.bias": torch.zeros(3), **tensors}


def example(known: Architecture) -> dict[str, Tensor]:
    """A file of this architecture in its published names, small."""
    identity = known.id
    if identity in CONFIGS:
        return small(identity)
    if identity in generator_files.CONFIGS:
        return generator_files.small(identity)
    if identity == "controlnext":
        return ControlNeXt(CONTROLNEXT).state_dict()
    if identity == "deadiff":
        return deadiff_file()
    if identity == "styleformer":
        return styleformer_file(STYLEFORMER)
    if identity in johnson_files.CONFIGS:
        return johnson_files.published(identity)
    if identity in pastiche_files.FILES:
        return pastiche_files.FILES[identity]()
    if known.kind == "metric":
        return metric_files.FILES[identity]()
    if identity.startswith("microast"):
        return known.build(MICROAST).state_dict()
    if identity.startswith("adaattn-"):
        return adaattn_files.part(identity)
    if identity == "adaattn":
        return adaattn_files.small()
    if identity == "cap-vstnet":
        return RevResNet(REVERSIBLE).state_dict()
    if identity == "pocket":
        return Pocket(PocketConfig((4, 6, 8, 10), 5)).state_dict()
    if identity == "vgg19-normalised":
        return with_conv0(layers(vgg.normalized_keys()), "0")
    if identity == "vgg19-16x":
        return with_conv0(layers(wct.pruned_keys()), "conv0")
    if known.kind == "decoder":
        level = 4 if identity == "adain-decoder" else next(int(c) for c in identity.split("-")[::-1] if c.isdigit())
        if "16x" in identity:
            keys = {n: wct.pruned_name(n) for n in adain.level_keys(level)}
        elif "indexed" in identity or identity == "adain-decoder":
            keys = adain.level_keys(level)
        else:
            keys = {n: n.capitalize() for n in adain.level_keys(level)}
        return layers(keys, inverse=True)
    depth = 19 if "19" in identity else 16
    if identity.endswith("caffe"):
        return layers(vgg.named_keys(depth))
    classifier = "1" if "layers" in identity else "0"
    return {**layers(vgg.torchvision_keys(depth)), f"classifier.{classifier}.weight": torch.zeros(2, 2)}


@pytest.mark.parametrize("known", architectures(), ids=lambda a: a.id)
def test_recognized_by_one_and_builds(known: Architecture) -> None:
    tensors = example(known)
    assert [a.id for a in architectures() if a.recognize(tensors)] == [known.id]
    config = known.configure(tensors)
    network = known.build(config)
    network.load_state_dict(known.rename(tensors, config))
    if isinstance(config, VGGConfig):
        assert dict(config.widths)["conv1_1"] == WIDTHS[1]
    elif isinstance(config, InverseVGGConfig):
        assert config.widths[-1] == ("conv1_1", WIDTHS[1], 3)
    elif known.id in (
        configs := CONFIGS
        | generator_files.CONFIGS
        | johnson_files.CONFIGS
        | {"controlnext": CONTROLNEXT, "cin": pastiche_files.CIN}
    ):
        assert config == configs[known.id]
    elif known.id == "styleformer":
        assert config == STYLEFORMER
    elif known.kind == "metric":
        assert config == metric_files.CONFIGS[known.id]()
    elif known.id.startswith("microast"):
        assert config == MICROAST
    elif known.id.startswith("adaattn"):
        assert config == (adaattn_files.CONFIGS | adaattn_files.PART_CONFIGS)[known.id]
    elif known.id == "cap-vstnet":
        assert config == REVERSIBLE
    elif known.id == "deadiff":
        assert (config.word, config.width, len(config.joint)) == ("style", 32, 16)
    elif known.id.startswith("ghiasi"):
        assert config.vector == pastiche_files.VECTOR
    else:
        assert config == PocketConfig((4, 6, 8, 10), 5)


@pytest.mark.parametrize(
    "name", ["", "x", ".", "model.", "net.", "model.x.weight", "main.0.weight", "a.", "cnns.0", "generator."]
)
def test_any_names_are_looked_at_without_an_error(name: str) -> None:
    for tensor in (torch.zeros(()), torch.zeros(2), torch.zeros(2, 2, 2, 2)):
        assert recognize({name: tensor}) is None


def test_ids_are_unique() -> None:
    assert len({a.id for a in architectures()}) == len(architectures())


@pytest.mark.parametrize("names", [["fc.weight"], ["0.weight"], ["features.0.weight"], []])
def test_other_files_are_nobodys(names: list[str]) -> None:
    assert recognize({name: torch.zeros(5, 5) for name in names}) is None


def test_unknown_file_says_so(tmp_path: Path) -> None:
    path = tmp_path / "strange"
    torch.save({"fc.weight": torch.zeros(2, 2)}, path)
    with pytest.raises(WeightsError, match="strange is of no architecture"):
        open_checkpoint(path)


def test_wrong_loader_says_which_one_is_right(tmp_path: Path) -> None:
    path = tmp_path / "decoder.pth"
    torch.save(example(architecture("adain-decoder")), path)
    with pytest.raises(WeightsError, match="is a decoder"):
        stylizers.as_encoder(open_checkpoint(path))
    assert stylizers.as_decoder(open_checkpoint(path)).taps == ("relu4_1",)
    with pytest.raises(WeightsError, match="not a stylizer"):
        stylizers.as_stylizer(open_checkpoint(path))


@pytest.mark.parametrize("depth", [16, 19])
def test_vgg_equals_torchvision(depth: int) -> None:
    torchvision = pytest.importorskip("torchvision.models.vgg")
    torch.manual_seed(0)
    reference = torchvision.make_layers(torchvision.cfgs["D" if depth == 16 else "E"]).requires_grad_(False)
    tensors = {f"features.{name}": t for name, t in reference.state_dict().items()}
    known = architecture(f"vgg{depth}")
    assert known.recognize(tensors)
    config = known.configure(tensors)
    network = known.build(config)
    network.load_state_dict(known.rename(tensors, config))
    picture = torch.rand(1, 3, 75, 61)
    taps = dict(zip(config.taps, vgg.TORCHVISION_INDICES[depth], strict=True))
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    x = (picture - mean[:, None, None]) / std[:, None, None]
    with torch.inference_mode():
        ours = network(picture, list(taps))
        for index, layer in enumerate(reference):
            x = layer(x)
            for tap, convolution in taps.items():
                if index == convolution + 1:
                    assert torch.allclose(ours[tap], x, atol=1e-4, rtol=1e-4), tap


def test_average_pooling_shares_the_weights() -> None:
    known = architecture("vgg19-normalised")
    tensors = example(known)
    config = known.configure(tensors)
    network = known.build(config)
    from style_atelier.models.encoders.encoder import Encoder

    encoder = Encoder("vgg19-normalised", "VGG", network, network, ["relu4_1"])  # type: ignore[arg-type]
    average = encoder.with_pooling("average")
    assert average.module is not encoder.module
    assert next(average.module.parameters()) is next(encoder.module.parameters())
    assert encoder.module.pooling == "max"


def test_unknown_tap_lists_the_known_ones() -> None:
    from style_atelier.models.encoders.filter_bank import filter_bank

    with pytest.raises(ValueError, match="no tap relu9_1"):
        filter_bank().encode(torch.rand(1, 3, 8, 8), ["relu9_1"])


def test_decoder_refuses_other_features() -> None:
    from style_atelier.models.encoders.filter_bank import filter_bank

    decoder = pocket.as_decoder(Pocket(PocketConfig((4, 6, 8, 10), 5)))
    with pytest.raises(ValueError, match="encoder and decoder that belong together"):
        decoder.decode(filter_bank().encode(torch.rand(1, 3, 16, 16)))
