"""Small files of AdaAttN, for pictures and for video, in their published names, filled with seeded numbers."""

from __future__ import annotations

import runpy
from pathlib import Path

import torch
from torch import Tensor

from style_atelier.models.architecture import split
from style_atelier.models.encoders.vgg import VGG19_BLOCKS, VGGConfig, conv_names
from style_atelier.models.families import adaattn, vgg
from style_atelier.models.families.adaattn.network import AdaAttNConfig, AttentionConfig, DecoderConfig, TransformerConfig

fill = runpy.run_path(str(Path(__file__).parent.parent / "golden" / "fill.py"))["fill"]
BLOCKS = (8, 12, 16, 24, 24)
ENCODER = VGGConfig(tuple((n, BLOCKS[int(n[4]) - 1]) for n in conv_names(VGG19_BLOCKS)), "reflect", True, "conv0")
SKIP = AttentionConfig(8 + 12 + 16, 16)
DEEPER = TransformerConfig(AttentionConfig(8 + 12 + 16 + 24, 24), AttentionConfig(8 + 12 + 16 + 24 + 24, 24))
WIDTHS = (16, 16, 16, 12, 12, 8, 8, 3)
CONFIGS = {
    "adaattn": AdaAttNConfig(ENCODER, SKIP, DEEPER, DecoderConfig(WIDTHS, 16, 24, 16)),
    "adaattn-plain": AdaAttNConfig(
        ENCODER, None, TransformerConfig(AttentionConfig(24, 24), AttentionConfig(24, 24)), DecoderConfig(WIDTHS, 0, 24, 16)
    ),
    "adaattn-video": AdaAttNConfig(ENCODER, None, SKIP, DecoderConfig(WIDTHS, 16)),
}


def small(name: str = "adaattn") -> dict[str, Tensor]:
    """All files of a network together, under the names that the catalogue gives them."""
    network = adaattn.AdaAttNNetwork(CONFIGS[name])
    tensors = {k: t.clone() for k, t in network.state_dict().items() if not k.startswith("encoder.")}
    channels, keys = 3, vgg.normalized_keys()
    tensors |= {"encoder.0.weight": torch.zeros(3, 3, 1, 1), "encoder.0.bias": torch.zeros(3)}
    for conv, width in ENCODER.widths:
        tensors |= {
            f"encoder.{keys[conv]}.weight": torch.zeros(width, channels, 3, 3),
            f"encoder.{keys[conv]}.bias": torch.zeros(width),
        }
        channels = width
    fill(tensors, 3, 1.3)
    tensors["decoder.decoder_layer_2.24.bias" if "video" not in name else "decoder.decoder.24.bias"].fill_(0.5)
    return tensors


def part(identity: str) -> dict[str, Tensor]:
    """One of the files."""
    name = {"adaattn-attention": "adaattn_3", "adaattn-transformer": "transformer", "adaattn-decoder": "decoder"}[identity]
    return dict(split(small(), adaattn.PARTS)[name])


PART_CONFIGS = {
    "adaattn-attention": SKIP,
    "adaattn-transformer": DEEPER,
    "adaattn-decoder": CONFIGS["adaattn"].decoder,
}
