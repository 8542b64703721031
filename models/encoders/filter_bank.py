"""The built-in encoder: VGG-19's shape at a quarter of its width, filled with fixed random filters.

Random filters are a sound texture representation (Ustyuzhaninov, Brendel, Gatys and Bethge 2016, arXiv:1606.00021; He,
Wang and Hopcroft 2016, arXiv:1606.04801), need no download and have no license. The numbers come from NumPy's PCG64, so
every machine has the same filters.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from .encoder import Encoder, no_gradients
from .vgg import VGG, VGG19_BLOCKS, VGGConfig, conv_names

BLOCK_WIDTHS = (16, 32, 64, 128, 128)


def filter_bank(seed: int = 0) -> Encoder:
    """Taps relu1_1 ... relu5_4 like VGG-19's; sides of any size, halved (rounding up) four times."""
    widths = tuple((name, BLOCK_WIDTHS[int(name[4]) - 1]) for name in conv_names(VGG19_BLOCKS))
    network = VGG(VGGConfig(widths, "reflect", True, "imagenet"))
    rng = np.random.Generator(np.random.PCG64(seed))
    with torch.no_grad():
        for conv in network.convs.values():
            assert isinstance(conv, nn.Conv2d)
            assert conv.bias is not None
            weight = rng.standard_normal(tuple(conv.weight.shape))
            # without its mean a filter answers to contrast and not to brightness; every fourth keeps it
            means = weight.mean(axis=(1, 2, 3), keepdims=True)
            means[::4] = 0
            weight -= means
            # He et al. 2015: the variance of activations stays the same from layer to layer
            weight *= np.sqrt(2.0 / weight[0].size) / weight.std(axis=(1, 2, 3), keepdims=True)
            conv.weight.copy_(torch.from_numpy(weight))
            conv.bias.zero_()
    no_gradients(network)
    return Encoder("filter-bank", "Filter bank", network, network, ["relu4_1"])
