"""AdaIN (Huang and Belongie 2017, arXiv:1703.06868): the decoder in naoto0804/pytorch-AdaIN's container (MIT).

Its keys are indices of an nn.Sequential. The level-1..5 decoders of pietrocarbo/deep-transfer count in the same
way, so one architecture reads them all; the level is in the shapes and indices.
"""

from __future__ import annotations

from functools import partial
from itertools import pairwise

from torch import Tensor

from ...architecture import Architecture, Tensors, shape
from ...decoders.decoder import Decoder
from ...decoders.inverse_vgg import InverseVGG, InverseVGGConfig, inverse_names
from ...decoders.rendering import InverseRendering
from ...encoders.encoder import Encoder
from ...stylization.stages import FeatureStylizer, Stage

INDICES = {
    1: (1,),
    2: (1, 5, 8),
    3: (1, 5, 8, 12, 15),
    4: (1, 5, 8, 11, 14, 18, 21, 25, 28),
    5: (1, 5, 8, 11, 14, 18, 21, 24, 27, 31, 34, 38, 41),
}


def level_keys(level: int) -> dict[str, str]:
    """Canonical name of the mirrored convolution -> key."""
    return dict(zip(inverse_names(level), map(str, INDICES[level]), strict=True))


def inverse_config(tensors: Tensors, keys: dict[str, str], rectified: bool = False) -> InverseVGGConfig:
    """Widths of the convolutions `keys` names."""
    shapes = {name: shape(tensors, f"{key}.weight") for name, key in keys.items()}
    return InverseVGGConfig(tuple((name, s[1], s[0]) for name, s in shapes.items()), rectified)


def feeds(tensors: Tensors, keys: dict[str, str]) -> bool:
    """Whether exactly these convolutions are there, 3x3, each feeding the next, ending in RGB."""
    if set(tensors) != {f"{key}.{part}" for key in keys.values() for part in ("weight", "bias")}:
        return False
    shapes = [shape(tensors, f"{key}.weight") for key in keys.values()]
    joined = all(a[0] == b[1] for a, b in pairwise(shapes))
    return all(len(s) == 4 and s[2:] == (3, 3) for s in shapes) and joined and shapes[-1][0] == 3


def rename(tensors: Tensors, config: InverseVGGConfig, keys: dict[str, str]) -> dict[str, Tensor]:
    """The network's own parameter names."""
    return {f"convs.{name}.{part}": tensors[f"{key}.{part}"] for name, key in keys.items() for part in ("weight", "bias")}


def normalized_encoder_name(first_width: int) -> str:
    """Name of the normalized VGG-19 whose conv1_1 has this many channels: published files have 64."""
    return "vgg19-normalised" if first_width == 64 else f"vgg19-normalised-w{first_width}"


def decoder_architecture(identity: str, title: str, keys: dict[str, str], rectified: bool = False) -> Architecture:
    """An inverse VGG whose published names are `keys`."""
    return Architecture(
        id=identity,
        kind="decoder",
        title=title,
        recognize=lambda tensors: feeds(tensors, keys),
        configure=lambda tensors: inverse_config(tensors, keys, rectified),
        build=InverseVGG,
        rename=partial(rename, keys=keys),
        license="MIT",
    )


def as_decoder(network: InverseVGG, name: str, title: str, encoder: str | None = None) -> Decoder:
    """A Decoder for relu<level>_1 of the encoder it was made for (the normalized VGG-19 unless named)."""
    encoder = encoder or normalized_encoder_name(network.config.widths[-1][1])
    return Decoder(name, title, encoder, network, InverseRendering(network))


def stylizer(encoder: Encoder, decoder: Decoder, name: str = "adain", title: str = "AdaIN") -> FeatureStylizer:
    """AdaIN from its two networks."""
    return FeatureStylizer(name, title, "MIT", [Stage(encoder, decoder)], own="adain")


ARCHITECTURES = tuple(
    decoder_architecture(
        "adain-decoder" if level == 4 else f"wct-decoder-{level}-indexed",
        "AdaIN decoder" if level == 4 else f"WCT decoder, level {level}",
        level_keys(level),
    )
    for level in INDICES
)
