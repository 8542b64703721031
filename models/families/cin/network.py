"""Magenta's pastiche network: a feed-forward transformer whose normalizations take their gamma and beta from a style.

Dumoulin, Shlens and Kudlur 2017 (arXiv:1610.07629) with a table of styles, Ghiasi et al. 2017 (arXiv:1705.06830) with gamma and
beta that are predicted; magenta/models/image_stylization and arbitrary_image_stylization (Apache-2.0). Layers have their
published names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import Tensor, nn

from ...canvas.regions import Regions
from ...ops.normalization import instance_norm

# layer -> (gamma, beta) [1, C] for each region, or of the one style
Affines = Mapping[str, Sequence[tuple[Tensor, Tensor]]]


@dataclass(frozen=True)
class PasticheConfig:
    """widths: channels of the three contracting layers. expand: of the two that enlarge. blocks: residual ones.

    separable: behind the contracting layers a convolution is one by channel and one by position. zeros: borders of zeros, as
    TensorFlow.js has them, instead of reflections. styled_contract: the contracting layers have a style too, else a bias.
    """

    widths: tuple[int, ...]
    expand: tuple[int, ...]
    blocks: int
    separable: bool = False
    zeros: bool = False
    styled_contract: bool = True


def contract_names() -> list[str]:
    """The three contracting layers."""
    return [f"contract/conv{i}" for i in (1, 2, 3)]


def residual_names(blocks: int) -> list[str]:
    """Two layers a block."""
    return [f"residual/residual{b + 1}/conv{j}" for b in range(blocks) for j in (1, 2)]


def expand_names() -> list[str]:
    """Two layers that enlarge, and the last."""
    return [f"expand/conv{i}/conv" for i in (1, 2, 3)]


def convolution(config: PasticheConfig, name: str, inputs: int, outputs: int) -> nn.Module:
    """A layer without its normalization."""
    kernel = 9 if name in ("contract/conv1", "expand/conv3/conv") else 3
    if name.startswith("contract"):
        return nn.Conv2d(inputs, outputs, kernel, 1 if kernel == 9 else 2, bias=not config.styled_contract)
    if not config.separable:
        return nn.Conv2d(inputs, outputs, kernel, bias=False)
    parts = {"depthwise": nn.Conv2d(inputs, inputs, kernel, groups=inputs, bias=False)}
    return nn.ModuleDict({**parts, "pointwise": nn.Conv2d(inputs, outputs, 1, bias=False)})


class PasticheNet(nn.Module):
    """A map of a picture in 0..1 -> a map of the result in 0..1, sides rounded up to multiples of 4."""

    def __init__(self, config: PasticheConfig) -> None:
        super().__init__()
        self.config = config
        layers: dict[str, nn.Module] = {}
        channels = 3
        for name, width in self.widths().items():
            layers[name] = convolution(config, name, channels, width)
            channels = width
        self.layers = nn.ModuleDict(layers)

    def widths(self) -> dict[str, int]:
        """Channels that each layer makes, in the order of the network."""
        config = self.config
        found = dict(zip(contract_names(), config.widths, strict=True))
        found |= dict.fromkeys(residual_names(config.blocks), config.widths[-1])
        return found | dict(zip(expand_names(), (*config.expand, 3), strict=True))

    @property
    def styled(self) -> dict[str, int]:
        """Layers that take a style, with their channels."""
        return {n: w for n, w in self.widths().items() if self.config.styled_contract or not n.startswith("contract")}

    def paint(self, canvas: Any, h: Any, affines: Affines, regions: Regions | None = None) -> Any:
        """affines: gamma and beta of every styled layer, for each region where there are any."""
        styled = partial(_normed, canvas, affines=affines, regions=regions)
        for name in contract_names():
            if self.config.styled_contract:
                h = styled(self._conv(canvas, h, name), name, "relu")
            else:
                h = self._conv(canvas, h, name, "relu")
        names = residual_names(self.config.blocks)
        for first, second in zip(names[::2], names[1::2], strict=True):
            y = styled(self._conv(canvas, h, first), first, "relu")
            h = canvas.add(h, styled(self._conv(canvas, y, second), second, "none"))
        *enlarging, last = expand_names()
        for name in enlarging:
            h = styled(self._doubled(canvas, h, name), name, "relu")
        return styled(self._conv(canvas, h, last), last, "sigmoid")

    def _conv(self, canvas: Any, h: Any, name: str, act: str = "none") -> Any:
        layer, borders = self.layers[name], self._borders()
        if isinstance(layer, nn.ModuleDict):
            depthwise = layer["depthwise"]
            h = canvas.conv(h, depthwise, depthwise.kernel_size[0] // 2, borders)  # type: ignore[index]
            return canvas.conv(h, layer["pointwise"])
        return canvas.conv(h, layer, layer.kernel_size[0] // 2, borders, act)  # type: ignore[index]

    def _doubled(self, canvas: Any, h: Any, name: str) -> Any:
        layer = self.layers[name]
        if isinstance(layer, nn.ModuleDict):
            return self._conv(canvas, canvas.doubled(h), name)
        return canvas.doubled_conv(h, layer, self._borders())

    def _borders(self) -> str:
        return "zeros" if self.config.zeros else "reflect"


def _normed(canvas: Any, h: Any, name: str, act: str, affines: Affines, regions: Regions | None) -> Any:
    """Conditional instance normalization: biased variance, eps 1e-5 (Dumoulin et al., equation 5)."""
    norms = [partial(instance_norm, weight=gamma, bias=beta) for gamma, beta in affines[name]]
    return canvas.norm(h, norms[0], act) if regions is None else canvas.regional_norm(h, norms, regions, act)
