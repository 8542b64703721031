"""MUNIT as a translator."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ...canvas import Canvas
from ...ops.padding import same_size
from ...translation.style_code import StyleCode
from ...translation.translator import BOTH_WAYS, FIRST_WAY, Painted, Sizes, TranslateOptions, Translator, towards
from .network import AdaINGen

DOMAINS = ("A", "B")
OWN_SIDE = 256


class MUNIT(Translator):
    """The content by one domain's encoder, painted in a style by the other's decoder. Codes drawn by chance are N(0, 1)."""

    needs = "style code"
    feature_strength = True

    def __init__(self, networks: nn.ModuleDict, name: str, title: str, license: str) -> None:
        self.name, self.title, self.license, self.module = name, title, license, networks
        generators: list[AdaINGen] = list(networks.values())  # type: ignore[arg-type]
        self.generators = generators
        self.directions = BOTH_WAYS if len(generators) == 2 else FIRST_WAY
        self.domains = DOMAINS if len(generators) == 2 else ()
        config = generators[0].config
        self.code_family, self.code_size = "MUNIT", config.style
        self.sizes = Sizes(own=OWN_SIDE, multiple=1 << config.content.downs, usual="picture")
        self.bytes_per_pixel = 16.0 * config.content.width
        self.resident_bytes_per_pixel = 40 + 4.2 * config.content.width

    def encode(self, canvas: Canvas, picture: Any, options: TranslateOptions) -> Any:
        return self._of(0 if options.direction == "A to B" else 1).enc_content(canvas, picture)

    def decode(self, canvas: Canvas, content: Any, code: Tensor | None, options: TranslateOptions) -> Painted:
        assert code is not None
        generator = self._of(1 if options.direction == "A to B" else 0)
        return Painted(canvas.close(generator.render(canvas, canvas.fresh(content, len(code)), code)))

    def weakened(self, x: Tensor, values: Tensor, options: TranslateOptions) -> Tensor:
        target = DOMAINS[1 if options.direction == "A to B" else 0] if self.domains else ""
        own = self.style_of(x, target).values.to(x)
        return towards(own, values, options.strength)

    def style_of(self, images: Tensor, domain: str) -> StyleCode:
        """A code for each picture; "" is domain B. Pictures above 256 pixels are made smaller, as in the authors' test."""
        number = self.domain_number(domain) if domain else 1
        x = with_shorter_side_at_most(images, OWN_SIDE) * 2 - 1
        return StyleCode(self._of(number).enc_style(x).cpu(), self.code_family, domain)

    def style_by_chance(self, seed: int, count: int, domain: str, truncation: float) -> StyleCode:
        """Standard normal codes, times the truncation."""
        self.domain_number(domain)
        drawn = torch.randn(count, self.code_size, generator=torch.Generator().manual_seed(seed))
        return StyleCode(drawn * truncation, self.code_family, domain)

    def _of(self, number: int) -> AdaINGen:
        return self.generators[number % len(self.generators)]


def with_shorter_side_at_most(images: Tensor, side: int) -> Tensor:
    """Pictures [B, 3, H, W], made smaller where their shorter side is longer than `side`."""
    height, width = images.shape[-2:]
    scale = side / min(height, width)
    return images if scale >= 1 else same_size(images, round(height * scale), round(width * scale))
