"""The normalizations of image translation, each with its formula, its eps and its variance convention.

Every one of them, once the statistics of a feature map are known, is the same thing: a scale and a shift for each picture and
channel, y = scale * x + shift. So each function below takes `Statistics` and gives (scale, shift), both [B, C]. One pass applies
them to a whole picture or to a tile of it, and statistics gathered over tiles give the picture that whole ones give.

The conventions differ between papers and codebases in three places, and a checkpoint is only right with its own: whether eps is
added to the variance or to the standard deviation, whether the variance is biased (divided by N) or unbiased (by N - 1), and
whether gamma is a factor or is added to 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

EPS = 1e-5

ScaleShift = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Statistics:
    """Of feature maps [B, C, H, W] over their positions: mean and biased variance, both [B, C]; count = H * W."""

    mean: Tensor
    variance: Tensor
    count: int

    @property
    def unbiased_variance(self) -> Tensor:
        """Divided by H*W - 1, [B, C]."""
        return self.variance * (self.count / max(self.count - 1, 1))

    def over_channels(self) -> Statistics:
        """The same over channels and positions together, [B, 1]: what layer normalization uses.

        By the law of total variance, so nothing but channel statistics is ever measured.
        """
        variance, mean = torch.var_mean(self.mean, dim=1, keepdim=True, correction=0)
        return Statistics(mean, self.variance.mean(dim=1, keepdim=True) + variance, self.count * self.mean.shape[1])


def instance_norm(s: Statistics, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = EPS) -> ScaleShift:
    """IN: weight * (x - mean) / sqrt(var + eps) + bias, biased variance, eps inside the root.

    weight and bias: [C] or [B, C], None for 1 and 0. Ulyanov, Vedaldi and Lempitsky 2016 (arXiv:1607.08022), as in
    torch.nn.InstanceNorm2d: CycleGAN, U-GAT-IT's encoder, StarGAN, MUNIT's content encoder.
    """
    scale = (s.variance + eps).rsqrt()
    if weight is not None:
        scale = scale * weight
    shift = -s.mean * scale
    return scale, shift if bias is None else shift + bias


def mean_variance_norm(s: Statistics, eps: float = EPS) -> ScaleShift:
    """(x - mean) / sqrt(var + eps), UNBIASED variance, eps inside the root: the queries and keys of AdaAttN and SANet.

    Park and Lee 2019 (arXiv:1812.02342); Liu et al. 2021 (arXiv:2108.03647), Huage001/AdaAttN.
    """
    scale = (s.unbiased_variance + eps).rsqrt()
    return scale, -s.mean * scale


def conditional_instance_norm(s: Statistics, gammas: Tensor, betas: Tensor, mixture: Tensor, eps: float = EPS) -> ScaleShift:
    """CIN: instance normalization whose gamma and beta are those of a style, or a mixture of styles.

    gammas, betas: [K, C], a row for each style. mixture: [B, K], rows that sum to 1. Biased variance, eps inside the root.
    Dumoulin, Shlens and Kudlur 2017 (arXiv:1610.07629), equation 5.
    """
    return instance_norm(s, mixture @ gammas, mixture @ betas, eps)


def adaptive_instance_norm(s: Statistics, mean: Tensor, std: Tensor, eps: float = EPS) -> ScaleShift:
    """AdaIN with given parameters: std * (x - mean(x)) / sqrt(var + eps) + mean, biased variance, eps inside the root.

    mean, std: [B, C]; std is the factor itself (MUNIT, FUNIT). Huang and Belongie 2017 (arXiv:1703.06868), equation 8.
    """
    return instance_norm(s, std, mean, eps)


def unbiased_adaptive_instance_norm(
    s: Statistics, mean: Tensor, std: Tensor, strength: float | Tensor = 1.0, eps: float = EPS
) -> ScaleShift:
    """AdaIN as pytorch-AdaIN has it: std * (x - mean(x)) / sqrt(var + eps) + mean, UNBIASED variance, eps inside the root.

    mean, std: [B, C], of the style. strength: from x itself (0) to this (1). MicroAST (arXiv:2211.15313) has the same.
    """
    scale, shift = mean_variance_norm(s, eps)
    return 1 + strength * (scale * std - 1), strength * (shift * std + mean)


def residual_adaptive_instance_norm(s: Statistics, gamma: Tensor, beta: Tensor, eps: float = EPS) -> ScaleShift:
    """AdaIN as StarGAN v2 has it: (1 + gamma) * IN(x) + beta, biased variance, eps inside the root.

    gamma, beta: [B, C]. Choi et al. 2020 (arXiv:1912.01865), clovaai/stargan-v2.
    """
    return instance_norm(s, 1 + gamma, beta, eps)


def instance_layer_norm(
    s: Statistics, rho: Tensor, gamma: Tensor, beta: Tensor, unbiased: bool = True, eps: float = EPS
) -> ScaleShift:
    """ILN and AdaLIN: gamma * (rho * IN(x) + (1 - rho) * LN(x)) + beta, eps inside both roots.

    rho: [C]. gamma, beta: [C] (ILN, learned) or [B, C] (AdaLIN, made from the attention features). The PyTorch code has
    UNBIASED variances, the TensorFlow code biased ones. Kim et al. 2020 (arXiv:1907.10830), equation 1.
    """
    layer = s.over_channels()
    own = s.unbiased_variance if unbiased else s.variance
    common = layer.unbiased_variance if unbiased else layer.variance
    instance, whole = rho * (own + eps).rsqrt(), (1 - rho) * (common + eps).rsqrt()
    return gamma * (instance + whole), beta - gamma * (instance * s.mean + whole * layer.mean)


def layer_norm(s: Statistics, weight: Tensor, bias: Tensor, eps: float = EPS) -> ScaleShift:
    """LN over channels and positions: weight * (x - mean) / sqrt(var + eps) + bias, biased variance, eps inside the root.

    weight, bias: [C]. torch.nn.GroupNorm with one group: AnimeGANv2's "LayerNorm".
    """
    layer = s.over_channels()
    scale = (layer.variance + eps).rsqrt() * weight
    return scale, bias - layer.mean * scale


def munit_layer_norm(s: Statistics, gamma: Tensor, beta: Tensor, eps: float = EPS) -> ScaleShift:
    """LN as MUNIT has it: gamma * (x - mean) / (std + eps) + beta, UNBIASED std, eps OUTSIDE the root.

    gamma, beta: [C]; statistics of each picture by itself. Huang et al. 2018 (arXiv:1804.04732), NVlabs/MUNIT.
    """
    layer = s.over_channels()
    scale = gamma / (layer.unbiased_variance.sqrt() + eps)
    return scale, beta - layer.mean * scale


def batch_norm(mean: Tensor, variance: Tensor, weight: Tensor, bias: Tensor, eps: float = EPS) -> ScaleShift:
    """BN at inference: weight * (x - mean) / sqrt(var + eps) + bias with running statistics, all [C], given as [1, C].

    Ioffe and Szegedy 2015 (arXiv:1502.03167). pix2pix's own test uses the picture's statistics instead: with one picture that
    is `instance_norm` with weight and bias.
    """
    scale = (variance + eps).rsqrt() * weight
    return scale[None], (bias - mean * scale)[None]
