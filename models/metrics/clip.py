"""What CLIP makes of a picture and of words (Radford et al. 2021, arXiv:2103.00020): scores of embeddings."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def clip_view(images: Tensor, side: int) -> Tensor:
    """[B, 3, H, W] in 0..1 as CLIP looks at pictures: the shorter side at `side` pixels by bicubic, and the middle square."""
    scale = side / min(images.shape[-2:])
    height, width = (max(side, round(length * scale)) for length in images.shape[-2:])
    x = F.interpolate(images, (height, width), mode="bicubic", antialias=True).clamp(0, 1)
    top, left = (height - side) // 2, (width - side) // 2
    return x[:, :, top : top + side, left : left + side]


def clip_score(images: Tensor, texts: Tensor) -> Tensor:
    """100 max(0, cos) of embeddings [B, D] and [B or 1, D], [B], as in torchmetrics; Hessel et al. 2021 have 2.5 max(0, cos)."""
    return 100 * F.cosine_similarity(images, texts, dim=1).clamp_min(0)


def clip_similarity(a: Tensor, b: Tensor) -> Tensor:
    """cos of embeddings of pictures [B, D] and [B or 1, D], [B]."""
    return F.cosine_similarity(a, b, dim=1)


def clip_direction(results: Tensor, contents: Tensor, text: Tensor, source: Tensor) -> Tensor:
    """cos between the way from the photographs to the results and the way from one text to another, [B] in -1..1.

    Gal et al. 2021 (StyleGAN-NADA, arXiv:2108.00946, equation 3), as a measure. All are embeddings [B or 1, D].
    0 where nothing moved.
    """
    return F.cosine_similarity(results - contents, text - source, dim=1)
