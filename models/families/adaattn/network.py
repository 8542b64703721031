"""AdaAttN's networks (Liu et al. 2021, arXiv:2108.03647; Huage001/AdaAttN, Apache-2.0), with their published names.

The authors keep them in three files: the attention at relu3_1, the attention at relu4_1 and relu5_1 with what merges them, and
the decoder. The network for video has one attention, at relu3_1, and a decoder that begins there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from ...canvas.convolution import Kernel
from ...encoders.vgg import VGG, VGGConfig

SHALLOW, MIDDLE, DEEP = 3, 4, 5
DECODER_PLACES = (1, 4, 7, 10, 14, 17, 21, 24)
ENLARGED = (14, 21)  # what these convolutions read is first doubled


@dataclass(frozen=True)
class AttentionConfig:
    """keys: channels that are compared. values: channels whose mean and deviation are taken."""

    keys: int
    values: int


@dataclass(frozen=True)
class TransformerConfig:
    """middle, deep: the attentions at relu4_1 and relu5_1."""

    middle: AttentionConfig
    deep: AttentionConfig


@dataclass(frozen=True)
class DecoderConfig:
    """widths: output channels of the convolutions from relu3_1's size on. skip: channels that come from relu3_1, 0 for none.

    deep, own: channels that come from relu4_1, and that its own convolution makes of them; 0 in the network for video.
    """

    widths: tuple[int, ...]
    skip: int
    deep: int = 0
    own: int = 0


@dataclass(frozen=True)
class AdaAttNConfig:
    """encoder: the normalized VGG-19. skip: the attention at relu3_1 of the network for pictures, None where it has none.

    transformer: both deeper attentions, or in the network for video its only one, at relu3_1.
    """

    encoder: VGGConfig
    skip: AttentionConfig | None
    transformer: TransformerConfig | AttentionConfig
    decoder: DecoderConfig


class Attention(nn.Module):
    """f: of the content's keys. g: of the style's keys. h: of the style's values."""

    def __init__(self, config: AttentionConfig) -> None:
        super().__init__()
        self.config = config
        self.f = nn.Conv2d(config.keys, config.keys, 1)
        self.g = nn.Conv2d(config.keys, config.keys, 1)
        self.h = nn.Conv2d(config.values, config.values, 1)


class Transformer(nn.Module):
    """The attentions at relu4_1 and relu5_1, whose results are added and convolved."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.config = config
        self.attn_adain_4_1 = Attention(config.middle)
        self.attn_adain_5_1 = Attention(config.deep)
        self.merge_conv = nn.Conv2d(config.middle.values, config.middle.values, 3)


class Decoder(nn.Module):
    """What comes from relu4_1 (and relu3_1), or in the network for video from relu3_1 alone -> a picture."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.config = config
        channels = config.own + config.skip
        layers: dict[str, nn.Module] = {}
        for place, width in zip(DECODER_PLACES, config.widths, strict=True):
            layers[str(place)] = nn.Conv2d(channels, width, 3)
            channels = width
        if config.deep:
            self.decoder_layer_1 = nn.ModuleDict({"1": nn.Conv2d(config.deep, config.own, 3)})
            self.decoder_layer_2 = nn.ModuleDict(layers)
        else:
            self.decoder = nn.ModuleDict(layers)

    def paint(self, canvas: Any, deep: Any | None, skip: Any | None) -> Any:
        """Maps at relu4_1's and relu3_1's sizes, where the network has them -> a map of the picture, near 0..1."""
        layers: Any = self.decoder_layer_2 if self.config.deep else self.decoder
        first = layers[str(DECODER_PLACES[0])]
        if self.config.deep:
            h = canvas.conv(deep, self.decoder_layer_1["1"], 1, "reflect", "relu")
            h = canvas.act(self._joined(canvas, h, skip, first), "relu")
        else:
            h = canvas.conv(skip, first, 1, "reflect", "relu")
        for place in DECODER_PLACES[1:-1]:
            if place in ENLARGED:
                h = canvas.act(canvas.doubled_conv(h, layers[str(place)], "reflect"), "relu")
            else:
                h = canvas.conv(h, layers[str(place)], 1, "reflect", "relu")
        return canvas.conv(h, layers[str(DECODER_PLACES[-1])], 1, "reflect")

    def _joined(self, canvas: Any, h: Any, skip: Any | None, first: nn.Conv2d) -> Any:
        """The first convolution on the doubled map with relu3_1's beside it, each by its own channels of the kernel."""
        if skip is None:
            return canvas.doubled_conv(h, first, "reflect")
        own, beside = (
            part.contiguous(memory_format=torch.channels_last)
            for part in first.weight.split((self.config.own, self.config.skip), dim=1)
        )
        return canvas.add(
            canvas.doubled_conv(h, Kernel(own, first.bias), "reflect"), canvas.conv(skip, Kernel(beside), 1, "reflect")
        )


class AdaAttNNetwork(nn.Module):
    """All parts, under the names of the authors' files."""

    def __init__(self, config: AdaAttNConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = VGG(config.encoder)
        if config.skip:
            self.adaattn_3 = Attention(config.skip)
        deeper = config.transformer
        self.transformer = Transformer(deeper) if isinstance(deeper, TransformerConfig) else Attention(deeper)
        self.decoder = Decoder(config.decoder)

    @property
    def attentions(self) -> dict[int, Attention]:
        """By the number of the relu<k>_1 they work on."""
        if isinstance(self.transformer, Attention):
            return {SHALLOW: self.transformer}
        skip = {SHALLOW: self.adaattn_3} if self.config.skip else {}
        return {**skip, MIDDLE: self.transformer.attn_adain_4_1, DEEP: self.transformer.attn_adain_5_1}
