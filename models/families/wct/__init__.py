"""WCT, universal style transfer (Li et al. 2017, arXiv:1705.08086), original and 16x pruned.

Original decoders: pietrocarbo/deep-transfer (keys are indices, read by families/adain) and containers that name the layers
Conv4_1 ...; pruned ones: MingSun-Tse/Collaborative-Distillation (Wang et al. 2020, arXiv:2003.08436, MIT), where every level
has an encoder of its own, conv11 ... conv51, with 1x1 `_aux` branches that only training used.
Their pools round odd sides down, so that the authors' picture loses up to 15 lines: here the content is extended by reflection to
multiples of 16 and the result cropped, while styles go in as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from ...architecture import Architecture, Tensors, shape
from ...decoders.decoder import Decoder
from ...decoders.inverse_vgg import InverseVGG, inverse_names
from ...encoders.encoder import Encoder
from ...encoders.vgg import VGG, VGG19_BLOCKS, VGGConfig, conv_names
from ...stylization.stages import FeatureStylizer, Stage
from ..adain import as_decoder, decoder_architecture
from ..vgg import chain, fold_conv0, widths

LEVELS = (5, 4, 3, 2, 1)


def pruned_name(name: str) -> str:
    """conv3_1 -> conv31."""
    return name.replace("_", "")


def pruned_keys() -> dict[str, str]:
    """Canonical name -> key of the pruned encoders."""
    return {name: pruned_name(name) for name in conv_names(VGG19_BLOCKS)}


def is_pruned_encoder(tensors: Tensors) -> bool:
    """conv0 is a 1x1 convolution of RGB, conv11 3x3."""
    return shape(tensors, "conv0.weight") == (3, 3, 1, 1) and chain(tensors, pruned_keys())


PRUNED_ENCODER = Architecture(
    id="vgg19-16x",
    kind="encoder",
    title="VGG-19, pruned 16x (WCT)",
    recognize=is_pruned_encoder,
    configure=lambda t: VGGConfig(widths(t, pruned_keys()), "reflect", False, "conv0"),
    build=VGG,
    rename=partial(fold_conv0, keys=pruned_keys(), conv0="conv0"),
    license="MIT",
)
ARCHITECTURES = (
    PRUNED_ENCODER,
    *(
        decoder_architecture(
            f"wct-decoder-{level}", f"WCT decoder, level {level}", {n: n.capitalize() for n in inverse_names(level)}
        )
        for level in LEVELS
    ),
    *(
        decoder_architecture(
            f"wct-16x-decoder-{level}",
            f"WCT 16x decoder, level {level}",
            {n: pruned_name(n) for n in inverse_names(level)},
            rectified=True,
        )
        for level in LEVELS
    ),
)


def pruned_encoder_name(level: int) -> str:
    """Every level of the pruned networks has its own encoder."""
    return f"vgg19-16x-level{level}"


def pruned_encoder(network: VGG) -> Encoder:
    """An Encoder from a pruned file; its level is that of its deepest layer."""
    level = int(network.config.widths[-1][0][4])
    title = f"VGG-19 pruned 16x, level {level}"
    return Encoder(pruned_encoder_name(level), title, network, network, [f"relu{level}_1"], multiple=2 ** (level - 1))


def pruned_decoder(network: InverseVGG) -> Decoder:
    """A Decoder from a pruned file."""
    level = network.config.level
    return as_decoder(network, f"wct-16x-decoder-{level}", f"WCT 16x decoder, level {level}", pruned_encoder_name(level))


def stylizer(name: str, title: str, encoders: Mapping[int, Encoder], decoders: Mapping[int, Decoder]) -> FeatureStylizer:
    """The multi-level pipeline: the deepest level first, each level's picture is the next one's content (sec. 3.3)."""
    levels = [level for level in LEVELS if level in decoders]
    made = FeatureStylizer(name, title, "MIT", [Stage(encoders[level], decoders[level]) for level in levels], own="zca")
    if not encoders[levels[0]].pools_up:
        made.multiple = 2 ** (levels[0] - 1)
    return made
