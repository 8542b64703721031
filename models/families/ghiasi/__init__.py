"""Arbitrary style by prediction (Ghiasi et al. 2017, arXiv:1705.06830, Apache-2.0): TensorFlow.js and TensorFlow files.

reiinakano/arbitrary-image-stylization-tfjs has the transformers (plain and separable) and the predictors (MobileNetV2 and
Inception-v3) apart; magenta's checkpoint has the plain transformer and Inception-v3 in one. Names never clash, so both files of
a pair together are read as the one file is. TensorFlow.js cannot reflect, so
those transformers have borders of zeros; they keep batch normalization's gamma of 1 as a constant, by which they are known.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from torch import Tensor, nn

from ...architecture import Architecture, Tensors, shape
from ..cin import ROOT, blocks_of, turned
from ..cin.network import PasticheConfig, contract_names, expand_names, residual_names
from . import onnx
from .predictors import Inception, MobileNet, Predictor, PredictorConfig, inception_layers, mobile_layers
from .stylize import Ghiasi, GhiasiTransformer

EPS = 1e-3
TRANSFORM, PREDICT = "transform", "predict"  # in the names of ONNX files that belong together
PREDICTORS = ("saved_model_style_js", "saved_model_style_inception_js")  # folders beside the transformer's
INCEPTION_OUT, MOBILE_OUT = "Conv", "mobilenet_conv/Conv"


@dataclass(frozen=True)
class GhiasiConfig:
    """net: the transformer. vector: numbers in a style. predictor: None where there is none in the same file.

    mobile: the predictor is MobileNetV2, else Inception-v3.
    """

    net: PasticheConfig
    vector: int
    predictor: PredictorConfig | None = None
    mobile: bool = False


class WholeGhiasi(nn.Module):
    """Transformer and predictor of one file."""

    def __init__(self, config: GhiasiConfig) -> None:
        super().__init__()
        self.transformer = GhiasiTransformer(config.net, config.vector)
        build = MobileNet if config.mobile else Inception
        self.predictor = build(config.predictor) if config.predictor else None


def published(name: str, separable: bool) -> str:
    """The separable transformer calls its convolutions otherwise."""
    if not separable or name.startswith("contract"):
        return ROOT + name
    start, _, last = name.rpartition("/")
    return f"{ROOT}{start}/dilate_{last}"


def params(name: str, what: str) -> str:
    """Where gamma (`Conv_1`) or beta (`Conv`) of a layer come from a style vector."""
    return f"style_params/{ROOT}{name}/StyleNorm/{what}"


def styled_names(blocks: int) -> list[str]:
    """Layers that take a style."""
    return [*residual_names(blocks), *expand_names()]


def is_separable(tensors: Tensors) -> bool:
    """Residual layers are split by channel and position."""
    return blocks_of(tensors, "dilate_conv1/depthwise_weights") > 0


def depth(tensors: Tensors) -> int:
    """How many residual blocks there are."""
    return blocks_of(tensors, "dilate_conv1/depthwise_weights") or blocks_of(tensors)


def is_transformer(tensors: Tensors) -> bool:
    """Batch normalization in the contracting layers, predicted gamma and beta behind."""
    blocks = depth(tensors)
    needed = [params(name, f"{what}/weights") for name in styled_names(blocks) for what in ("Conv", "Conv_1")]
    needed += [f"{ROOT}{name}/BatchNorm/moving_variance" for name in contract_names()]
    return blocks > 0 and all(name in tensors for name in needed)


def has(tensors: Tensors, layers: list[str], out: str) -> bool:
    """Whether a predictor's layers are all there."""
    names = [f"{layer}_weights" if layer.endswith("/depthwise") else f"{layer}/weights" for layer in layers]
    return all(depthwise_path(name) in tensors for name in names) and f"{out}/weights" in tensors


def depthwise_path(name: str) -> str:
    """x/depthwise_weights is published as x/depthwise/depthwise_weights."""
    return name.replace("/depthwise_weights", "/depthwise/depthwise_weights")


def predictor_config(tensors: Tensors, layers: list[str], out: str) -> PredictorConfig:
    """Widths of every layer."""
    shapes = tuple((name, tuple(kernel_of(tensors, name).shape)) for name in layers)
    return PredictorConfig(shapes, shape(tensors, f"{out}/weights")[3])


def kernel_of(tensors: Tensors, name: str) -> Tensor:
    """A predictor's convolution as [out, in / groups, kh, kw]."""
    if name.endswith("/depthwise"):
        return tensors[f"{name}/depthwise_weights"].permute(2, 3, 0, 1)
    return turned(tensors[f"{name}/weights"])


def folded(tensors: Tensors, norm: str, kernel: Tensor) -> tuple[Tensor, Tensor]:
    """Weight and bias of a convolution and the batch normalization behind it (running statistics, eps 1e-3)."""
    scale = (tensors[f"{norm}/moving_variance"].double() + EPS).rsqrt()  # rounded once, at the end
    if f"{norm}/gamma" in tensors:
        scale = scale * tensors[f"{norm}/gamma"]
    bias = tensors[f"{norm}/beta"] - tensors[f"{norm}/moving_mean"] * scale
    return (kernel * scale[:, None, None, None]).to(kernel.dtype), bias.to(kernel.dtype)


def predictor_names(tensors: Tensors, config: PredictorConfig, out: str) -> dict[str, Tensor]:
    """The predictor's own parameter names."""
    made = {"out.weight": tensors[f"{out}/weights"][0, 0].t(), "out.bias": tensors[f"{out}/biases"]}
    for name, _ in config.shapes:
        weight, bias = folded(tensors, f"{name}/BatchNorm", kernel_of(tensors, name))
        made |= {f"layers.{name}.weight": weight, f"layers.{name}.bias": bias}
    return made


def configure(tensors: Tensors) -> GhiasiConfig:
    """Widths and depth of the transformer, its borders, and the predictor where it is in the same file."""
    blocks, separable = depth(tensors), is_separable(tensors)
    net = PasticheConfig(
        widths=tuple(shape(tensors, f"{ROOT}{name}/weights")[3] for name in contract_names()),
        expand=tuple(shape(tensors, params(name, "Conv/weights"))[3] for name in expand_names()[:2]),
        blocks=blocks,
        separable=separable,
        zeros=f"{ROOT}contract/conv1/BatchNorm/Const" in tensors,
        styled_contract=False,
    )
    mobile = has(tensors, mobile_layers(), MOBILE_OUT)
    layers, out = (mobile_layers(), MOBILE_OUT) if mobile else (inception_layers(), INCEPTION_OUT)
    inside = predictor_config(tensors, layers, out) if has(tensors, layers, out) else None
    return GhiasiConfig(net, shape(tensors, params(expand_names()[-1], "Conv/weights"))[2], inside, mobile)


def rename(tensors: Tensors, config: GhiasiConfig) -> dict[str, Tensor]:
    """The network's own parameter names."""
    made: dict[str, Tensor] = {}
    for name in contract_names():
        weight, bias = folded(tensors, f"{ROOT}{name}/BatchNorm", turned(tensors[f"{ROOT}{name}/weights"]))
        made |= {f"net.layers.{name}.weight": weight, f"net.layers.{name}.bias": bias}
    for name in styled_names(config.net.blocks):
        start = published(name, config.net.separable)
        if config.net.separable:
            made[f"net.layers.{name}.depthwise.weight"] = tensors[f"{start}/depthwise_weights"].permute(2, 3, 0, 1)
            made[f"net.layers.{name}.pointwise.weight"] = turned(tensors[f"{start}/pointwise_weights"])
        else:
            made[f"net.layers.{name}.weight"] = turned(tensors[f"{start}/weights"])
        for ours, theirs in (("beta", "Conv"), ("gamma", "Conv_1")):
            made[f"{ours}.{name}.weight"] = tensors[params(name, f"{theirs}/weights")][0, 0].t()
            made[f"{ours}.{name}.bias"] = tensors[params(name, f"{theirs}/biases")]
    made = {f"transformer.{name}": tensor.contiguous() for name, tensor in made.items()}
    if config.predictor:
        found = predictor_names(tensors, config.predictor, MOBILE_OUT if config.mobile else INCEPTION_OUT)
        made |= {f"predictor.{name}": tensor.contiguous() for name, tensor in found.items()}
    return made


def stylizer(network: WholeGhiasi, name: str, title: str, license: str) -> Ghiasi:
    """The stylizer of a transformer, with the predictor where there is one."""
    return Ghiasi(network.transformer, name, title, license, network.predictor)


def predictor_beside(path: Path) -> Path | None:
    """The predictor's list in a folder beside the transformer's, under its published name."""
    places = [path.parent.parent / folder / path.name for folder in PREDICTORS]
    if TRANSFORM in path.name:
        places.append(path.with_name(path.name.replace(TRANSFORM, PREDICT)))
    return next((place for place in places if place.is_file()), None)


def predictor(
    identity: str, title: str, layers: list[str], out: str, build: Callable[[PredictorConfig], Predictor]
) -> Architecture:
    """A predictor in a file of its own."""
    return Architecture(
        id=identity,
        kind="part",
        title=title,
        recognize=lambda tensors: has(tensors, layers, out) and not is_transformer(tensors),
        configure=partial(predictor_config, layers=layers, out=out),
        build=build,
        rename=partial(_predictor_rename, out=out),
        license="Apache-2.0",
    )


def _predictor_rename(tensors: Tensors, config: PredictorConfig, out: str) -> dict[str, Tensor]:
    return {name: tensor.contiguous() for name, tensor in predictor_names(tensors, config, out).items()}


def of_any_form(known: Architecture) -> Architecture:
    """The architecture, also of ONNX files."""
    return replace(
        known,
        recognize=lambda tensors: known.recognize(onnx.published(tensors, EPS)),
        configure=lambda tensors: known.configure(onnx.published(tensors, EPS)),
        rename=lambda tensors, config: known.rename(onnx.published(tensors, EPS), config),
    )


PUBLISHED = (
    Architecture(
        id="ghiasi",
        kind="stylizer",
        title="Arbitrary style by prediction",
        recognize=is_transformer,
        configure=configure,
        build=WholeGhiasi,
        rename=rename,
        license="Apache-2.0",
        stylizer=stylizer,
    ),
    predictor("ghiasi-mobilenet", "Style predictor, MobileNetV2", mobile_layers(), MOBILE_OUT, MobileNet),
    predictor("ghiasi-inception", "Style predictor, Inception-v3", inception_layers(), INCEPTION_OUT, Inception),
)
ARCHITECTURES = tuple(map(of_any_form, PUBLISHED))
