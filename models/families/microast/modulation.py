"""DualMod (Wang et al. 2023, arXiv:2211.15313): a style changes the decoder's features and its filters."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from ...canvas.activation import Activation
from ...canvas.convolution import Kernel
from ...canvas.regions import Regions
from ...ops.normalization import unbiased_adaptive_instance_norm
from ...stylization.style import Style


class Modulation(Protocol):
    """How a style changes what the decoder has at a level ("enc1" or "enc2"): its features, and what a filter makes of them."""

    def features(self, canvas: Any, h: Any, level: str) -> Any:
        """FeatMod: AdaIN with the style's statistics."""
        ...

    def filtered(self, canvas: Any, h: Any, conv: nn.Conv2d, level: str, act: Activation) -> Any:
        """FilterMod: weight * conv(h) + bias * h by channel, then an activation."""
        ...


class WholeModulation:
    """By one style, everywhere."""

    def __init__(self, style: Style) -> None:
        self.style = style

    def features(self, canvas: Any, h: Any, level: str) -> Any:
        return canvas.norm(h, feature_norm(self.style, level))

    def filtered(self, canvas: Any, h: Any, conv: nn.Conv2d, level: str, act: Activation) -> Any:
        return canvas.conv(h, modulated(conv, *filter_factors(self.style, level)), conv.kernel_size[0] // 2, "reflect", act)


class RegionalModulation:
    """By a style for each region."""

    def __init__(self, styles: Sequence[Style], regions: Regions) -> None:
        self.styles, self.regions = styles, regions

    def features(self, canvas: Any, h: Any, level: str) -> Any:
        return canvas.regional_norm(h, [feature_norm(style, level) for style in self.styles], self.regions)

    def filtered(self, canvas: Any, h: Any, conv: nn.Conv2d, level: str, act: Activation) -> Any:
        factors = [filter_factors(style, level) for style in self.styles]
        made = canvas.conv(canvas.fresh(h), conv, conv.kernel_size[0] // 2, "reflect")
        made = canvas.regional_affine(made, [(weight, torch.zeros_like(weight)) for weight, _ in factors], self.regions)
        kept = canvas.regional_affine(h, [(bias, torch.zeros_like(bias)) for _, bias in factors], self.regions)
        return canvas.act(canvas.add(made, kept), act)


def feature_norm(style: Style, level: str) -> partial:
    """The normalization of FeatMod by row 0 of a style."""
    mean, std = style.values[f"{level}.mean"], style.values[f"{level}.std"]
    return partial(unbiased_adaptive_instance_norm, mean=mean, std=std, strength=style.values["alpha"])


def filter_factors(style: Style, level: str) -> tuple[Tensor, Tensor]:
    """weight and bias of FilterMod by row 0 of a style, both [1, C]."""
    return style.values[f"{level}.weight"], style.values[f"{level}.bias"]


def modulated(conv: nn.Conv2d, weight: Tensor, bias: Tensor) -> Kernel:
    """The one filter that gives weight * conv(h) + bias * h: the second term is the kernel's middle."""
    assert conv.bias is not None
    kernel = conv.weight * weight[0, :, None, None, None]
    middle = kernel.shape[-1] // 2
    kernel[:, :, middle, middle] += torch.diag(bias[0])
    return Kernel(kernel.contiguous(memory_format=torch.channels_last), conv.bias * weight[0])
