"""StarGAN v2 as a translator: a face or an animal in the style of a reference picture, or in one drawn by chance."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn

from ...canvas import Canvas
from ...canvas.whole import Whole
from ...ops.padding import same_size
from ...translation.style_code import StyleCode
from ...translation.translator import Painted, Sizes, TranslateOptions, Translator
from .fan import FAN
from .network import Content, Generator, MappingNetwork, StyleEncoder

KNOWN_DOMAINS = {2: ("female", "male"), 3: ("cat", "dog", "wild")}
AVERAGED = 10_000  # styles whose mean truncation goes towards
AVERAGE_SEED = 0


@dataclass(frozen=True)
class Encoded:
    """The content, and masks of the face where the network has the branch for them."""

    content: Content
    masks: tuple[Tensor, Tensor] | None


class StarGAN2(Translator):
    """networks: generator, mapping_network, style_encoder, and fan where details of the face are kept."""

    needs = "style code"
    feature_strength = True
    tileable = False
    bytes_per_pixel = 2600.0

    def __init__(self, networks: nn.ModuleDict, name: str, title: str, license: str) -> None:
        self.name, self.title, self.license, self.module = name, title, license, networks
        self.generator: Generator = networks["generator"]  # type: ignore[assignment]
        self.mapping: MappingNetwork = networks["mapping_network"]  # type: ignore[assignment]
        self.encoder: StyleEncoder = networks["style_encoder"]  # type: ignore[assignment]
        self.fan: FAN | None = getattr(networks, "fan", None)  # type: ignore[assignment]
        config = self.generator.config
        halvings = len(config.widths) - 2
        self.sizes = Sizes(own=config.side, multiple=1 << halvings, usual="network")
        count = len(self.mapping.unshared)
        self.domains = KNOWN_DOMAINS.get(count, tuple(f"domain {i + 1}" for i in range(count)))
        self.code_family, self.code_size = "StarGAN v2", config.style

    def encode(self, canvas: Canvas, picture: Any, options: TranslateOptions) -> Encoded:
        assert isinstance(canvas, Whole)
        masks = self.fan.masks(picture) if self.fan is not None and self.generator.config.highpass else None
        return Encoded(self.generator.content(canvas, picture, masks is not None), masks)

    def decode(self, canvas: Canvas, content: Encoded, code: Tensor | None, options: TranslateOptions) -> Painted:
        assert code is not None
        return Painted(self.generator.render(canvas, content.content, code, content.masks))

    def style_of(self, images: Tensor, domain: str) -> StyleCode:
        """A code for each picture, resized to the network's own side."""
        x = same_size(images, self.sizes.own, self.sizes.own) * 2 - 1
        which = torch.full((len(x),), self.domain_number(domain), device=x.device)
        return StyleCode(self.encoder(x, which).cpu(), self.code_family, domain or self.domains[0])

    def style_by_chance(self, seed: int, count: int, domain: str, truncation: float) -> StyleCode:
        """Latents drawn by the seed through the mapping network. truncation: between the mean of 10,000 styles and the drawn
        one.
        """
        device, number = next(self.mapping.parameters()).device, self.domain_number(domain)
        codes = self._mapped(latents(seed, count, self._latent_size).to(device), number)
        if truncation != 1:
            mean = self._mapped(latents(AVERAGE_SEED, AVERAGED, self._latent_size).to(device), number).mean(dim=0, keepdim=True)
            codes = torch.lerp(mean.expand_as(codes), codes, truncation)
        return StyleCode(codes.cpu(), self.code_family, domain or self.domains[0])

    @property
    def _latent_size(self) -> int:
        return self.mapping.shared[0].in_features  # type: ignore[return-value]

    def _mapped(self, z: Tensor, domain: int) -> Tensor:
        return self.mapping(z, torch.full((len(z),), domain, device=z.device))


@lru_cache(maxsize=8)
def latents(seed: int, count: int, size: int) -> Tensor:
    """Standard normal numbers [count, size], the same on every machine."""
    return torch.randn(count, size, generator=torch.Generator().manual_seed(seed))
