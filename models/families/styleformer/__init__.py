"""StyleFormer (Wu et al., ICCV 2021; Wxl-stars/PytorchStyleFormer): arbitrary style through a bank of affine maps.

Not the generator of the same name (styleformer_gan). The authors' file holds the transformer as `a` and the decoder as `b`; the
encoder is torchvision's VGG-16, a file of its own, whose tensors the loader adds as `encoder.features...`.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from ...architecture import Architecture, Tensors, shape
from .network import COEFFICIENTS, DECODER, ENCODER, GROUP, StyleFormerConfig, StyleFormerNetworks
from .stylize import StyleFormerStylizer


def recognize(tensors: Tensors) -> bool:
    """Attention between groups of 16 channels, and the decoder's first and last convolutions."""
    between = shape(tensors, "a.att.convc1.conv.weight") == (GROUP, GROUP, 3, 3)
    ends = len(shape(tensors, "b.model.1.weight")) == 4 and shape(tensors, "b.model.24.weight")[:1] == (3,)
    return between and ends and len(shape(tensors, "a.coeffs.conv_out.conv.weight")) == 4


def configure(tensors: Tensors) -> StyleFormerConfig:
    """Widths and bins; the side of the grid is the style's and no matter of the file."""
    channels = shape(tensors, "a.fcc.weight")[0]
    outputs, hidden = shape(tensors, "a.coeffs.conv_out.conv.weight")[:2]
    splats = sum(key.startswith("a.coeffs.splat_features.") and key.endswith(".weight") for key in tensors)
    widths = tuple(shape(tensors, f"b.model.{place}.weight")[0] for place in DECODER.values())
    there = "encoder.features.0.weight" in tensors
    encoder = tuple(shape(tensors, f"encoder.features.{place}.weight")[0] for place in ENCODER.values()) if there else ()
    return StyleFormerConfig(channels, outputs // (channels // GROUP * COEFFICIENTS), splats, hidden, widths, encoder)


def rename(tensors: Tensors, config: StyleFormerConfig) -> dict[str, Tensor]:
    """The decoder's and the encoder's convolutions by their names; VGG-16 beyond relu3_1 is left out."""
    names = {f"b.model.{place}.": f"b.convs.{name}." for name, place in DECODER.items()}
    names |= {f"encoder.features.{place}.": f"encoder.convs.{name}." for name, place in ENCODER.items()}
    renamed = {}
    for key, tensor in tensors.items():
        start, end = key[: key.rfind(".") + 1], key[key.rfind(".") + 1 :]
        if start in names or not start.startswith("encoder."):
            renamed[names.get(start, start) + end] = tensor
    return renamed


def with_encoder(tensors: Tensors, vgg16: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The authors' file and torchvision's as one."""
    return {**tensors, **{f"encoder.{key}": tensor for key, tensor in vgg16.items() if key.startswith("features.")}}


ARCHITECTURE = Architecture(
    id="styleformer",
    kind="stylizer",
    title="StyleFormer",
    recognize=recognize,
    configure=configure,
    build=StyleFormerNetworks,
    rename=rename,
    license="not stated",
    value_range="RGB, ImageNet-normalized",
    multiple=4,
    stylizer=StyleFormerStylizer,
)
ARCHITECTURES = (ARCHITECTURE,)
