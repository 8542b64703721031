"""StyleGAN3 behind the Generator interface."""

from __future__ import annotations

from math import cos, radians, sin

import torch
from torch import Tensor

from ...generation.generator import ALL_ROWS, COARSE_TO, MIDDLE_TO, Generator, Group, Placement, StyledLayer
from ...generation.noise import Noise
from .network import GeneratorNetwork, SynthesisLayer


class StyleGAN3(Generator):
    """T or R; the first row of W places the picture, each layer has one more."""

    movable = True
    noisy = False

    def __init__(self, module: GeneratorNetwork, name: str, title: str, license: str) -> None:
        self.module, self.mapping, self.synthesis = module, module.mapping, module.synthesis
        self.name, self.title, self.license = name, title, license
        mapping, synthesis = module.mapping.config, module.synthesis.config
        self.latent, self.label, self.style = mapping.latent, mapping.label, mapping.style
        self.rows, self.resolution = synthesis.rows, synthesis.resolution
        self.bytes_per_picture = 4 * 6 * max(layer.outputs * (2 * layer.sides[1]) ** 2 for layer in synthesis.layers())

    def paint(self, ws: Tensor, noise: Noise, placement: Placement | None = None, half: bool = False, side: int = 0) -> Tensor:
        """There is no noise, and the whole picture is made for every `side`."""
        return self.synthesis(ws, None if placement is None else inverse_matrix(placement), half)

    def styled_layers(self) -> list[StyledLayer]:
        """The layers and ToRGB; the input has no style but its placement."""
        layers = (getattr(self.synthesis, name) for name in self.synthesis.names)
        return [
            StyledLayer(layer.config.name, row, layer.affine.weight)
            for row, layer in enumerate(layers, 1)
            if isinstance(layer, SynthesisLayer)
        ]

    def rows_of(self, group: Group) -> range:
        """The same parts of the layers as in a generator of 18 rows."""
        first, second = round(self.rows * COARSE_TO / ALL_ROWS), round(self.rows * MIDDLE_TO / ALL_ROWS)
        return {"coarse": range(first), "middle": range(first, second), "fine": range(second, self.rows)}[group]


def inverse_matrix(placement: Placement) -> Tensor:
    """The matrix [3, 3] from places of the moved picture to places of the unmoved."""
    angle = radians(placement.degrees)
    c, s = cos(angle), sin(angle)
    matrix = torch.tensor([[c, s, placement.right], [-s, c, placement.down], [0, 0, 1]], dtype=torch.float64)
    return torch.linalg.inv(matrix).float()
