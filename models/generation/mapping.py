"""The networks from latents to styles that StyleGAN 1, 2, 3 and Styleformer share: Z, and a class, to W."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import sqrt

import torch
import torch.nn.functional as F
from torch import Tensor, nn

EPS = 1e-8
SLOPE = 0.2


class EqualLinear(nn.Module):
    """A linear layer that scales its weights by `rate` / sqrt(inputs) at run time (Karras et al. 2017, arXiv:1710.10196).

    rate: also scales the bias. activated: leaky ReLU times sqrt 2 behind it.
    """

    def __init__(self, inputs: int, outputs: int, rate: float = 1.0, activated: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, inputs))
        self.bias = nn.Parameter(torch.empty(outputs))
        self.rate, self.activated = rate, activated
        self.gain = rate / sqrt(inputs)

    def forward(self, x: Tensor) -> Tensor:
        """[B, inputs] -> [B, outputs]."""
        y = torch.addmm(self.bias, x, self.weight.t(), beta=self.rate, alpha=self.gain)
        return F.leaky_relu(y, SLOPE).mul_(sqrt(2)) if self.activated else y


@dataclass(frozen=True)
class MappingConfig:
    """latent, label, style: sizes of Z, of the class vector (0 for none) and of W. embedding: size the class becomes.

    widths: outputs of the layers, the last is `style`. rate: learning rate multiplier that scales weights and biases.
    labels_normalized: the class embedding is normalized by itself (StyleGAN 2, 3); StyleGAN1 normalizes both together.
    """

    latent: int
    label: int
    style: int
    embedding: int
    widths: tuple[int, ...]
    rate: float = 0.01
    labels_normalized: bool = True


class MappingNetwork(nn.Module):
    """Z [B, latent] and classes [B, label] -> W [B, style]. Keys as published: embed, fc0, fc1 ..., w_avg."""

    def __init__(self, config: MappingConfig) -> None:
        super().__init__()
        self.config = config
        if config.label:
            self.embed = EqualLinear(config.label, config.embedding)
        sizes = (config.latent + (config.embedding if config.label else 0), *config.widths)
        self.layers = len(config.widths)
        for i, (inputs, outputs) in enumerate(pairwise(sizes)):
            self.add_module(f"fc{i}", EqualLinear(inputs, outputs, config.rate, activated=True))
        self.w_avg: Tensor
        self.register_buffer("w_avg", torch.zeros(config.style))

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        """Styles, not truncated."""
        x, together = z, not self.config.labels_normalized
        if self.config.label:
            assert label is not None
            y = self.embed(label)
            x = torch.cat([z, y] if together else [normalized(z), normalized(y)], dim=1)
        if together or not self.config.label:
            x = normalized(x)
        for i in range(self.layers):
            x = getattr(self, f"fc{i}")(x)
        return x


def normalized(x: Tensor) -> Tensor:
    """Rows of unit mean square."""
    return x * (x.square().mean(dim=1, keepdim=True) + EPS).rsqrt()
