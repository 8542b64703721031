"""MicroAST (Wang et al. 2023, arXiv:2211.15313; EndyWon/MicroAST, MIT): arbitrary style in 472,000 parameters.

The authors publish four files; one of their whole test network (`content_encoder.`, `style_encoder.`, ...) is read too. Both
encoders have the same names and shapes, so that their files cannot be told apart: the catalogue knows which is which.
"""

from __future__ import annotations

from torch import Tensor

from ...architecture import Architecture, Tensors, part, shape, split
from .network import MicroAST, MicroASTConfig, MicroDecoder, MicroEncoder, Modulator
from .stylize import MicroASTStylizer

PARTS = ("content_encoder", "style_encoder", "modulator", "decoder")
FACTORS = ("weight1", "bias1", "weight2", "bias2")


def layer(tensors: Tensors, name: str) -> tuple[int, ...]:
    """Shape of a layer's weight."""
    return shape(tensors, f"{name}.conv_layer.weight")


def are_layers(tensors: Tensors, names: tuple[str, ...]) -> bool:
    """Whether all of these are convolutions."""
    return all(len(layer(tensors, name)) == 4 for name in names)


def is_encoder(tensors: Tensors) -> bool:
    """Depthwise convolutions at enc1.2 and enc1.6, a residual block at enc2."""
    wide = are_layers(tensors, ("enc1.0", "enc1.4", "enc1.8", "enc2.0.conv2"))
    return wide and layer(tensors, "enc1.2")[1:] == layer(tensors, "enc1.6")[1:] == (1, 3, 3)


def encoder_config(tensors: Tensors) -> MicroASTConfig:
    """Widths of an encoder."""
    full, half, quarter = (layer(tensors, name)[0] for name in ("enc1.0", "enc1.4", "enc1.8"))
    return MicroASTConfig((full, half, quarter))


def is_modulator(tensors: Tensors) -> bool:
    """Four depthwise convolutions and nothing else."""
    return len(tensors) == 2 * len(FACTORS) and all(layer(tensors, f"{name}.0")[1:] == (1, 3, 3) for name in FACTORS)


def modulator_config(tensors: Tensors) -> MicroASTConfig:
    """Its one width; those at full and half size are not in its file."""
    quarter = layer(tensors, "weight1.0")[0]
    return MicroASTConfig((quarter // 4, quarter // 2, quarter))


def is_decoder(tensors: Tensors) -> bool:
    """Two residual blocks, and layers to RGB."""
    wide = are_layers(tensors, ("dec1.conv1", "dec2.conv2", "dec3.1", "dec3.3", "dec3.8"))
    return wide and layer(tensors, "dec3.10")[:1] == (3,)


def decoder_config(tensors: Tensors) -> MicroASTConfig:
    """Widths of a decoder."""
    full, half, quarter = (layer(tensors, name)[0] for name in ("dec3.8", "dec3.3", "dec1.conv1"))
    return MicroASTConfig((full, half, quarter))


def is_whole(tensors: Tensors) -> bool:
    """All four parts."""
    parts = split(tensors, PARTS)
    return len(parts) == len(PARTS) and is_encoder(parts["content_encoder"]) and is_decoder(parts["decoder"])


def whole_of(tensors: Tensors, config: MicroASTConfig) -> dict[str, Tensor]:
    """The four parts alone: files of training also hold the VGG that judged."""
    return {f"{name}.{key}": tensor for name, part in split(tensors, PARTS).items() for key, tensor in part.items()}


ARCHITECTURES = (
    Architecture(
        id="microast",
        kind="stylizer",
        title="MicroAST",
        recognize=is_whole,
        configure=lambda tensors: encoder_config(split(tensors, PARTS)["content_encoder"]),
        build=MicroAST,
        rename=whole_of,
        license="MIT",
        stylizer=MicroASTStylizer,
    ),
    part("microast-encoder", "MicroAST's content or style encoder", is_encoder, encoder_config, MicroEncoder, "MIT"),
    part("microast-modulator", "MicroAST's modulator", is_modulator, modulator_config, Modulator, "MIT"),
    part("microast-decoder", "MicroAST's decoder", is_decoder, decoder_config, MicroDecoder, "MIT"),
)
