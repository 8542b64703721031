"""U-GAT-IT as a translator: one or both directions, and where the network looked."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from ...canvas import Canvas
from ...translation.translator import BOTH_WAYS, FIRST_WAY, Direction, Painted, Sizes, TranslateOptions, Translator
from .network import Generator

WAYS: dict[Direction, str] = {"A to B": "genA2B", "B to A": "genB2A"}


class UGATIT(Translator):
    """A is the photograph and B the drawing in the published files. The authors stretch every picture to 256 pixels."""

    has_attention = True
    feature_strength = True

    def __init__(self, networks: nn.ModuleDict, name: str, title: str, license: str) -> None:
        self.name, self.title, self.license, self.module = name, title, license, networks
        self.networks = networks
        self.directions = BOTH_WAYS if len(networks) == 2 else FIRST_WAY
        some: Generator = next(iter(networks.values()))  # type: ignore[assignment]
        fixed = some.config.size
        self.sizes = Sizes(own=fixed or 256, multiple=4, usual="network", fixed=bool(fixed))
        self.bytes_per_pixel = 14.0 * some.config.width
        self.resident_bytes_per_pixel = 40 + 3.2 * some.config.width

    def encode(self, canvas: Canvas, picture: Any, options: TranslateOptions) -> Any:
        return picture

    def decode(self, canvas: Canvas, content: Any, code: Tensor | None, options: TranslateOptions) -> Painted:
        names = list(self.networks)
        network: Generator = self.networks[WAYS[options.direction] if len(names) == 2 else names[0]]  # type: ignore[assignment]
        drawn = network.paint(canvas, content, options.strength if options.strength_in == "features" else 1.0)
        return Painted(canvas.close(drawn.picture), drawn.heat)
