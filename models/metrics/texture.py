"""How far a picture's texture is from a style's, by the correlations of features at all places."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..encoders.encoder import Encoder
from .style import TAPS


def gram_distance(picture: Tensor, style: Tensor, encoder: Encoder, taps: Sequence[str] = TAPS) -> Tensor:
    """Mean over layers of |G - G'|^2 / |G'|^2, G = F F^T / (h w) (Gatys et al. 2016, equations 3 to 5), [B].

    picture [B, 3, H, W], style [B or 1, 3, h, w] in 0..1. Each layer is divided by the style's own square, so that layers count
    alike: 0 for the style itself, 1 for a picture without any feature.
    """
    made, wanted = (encoder.encode(x, taps).levels for x in (picture, style))
    total = torch.zeros(picture.shape[0], dtype=torch.float64, device=picture.device)
    for tap in taps:
        a, b = gram(made[tap]), gram(wanted[tap])
        total = total + ((a - b).square().sum(dim=(1, 2)) / b.square().sum(dim=(1, 2))).double()
    return total / len(taps)


def gram(features: Tensor) -> Tensor:
    """Products of channels, mean over positions: [B, C, h, w] -> [B, C, C]."""
    flat = features.flatten(2)
    return flat @ flat.transpose(1, 2) / flat.shape[2]
