"""CFSD: whether the places of a picture still resemble one another as they did in the photograph.

Content feature structural distance, with which Chung et al. 2024 (StyleID, arXiv:2312.09008) measure content. Brightness,
color and texture may change, as long as what was alike stays alike.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..encoders.encoder import Encoder
from .structural import same_shape

TAP = "relu3_1"
ROWS = 512  # of the matrix of all pairs of positions that are in memory at once


def structural_distance(result: Tensor, content: Tensor, encoder: Encoder, tap: str = TAP) -> Tensor:
    """Sum over positions of KL(content || result) between the softmax rows of F F^T, F the features by their number. [B].

    result, content: [B, 3, H, W] in 0..1. The published number is that of torchvision's VGG-19 at relu3_1. It is a sum: it grows
    with the picture. Whole matrices would take 1 GB at 512 pixels, so rows come in blocks. Raises ValueError.
    """
    same_shape(result, content, 8, "CFSD")
    sides = [positions(encoder.encode(x, [tap]).levels[tap]) for x in (result, content)]
    total = torch.zeros(result.shape[0], dtype=torch.float64, device=result.device)
    for first in range(0, sides[0].shape[1], ROWS):
        total = total + divergence(*(f[:, first : first + ROWS] @ f.transpose(1, 2) / f.shape[2] ** 2 for f in sides)).sum(1)
    return total


def positions(features: Tensor) -> Tensor:
    """[B, C, h, w] as [B, h w, C]."""
    return features.flatten(2).transpose(1, 2)


def divergence(made: Tensor, wanted: Tensor) -> Tensor:
    """KL of the softmax of wanted [B, rows, N] from that of made, [B, rows].

    As log sum p exp(d) - sum p d of what lies between both, d, in double precision: it is far smaller than they are.
    """
    share = wanted.softmax(dim=2).double()
    apart = (made - wanted).double()
    most = apart.amax(dim=2)
    total = share.sum(dim=2)
    mean = (share * apart).sum(dim=2) / total
    return (share.mul_((apart - most[..., None]).exp_()).sum(dim=2) / total).log() + most - mean
