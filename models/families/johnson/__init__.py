"""Fast neural style (Johnson et al. 2016): pytorch/examples and its relatives, rrmina, the ONNX zoo, lengstrom's TensorFlow, and
the authors' own networks.

What names and shapes cannot tell: rrmina's network exists with 150 tanh at the end too. Its last convolution then has to reach
about 1, without it the 255 of a picture; published files of the second kind are at 12 to 60. rrmina's TransformerNetworkV2 has
the same names and shapes with the normalization in front of each convolution, which only the order of the tensors tells.
Running statistics are what BatchNorm goes by, and old instance norms carry along unused: the former count their batches.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor

from ...architecture import STATISTICS, Architecture, Tensors, shape
from ...ops.normalization import EPS
from . import tensorflow
from .names import (
    Affine,
    Keys,
    aleksa_keys,
    batch_keys,
    erik_keys,
    numbered_keys,
    parameters,
    pystiche_keys,
    pytorch_keys,
    rrmina_keys,
    yakhyo_keys,
)
from .network import JohnsonConfig, Range, TransformerNet
from .stylize import Johnson

INSTANCE_WIDTH = 16  # of the authors' networks: those with batch normalization begin with 32 channels
NO_PICTURE = 3.0  # what the last convolution reaches where it does not make 0..255
SCALE_EPS = 1e-9  # of the instance norms with scale and shift
COUNTED = STATISTICS[2]


@dataclass(frozen=True)
class Form:
    """A published form of the network: its names of layers, and what its files do not say.

    numbered: parameters have numbers for names. framed: the authors' borders. affine: the names of a norm's two parameters.
    batch: norms go by their running statistics whatever else is in the file.
    """

    keys: Callable[[Tensors], Keys]
    range: Range
    numbered: bool = False
    framed: bool = False
    affine: Affine = "weight and bias"
    batch: bool = False
    carried: float = 1.0

    def recognize(self, tensors: Tensors) -> bool:
        """Whether every parameter is there, and nothing else but what norms keep of their training."""
        found = self.keys(tensors)
        if not found or not any(name.startswith("blocks.") for name in found):
            return False
        wanted = set(parameters(found, self.numbered, self.affine).values())
        return wanted <= tensors.keys() and all(key in wanted or key.endswith(STATISTICS) for key in tensors)

    def configure(self, tensors: Tensors) -> JohnsonConfig:
        """Widths, depth and kinds of layers."""
        found = self.keys(tensors)
        names = parameters(found, self.numbered, self.affine)
        sizes = {layer: shape(tensors, names[f"{layer}.{'' if layer == 'out' else 'conv.'}weight"]) for layer in found}
        transposed = "conv_transpose" in found["up.0"][0] or self.framed
        first = [sizes[name] for name in found if name.startswith("blocks.0.")]
        preactivated = is_preactivated(tensors, found)
        narrow = sizes["down.0"][0] <= INSTANCE_WIDTH
        return JohnsonConfig(
            down=tuple(sizes[f"down.{i}"][0] for i in (0, 1, 2)),
            blocks=sum(name.startswith("blocks.") for name in found) // len(first),
            block=tuple((size[0], size[2]) for size in first),
            up=tuple(sizes[f"up.{i}"][1 if transposed else 0] for i in (0, 1)),
            transposed=transposed,
            framed=self.framed,
            batch=not narrow if self.framed else self.batch or f"{found['down.0'][1]}{COUNTED}" in tensors,
            tanh=self.framed or (transposed and not preactivated and reach(tensors, names) < NO_PICTURE),
            range=self.range,
            eps=SCALE_EPS if self.affine == "scale and shift" else EPS,
            preactivated=preactivated,
            carried=self.carried,
        )

    def rename(self, tensors: Tensors, config: JohnsonConfig) -> dict[str, Tensor]:
        """The network's own parameter names; running statistics only of batch norms."""
        found = self.keys(tensors)
        made = {name: tensors[key] for name, key in parameters(found, self.numbered, self.affine).items()}
        if config.batch:
            for layer, (_, norm) in found.items():
                if norm:
                    made |= {f"{layer}.norm.{what[1:]}": tensors[norm + what] for what in STATISTICS[:2]}
        return made

    def notes(self, tensors: Tensors, config: JohnsonConfig) -> tuple[str, ...]:
        """What is lost with the order of the tensors."""
        if self.keys is not rrmina_keys or list(tensors) != sorted(tensors):
            return ()
        return (
            "the file lists its tensors by name: if it is rrmina's TransformerNetworkV2, take the .pth, whose order tells it",
        )

    def architecture(self, identity: str, title: str, license: str, value_range: str) -> Architecture:
        """What the registry knows of it."""
        return Architecture(
            id=identity,
            kind="stylizer",
            title=title,
            recognize=self.recognize,
            configure=self.configure,
            build=TransformerNet,
            rename=self.rename,
            license=license,
            value_range=value_range,
            stylizer=Johnson,
            notes=self.notes,
        )


def is_preactivated(tensors: Tensors, keys: Keys) -> bool:
    """Whether a block's parameters are saved with the normalization first."""
    conv, norm = keys["blocks.0.0"]
    if not norm or "ResidualBlock" not in conv:
        return False
    order = list(tensors)
    return order != sorted(order) and order.index(f"{norm}.weight") < order.index(f"{conv}.weight")


def reach(tensors: Tensors, names: Mapping[str, str]) -> float:
    """Standard deviation of what the last convolution makes of features that are independent, the mean of its channels."""
    gamma, beta, weight = (tensors[names[name]].float() for name in ("up.1.norm.weight", "up.1.norm.bias", "out.weight"))
    power = (gamma.square() + beta.square()) / 2  # of a normal distribution behind ReLU
    return float((weight.square().sum(dim=(2, 3)) @ power).sqrt().mean())


EXAMPLES, BYTES, BGR_BYTES = "BSD-3-Clause (the code)", "RGB 0..255", "BGR 0..255"
IMAGENET = "RGB, ImageNet's mean and std"
ARCHITECTURES = (
    Form(pytorch_keys, "rgb").architecture("johnson", "Fast neural style", EXAMPLES, BYTES),
    Form(batch_keys, "rgb", batch=True).architecture("johnson-batch", "Fast neural style (batch norm)", EXAMPLES, BYTES),
    Form(pytorch_keys, "bgr", affine="scale and shift").architecture(
        "johnson-abhiskk", "Fast neural style (abhiskk)", "MIT (the code)", BGR_BYTES
    ),
    Form(yakhyo_keys, "rgb", carried=2.0).architecture("johnson-yakhyo", "Fast neural style (yakhyo)", "MIT (the code)", BYTES),
    Form(erik_keys, "imagenet").architecture(
        "johnson-eriklindernoren", "Fast neural style (eriklindernoren)", "MIT (the code)", IMAGENET
    ),
    Form(aleksa_keys, "imagenet").architecture("johnson-aleksa", "Fast neural style (gordicaleksa)", "MIT", IMAGENET),
    Form(rrmina_keys, "bgr").architecture("johnson-rrmina", "Fast neural style (rrmina)", "academic or research use", BGR_BYTES),
    Form(numbered_keys, "rgb", numbered=True).architecture("johnson-onnx", "Fast neural style (ONNX)", EXAMPLES, BYTES),
    Form(pystiche_keys, "caffe", framed=True).architecture(
        "johnson-authors",
        "Fast neural style (the authors')",
        "free for personal or research use",
        "BGR 0..255 minus Caffe's means",
    ),
    Architecture(
        id="johnson-lengstrom",
        kind="stylizer",
        title="Fast neural style (lengstrom)",
        recognize=tensorflow.is_lengstrom,
        configure=tensorflow.configure,
        build=TransformerNet,
        rename=tensorflow.rename,
        license="free for research, with attribution (the code)",
        value_range=BYTES,
        stylizer=Johnson,
    ),
)
