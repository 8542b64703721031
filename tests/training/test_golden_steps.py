"""Three training steps by the authors' code, in double precision (shared/golden/training says how they were made)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from style_atelier.models.encoders.vgg import VGG, VGGConfig
from style_atelier.models.families import adaattn, adain, cap_vstnet, cin, ghiasi, johnson, styleformer, vgg
from style_atelier.models.families.adaattn import train as adaattn_train
from style_atelier.models.families.adain import train as adain_train
from style_atelier.models.families.cap_vstnet import train as cap_train
from style_atelier.models.families.cin import train as cin_train
from style_atelier.models.families.ghiasi import train as ghiasi_train
from style_atelier.models.families.johnson import train as johnson_train
from style_atelier.models.families.styleformer import train as styleformer_train

from .golden import SHARED, Recorded, check, double, network, opened, picture, run


def vgg16(weights: dict[str, Tensor], padding: str = "zeros") -> VGG:
    """torchvision's under seeded weights."""
    tensors = {f"features.{key}": value for key, value in weights.items()}
    keys = vgg.torchvision_keys(16)
    config = VGGConfig(vgg.widths(tensors, keys), padding)  # type: ignore[arg-type]
    built = VGG(config).double()
    built.load_state_dict(vgg.rename(tensors, config, keys))
    return built.requires_grad_(False)


def normalized_vgg(golden: Any) -> VGG:
    """VGG-19 of AdaIN."""
    built = network(vgg.NORMALIZED, double(golden.weights("vgg")))
    assert isinstance(built, VGG)
    return built.requires_grad_(False)


def test_johnson() -> None:
    golden = opened("johnson")
    built = network(johnson.ARCHITECTURES[0], double(golden.weights("transformer")))
    recipe = johnson_train.TrainJohnson(built, vgg16(double(golden.weights("features"))), [picture(golden, "style")])  # type: ignore[arg-type]
    plan = replace(johnson_train.AUTHORS, batch=2, size=64)
    run(golden, recipe, plan, {"content": "content", "style": "style", "total": "total"}, style=False)
    check(golden, "transformer", recipe.export(built))


@pytest.mark.parametrize("name", ["adain_seeded", "adain_real_vgg"])
def test_adain(name: str) -> None:
    golden = opened(name)
    if golden.config["vgg"] == "real":
        weights = double(torch.load(SHARED / "weights" / "adain" / "vgg_normalised_relu4_1.pth", weights_only=True))
        eye = network(vgg.NORMALIZED, weights).requires_grad_(False)
    else:
        eye = normalized_vgg(golden)
    known = next(a for a in adain.ARCHITECTURES if a.id == "adain-decoder")
    recipe = adain_train.TrainAdaIN(network(known, double(golden.weights("decoder"))), eye)  # type: ignore[arg-type]
    run(golden, recipe, adain_train.AUTHORS, {"content": "content", "style": "style", "total": "total"})
    check(golden, "decoder", recipe.export(recipe.network))


def slim_vgg16(golden: Any) -> VGG:
    """magenta's: RGB in 0..255 minus means, average pools. Ours with Caffe's means takes BGR, so its first layer is turned."""
    tensors = {
        key.rsplit("/", 2)[1] + "." + {"weights": "weight", "biases": "bias"}[key.rsplit("/", 1)[1]]: value
        for key, value in double(golden.weights("vgg")).items()
    }
    tensors["conv1_1.weight"] = tensors["conv1_1.weight"].flip(1)
    keys = vgg.named_keys(16)
    config = VGGConfig(vgg.widths(tensors, keys), normalization="caffe")
    built = VGG(config).double()
    built.load_state_dict(vgg.rename(tensors, config, keys))
    built.pooling = "average"
    return built.requires_grad_(False)


def tensorflow(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Kernels as TensorFlow lays them out."""
    return {key: value.permute(2, 3, 1, 0) if value.dim() == 4 else value for key, value in weights.items()}


def pytorch(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Kernels as PyTorch lays them out."""
    return {key: value.permute(3, 2, 0, 1) if value.dim() == 4 else value for key, value in weights.items()}


MAGENTA = {
    "content": "total_content_loss",
    "style": "total_style_loss",
    "total": "total_loss",
}


@pytest.mark.parametrize("name", ["cin", "cin_finetune"])
def test_cin(name: str) -> None:
    golden = opened(name)
    built = network(cin.ARCHITECTURES[0], tensorflow(double(golden.weights("model"))))
    if golden.config["finetune"]:
        built.net.requires_grad_(False)  # type: ignore[union-attr, operator]
    styles = [picture(golden, f"style/{i}") for i in range(golden.config["num_styles"])]
    recipe = cin_train.TrainCIN(built, slim_vgg16(golden), styles, tuple(golden.config["style_coefficients"]))  # type: ignore[arg-type]
    run(golden, recipe, cin_train.AUTHORS, MAGENTA, style=False)
    check(golden, "model", pytorch(recipe.export(built)))


def test_ghiasi() -> None:
    golden = opened("ghiasi")
    tensors = tensorflow(double(golden.weights("model")))
    built = ghiasi_train.LiveGhiasi(ghiasi.ARCHITECTURES[0].configure(tensors)).double().read(tensors)
    recipe = ghiasi_train.TrainGhiasi(built, slim_vgg16(golden))
    names = MAGENTA | {"variation": "weighted_total_variation_loss"}
    # slopes that are all rounding become whole steps of Adam, and the predictor's batch norms make them larger
    run(golden, recipe, ghiasi_train.AUTHORS, names, losses=3e-9)
    check(golden, "model", pytorch(recipe.export(built)))


def test_adaattn() -> None:
    golden = opened("adaattn")
    parts = {"encoder": "vgg", "transformer": "transformer", "decoder": "decoder", "adaattn_3": "adaattn_3"}
    tensors = {f"{ours}.{key}": x for ours, theirs in parts.items() for key, x in double(golden.weights(theirs)).items()}
    known = next(a for a in adaattn.ARCHITECTURES if a.id == "adaattn")
    built = network(known, tensors)
    recipe = adaattn_train.TrainAdaAttN(built, normalized_vgg(golden), eps=0.0)  # type: ignore[arg-type]
    plan = replace(adaattn_train.AUTHORS, rate=golden.config["lr"])
    run(golden, recipe, plan, {"content": "content", "global": "global_", "local": "local"})
    for name in ("transformer", "decoder", "adaattn_3"):
        check(golden, name, {k.removeprefix(f"{name}."): v for k, v in recipe.export(built).items() if k.startswith(f"{name}.")})


@pytest.mark.parametrize("name", ["cap_vstnet_photo", "cap_vstnet_art", "cap_vstnet_video"])
def test_cap_vstnet(name: str) -> None:
    """The authors keep the Laplacian's matrix in single precision, which ours has none of: losses agree to 5e-7."""
    golden = opened(name)
    config = golden.config
    tensors = double(golden.weights("revnet"))
    known = cap_vstnet.ARCHITECTURES[0]
    spread = {"photorealistic": 2, "artistic": 1}[config["mode"]]
    built = known.build(replace(known.configure(tensors), spread=spread)).double()
    built.load_state_dict(tensors)
    draws = list(golden.draws())
    recorded = (
        {
            step: Recorded(
                step,
                dict(
                    zip(
                        ("flow", "shift x", "shift y", "noise level", "noise"),
                        (d.value for d in draws if d.step == step + 1),
                        strict=True,
                    )
                ),
            )
            for step in range(config.get("steps", 3))
        }
        if draws
        else None
    )
    recipe = cap_train.TrainCAPVSTNet(
        built,
        normalized_vgg(golden),
        laplacian=config["lap_weight"],
        reconstruction=config["rec_weight"],
        temporal=config["temporal_weight"] if config["temporal"] else 0.0,
    )  # type: ignore[arg-type]
    names = {
        "style": "style",
        "reconstruction": "reconstruction",
        "laplacian": "laplacian",
        "total": "total",
        "clamped": "laplacian_clamped_share",
        **({"temporal": "temporal"} if draws else {}),
    }
    run(golden, recipe, cap_train.AUTHORS, names, draws=recorded, losses=5e-7)
    check(golden, "revnet", recipe.export(built))


def test_styleformer() -> None:
    golden = opened("styleformer")
    tensors = {f"{name}.{key}": x for name in "ab" for key, x in double(golden.weights(name)).items()}
    recipe = styleformer_train.TrainStyleFormer(
        network(styleformer.ARCHITECTURE, tensors),  # type: ignore[arg-type]
        vgg16(double(golden.weights("features")), "reflect"),
    )
    run(golden, recipe, styleformer_train.AUTHORS, {"style": "style", "content": "content", "total": "total"})
    for name in "ab":
        made = recipe.export(recipe.network)
        check(golden, name, {key.removeprefix(f"{name}."): value for key, value in made.items() if key.startswith(f"{name}.")})
