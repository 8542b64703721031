"""UNIT (Liu, Breuel and Kautz 2017, arXiv:1703.00848) as NVlabs/MUNIT has it (CC BY-NC-SA 4.0): one content, no style, both
ways.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from ...architecture import Architecture, Tensors, split
from ...canvas import Canvas
from ...canvas.whole import Whole
from ...translation.translator import BOTH_WAYS, FIRST_WAY, Painted, Sizes, TranslateOptions, Translator
from ..munit import content_config, without_statistics
from ..munit.network import ContentConfig, ContentEncoder, Decoder, plain

CONTAINED = ("a", "b")
PairConfig = tuple[tuple[str, ContentConfig], ...]


class VAEGen(nn.Module):
    """One domain's auto-encoder. Noise is added to the code in training only."""

    def __init__(self, config: ContentConfig) -> None:
        super().__init__()
        self.config = config
        self.enc, self.dec = ContentEncoder(config), Decoder(config, "layer")

    def forward(self, x: Tensor) -> Tensor:
        """x [B, 3, H, W] in -1..1 there and back."""
        canvas = Whole()
        return canvas.close(self.dec(canvas, self.enc(canvas, canvas.open(x)), plain))


class UNIT(Translator):
    """The content by one domain's encoder, painted by the other's decoder."""

    def __init__(self, networks: nn.ModuleDict, name: str, title: str, license: str) -> None:
        self.name, self.title, self.license, self.module = name, title, license, networks
        generators: list[VAEGen] = list(networks.values())  # type: ignore[arg-type]
        self.generators = generators
        self.directions = BOTH_WAYS if len(generators) == 2 else FIRST_WAY
        config = generators[0].config
        self.sizes = Sizes(own=256, multiple=1 << config.downs, usual="picture")
        self.bytes_per_pixel = 16.0 * config.width
        self.resident_bytes_per_pixel = 40 + 4.2 * config.width

    def encode(self, canvas: Canvas, picture: Any, options: TranslateOptions) -> Any:
        return self._of(0 if options.direction == "A to B" else 1).enc(canvas, picture)

    def decode(self, canvas: Canvas, content: Any, code: Tensor | None, options: TranslateOptions) -> Painted:
        generator = self._of(1 if options.direction == "A to B" else 0)
        return Painted(canvas.close(generator.dec(canvas, content, plain)))

    def _of(self, number: int) -> VAEGen:
        return self.generators[number % len(self.generators)]


def is_pair(tensors: Tensors) -> bool:
    """A container of one or two auto-encoders, or a bare one."""
    wanted = {"enc.model.0.conv.weight", "dec.model.0.model.0.model.0.conv.weight"}
    return all(wanted <= part.keys() for part in split(tensors, CONTAINED).values())


def rename(tensors: Tensors, config: PairConfig) -> dict[str, Tensor]:
    """The auto-encoders' parameters."""
    parts = split(tensors, CONTAINED)
    return {f"{n}.{k}": t for n, _ in config for k, t in without_statistics(parts[n]).items()}


ARCHITECTURES = (
    Architecture(
        id="unit",
        kind="translator",
        title="UNIT",
        recognize=is_pair,
        configure=lambda tensors: tuple((n, content_config(part, "enc")) for n, part in split(tensors, CONTAINED).items()),
        build=lambda config: nn.ModuleDict({name: VAEGen(own) for name, own in config}),
        rename=rename,
        license="CC-BY-NC-SA-4.0",
        value_range="RGB -1..1",
        multiple=4,
        translator=UNIT,
    ),
)
