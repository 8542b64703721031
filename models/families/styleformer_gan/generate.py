"""Styleformer's generator behind the Generator interface."""

from __future__ import annotations

from torch import Tensor

from ...generation.generator import Generator, Placement, StyledLayer
from ...generation.noise import Noise
from .network import FIRST, Block, GeneratorNetwork


class StyleformerGAN(Generator):
    """W has a row for each attention; its authors always add noise by chance."""

    always_noisy = True

    def __init__(self, module: GeneratorNetwork, name: str, title: str, license: str) -> None:
        self.module, self.mapping, self.synthesis = module, module.mapping, module.synthesis
        self.name, self.title, self.license = name, title, license
        config = module.synthesis.config
        self.latent, self.label, self.style = config.mapping.latent, config.mapping.label, config.mapping.style
        self.rows, self.resolution = config.rows, config.resolution
        self.bytes_per_picture = 4 * 12 * max(width * (FIRST << level) ** 2 for level, width in enumerate(config.widths))

    def paint(self, ws: Tensor, noise: Noise, placement: Placement | None = None, half: bool = False, side: int = 0) -> Tensor:
        """In full precision; placement is for StyleGAN3 alone."""
        return self.synthesis(ws, noise, side)

    def styled_layers(self) -> list[StyledLayer]:
        """Attentions, and the ToRGB of each resolution."""
        found = []
        for row, (name, block) in enumerate(self.synthesis.named_children()):
            assert isinstance(block, Block)
            found.append(StyledLayer(f"{name}.enc", row, block.enc.affine1.weight))
            if block.torgb is not None:
                found.append(StyledLayer(f"{name}.torgb", row + 1, block.torgb.affine.weight))
        return found
