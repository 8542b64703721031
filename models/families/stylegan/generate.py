"""StyleGAN behind the Generator interface."""

from __future__ import annotations

from torch import Tensor

from ...generation.generator import Generator, Placement, StyledLayer
from ...generation.noise import Noise
from .network import FIRST, GeneratorNetwork, SynthesisBlock


class StyleGAN(Generator):
    """The first StyleGAN; W has two rows for each resolution."""

    def __init__(self, module: GeneratorNetwork, name: str, title: str, license: str) -> None:
        self.module, self.mapping, self.synthesis = module, module.mapping, module.synthesis
        self.name, self.title, self.license = name, title, license
        config = module.synthesis.config
        self.latent, self.label, self.style = config.mapping.latent, config.mapping.label, config.mapping.style
        self.rows, self.resolution = config.rows, config.resolution
        self.bytes_per_picture = 4 * 5 * max(width * (FIRST << level) ** 2 for level, width in enumerate(config.widths))

    def paint(self, ws: Tensor, noise: Noise, placement: Placement | None = None, half: bool = False, side: int = 0) -> Tensor:
        """In full precision and size; placement is for StyleGAN3 alone."""
        return self.synthesis(ws, noise)

    def noise_shapes(self) -> list[tuple[int, int]]:
        """Two for each resolution."""
        sides = [FIRST << level for level in range(len(self.synthesis.config.widths))]
        return [(side, side) for side in sides for _ in range(2)]

    def styled_layers(self) -> list[StyledLayer]:
        """Every scale and shift; the matrix has both, the scales first."""
        blocks = [b for b in self.synthesis.children() if isinstance(b, SynthesisBlock)]
        names = [f"b{FIRST << i}.{part}" for i in range(len(blocks)) for part in ("epilogue0", "epilogue1")]
        parts = [part for block in blocks for part in (block.epilogue0, block.epilogue1)]
        return [StyledLayer(name, row, part.affine.weight) for row, (name, part) in enumerate(zip(names, parts, strict=True))]
