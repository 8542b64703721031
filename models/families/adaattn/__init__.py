"""AdaAttN (Liu et al. 2021, arXiv:2108.03647; Huage001/AdaAttN, Apache-2.0): the authors' three files, or the two for
video, which are read together with the normalized VGG-19 under the names of `PARTS`.
"""

from __future__ import annotations

from torch import Tensor

from ...architecture import Architecture, Tensors, part, shape, split
from ..vgg import NORMALIZED, is_normalized
from .network import (
    DECODER_PLACES,
    AdaAttNConfig,
    AdaAttNNetwork,
    Attention,
    AttentionConfig,
    Decoder,
    DecoderConfig,
    Transformer,
    TransformerConfig,
)
from .stylize import AdaAttN

PARTS = ("encoder", "transformer", "decoder", "adaattn_3")
PROJECTIONS = ("f", "g", "h")


def attention_config(tensors: Tensors, start: str = "") -> AttentionConfig:
    """Channels of an attention whose names begin so."""
    return AttentionConfig(shape(tensors, f"{start}f.weight")[0], shape(tensors, f"{start}h.weight")[0])


def holds_attention(tensors: Tensors, start: str = "") -> bool:
    """Square 1x1 convolutions f, g and h, with biases."""
    shapes = [shape(tensors, f"{start}{name}.weight") for name in PROJECTIONS]
    square = all(len(s) == 4 and s[0] == s[1] and s[2:] == (1, 1) for s in shapes)
    return square and shapes[0] == shapes[1] and all(f"{start}{name}.bias" in tensors for name in PROJECTIONS)


def is_transformer(tensors: Tensors) -> bool:
    """Attentions at relu4_1 and relu5_1, and what merges them."""
    starts = ("attn_adain_4_1.", "attn_adain_5_1.")
    return len(shape(tensors, "merge_conv.weight")) == 4 and all(holds_attention(tensors, start) for start in starts)


def decoder_start(tensors: Tensors) -> str:
    """What the names of the decoder's main part begin with."""
    return "decoder_layer_2." if "decoder_layer_1.1.weight" in tensors else "decoder."


def is_decoder(tensors: Tensors) -> bool:
    """Exactly the decoder's 3x3 convolutions, the last to RGB."""
    start = decoder_start(tensors)
    names = [f"{start}{place}" for place in DECODER_PLACES]
    first = ["decoder_layer_1.1"] if start == "decoder_layer_2." else []
    shapes = [shape(tensors, f"{name}.weight") for name in names]
    whole = set(tensors) == {f"{name}.{part}" for name in (*first, *names) for part in ("weight", "bias")}
    return whole and all(len(s) == 4 and s[2:] == (3, 3) for s in shapes) and shapes[-1][0] == 3


def decoder_config(tensors: Tensors) -> DecoderConfig:
    """Widths, and what the decoder begins with."""
    start, first = decoder_start(tensors), shape(tensors, "decoder_layer_1.1.weight")
    shapes = [shape(tensors, f"{start}{place}.weight") for place in DECODER_PLACES]
    own, deep = (first[0], first[1]) if first else (0, 0)
    return DecoderConfig(tuple(s[0] for s in shapes), shapes[0][1] - own, deep, own)


def parts_of(tensors: Tensors) -> dict[str, Tensors]:
    """The tensors of the authors' files and of the encoder, {} unless they fit one another."""
    parts = split(tensors, PARTS)
    if not {"encoder", "transformer", "decoder"} <= parts.keys() or not is_normalized(parts["encoder"]):
        return {}
    single = holds_attention(parts["transformer"])
    fits = is_decoder(parts["decoder"]) and (single or is_transformer(parts["transformer"]))
    config = decoder_config(parts["decoder"]) if fits else None
    if config is None or bool(config.deep) == single or bool(config.skip) != (single or "adaattn_3" in parts):
        return {}
    return parts


def whole_config(tensors: Tensors) -> AdaAttNConfig:
    """Of all files together."""
    parts = parts_of(tensors)
    transformer = parts["transformer"]
    return AdaAttNConfig(
        NORMALIZED.configure(parts["encoder"]),
        attention_config(parts["adaattn_3"]) if "adaattn_3" in parts else None,
        attention_config(transformer) if holds_attention(transformer) else transformer_config(transformer),
        decoder_config(parts["decoder"]),
    )


def whole_of(tensors: Tensors, config: AdaAttNConfig) -> dict[str, Tensor]:
    """The published names are the network's own, but for the encoder's."""
    parts = parts_of(tensors)
    renamed: dict[str, Tensors] = {**parts, "encoder": NORMALIZED.rename(parts["encoder"], config.encoder)}
    return {f"{name}.{key}": tensor for name, part in renamed.items() for key, tensor in part.items()}


def transformer_config(tensors: Tensors) -> TransformerConfig:
    """Channels of both attentions."""
    return TransformerConfig(attention_config(tensors, "attn_adain_4_1."), attention_config(tensors, "attn_adain_5_1."))


ARCHITECTURES = (
    Architecture(
        id="adaattn",
        kind="stylizer",
        title="AdaAttN",
        recognize=lambda tensors: bool(parts_of(tensors)),
        configure=whole_config,
        build=AdaAttNNetwork,
        rename=whole_of,
        license="Apache-2.0",
        multiple=16,
        stylizer=AdaAttN,
    ),
    part(
        "adaattn-attention",
        "AdaAttN's attention at relu3_1",
        lambda tensors: len(tensors) == 2 * len(PROJECTIONS) and holds_attention(tensors),
        attention_config,
        Attention,
        "Apache-2.0",
        16,
    ),
    part("adaattn-transformer", "AdaAttN's deeper attentions", is_transformer, transformer_config, Transformer, "Apache-2.0", 16),
    part("adaattn-decoder", "AdaAttN's decoder", is_decoder, decoder_config, Decoder, "Apache-2.0", 16),
)
