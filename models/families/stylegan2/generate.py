"""StyleGAN2 behind the Generator interface."""

from __future__ import annotations

from torch import Tensor

from ...generation.generator import Generator, Placement, StyledLayer
from ...generation.noise import Noise
from .network import FIRST, GeneratorNetwork, SynthesisBlock


class StyleGAN2(Generator):
    """Any StyleGAN2; W has two rows for each resolution, the last of which drives the last ToRGB."""

    def __init__(self, module: GeneratorNetwork, name: str, title: str, license: str) -> None:
        self.module, self.mapping, self.synthesis = module, module.mapping, module.synthesis
        self.name, self.title, self.license = name, title, license
        mapping, synthesis = module.mapping.config, module.synthesis.config
        self.latent, self.label, self.style = mapping.latent, mapping.label, mapping.style
        self.rows, self.resolution, self.noisy = synthesis.rows, synthesis.resolution, synthesis.noisy
        self.bytes_per_picture = 4 * 4 * max(width * (FIRST << level) ** 2 for level, width in enumerate(synthesis.widths))

    def paint(self, ws: Tensor, noise: Noise, placement: Placement | None = None, half: bool = False, side: int = 0) -> Tensor:
        """placement is for StyleGAN3 alone."""
        return self.synthesis(ws, noise, half, side)

    def noise_shapes(self) -> list[tuple[int, int]]:
        """One for 4 x 4, two for every other resolution."""
        count = len(self.synthesis.config.widths) if self.noisy else 0
        return [(side, side) for side in (FIRST << level for level in range(count)) for _ in range(1 if side == FIRST else 2)]

    def styled_layers(self) -> list[StyledLayer]:
        """Convolutions and the ToRGBs beside them."""
        found, row = [], 0
        for name, block in self.synthesis.named_children():
            assert isinstance(block, SynthesisBlock)
            for layer in ("conv0", "conv1", "torgb"):
                part = getattr(block, layer, None)
                if part is not None:
                    found.append(StyledLayer(f"{name}.{layer}", row, part.affine.weight))
                    row += layer != "torgb"
        return found
