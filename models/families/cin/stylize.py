"""Conditional instance normalization as a stylizer: one network, a table of styles, and everything between them."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from ...canvas import Canvas
from ...canvas.regions import Regions
from ...stylization.canvas_stylizer import CanvasStylizer
from ...stylization.style import Style
from .network import PasticheConfig, PasticheNet


class StyledPastiche(nn.Module):
    """The pastiche network with a table of gammas and betas [styles, C] for each layer."""

    def __init__(self, config: PasticheConfig, styles: int) -> None:
        super().__init__()
        self.net = PasticheNet(config)
        self.gammas, self.betas = self._tables(styles), self._tables(styles)

    def _tables(self, styles: int) -> nn.ParameterDict:
        any_weight = next(self.net.parameters())
        return nn.ParameterDict({name: nn.Parameter(any_weight.new_zeros(styles, n)) for name, n in self.net.styled.items()})


class MultiStyle(CanvasStylizer):
    """Any size, whole or tiled; styles are rows of the network's own table, mixtures of them, and regions of them.

    Without a style the first is painted. Strength blends picture and result.
    """

    needs_style = False
    takes_pictures = False

    def __init__(self, network: StyledPastiche, name: str, title: str, license: str) -> None:
        self.name, self.title, self.license, self.module = name, title, license, network
        self.network = network
        self.style_kind = f"cin:{name}"
        self.own_styles = tuple(f"style {i + 1}" for i in range(len(next(network.gammas.parameters()))))
        # measured, with regions: the widest moment is a full-size map with its scales, shifts and padded copy
        self.bytes_per_pixel = 20.5 * network.net.config.widths[0]
        self.resident_bytes_per_pixel = 40 + 12.5 * network.net.config.widths[0]

    def own_style(self, name: str) -> Style:
        """One row of the table."""
        if name not in self.own_styles:
            known = f"{self.own_styles[0]} to {self.own_styles[-1]}"
            raise ValueError(f"{self.title} has no style called {name!r}: choose one of {known}")
        row = self.own_styles.index(name)
        values = {}
        for layer in self.network.net.styled:
            values[f"{layer}.gamma"] = self.network.gammas[layer][row][None]
            values[f"{layer}.beta"] = self.network.betas[layer][row][None]
        return Style(self.style_kind, values, name)

    def default_style(self) -> Style:
        """The first row."""
        return self.own_style(self.own_styles[0])

    def paint(self, canvas: Canvas, picture: Tensor, codes: Sequence[Style], regions: Regions | None) -> Tensor:
        affines = {
            layer: [(code.value(f"{layer}.gamma", 0, 1), code.value(f"{layer}.beta", 0, 1)) for code in codes]
            for layer in self.network.net.styled
        }
        return canvas.close(self.network.net.paint(canvas, canvas.open(picture.clone()), affines, regions))
