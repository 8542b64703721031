"""A distance of pictures that is near to what people see.

As LPIPS (Zhang et al. 2018, arXiv:1801.03924, equation 1) without its learned weights: features of several layers, every
position of unit length, squared differences averaged over positions and added over layers.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

import torch
import torch.nn.functional as F
from torch import Tensor

from ..encoders.encoder import Encoder

EPS = 1e-10
VGG_TAPS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3")
LARGEST_SIDE = 256


class PerceptualEmbedding:
    """Pictures [B, 3, H, W] in 0..1 -> [B, D]; the squared distance of two embeddings is the perceptual distance.

    taps: by default LPIPS's five layers of VGG-16 where the encoder has them, else all it has. Pictures are first reduced
    to 256 px by a whole factor, as the authors of StyleGAN do.
    """

    def __init__(self, encoder: Encoder, taps: Sequence[str] = ()) -> None:
        usual = [tap for tap in VGG_TAPS if tap in encoder.taps]
        self.encoder = encoder
        self.taps = tuple(taps) or tuple(usual) or encoder.taps

    def __call__(self, images: Tensor) -> Tensor:
        factor = images.shape[-1] // LARGEST_SIDE
        if factor > 1:
            images = F.avg_pool2d(images, factor)
        features = self.encoder.encode(images, self.taps)
        parts = []
        for tap in self.taps:
            f = features.levels[tap]
            unit = f * (f.square().sum(dim=1, keepdim=True) + EPS).rsqrt()
            parts.append((unit / sqrt(f.shape[2] * f.shape[3])).flatten(1))
        return torch.cat(parts, dim=1)
