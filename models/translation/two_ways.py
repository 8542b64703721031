"""Two translators of one file, there and back, as one."""

from __future__ import annotations

import re
from typing import Any

from torch import Tensor, nn

from .style_code import StyleCode
from .translator import BOTH_WAYS, Canvas, Painted, TranslateOptions, Translator

BACK = r"(?i)b_?(?:to|2)_?a|y_?(?:to|2)_?x|(?:^|[._])(?:net)?g?_?(?:ba|yx|f)(?:$|[._])|backward"


class TwoWays(Translator):
    """A to B by the first network and B to A by the second, unless their names say the opposite.

    names: of the two networks in their file. Both are of one architecture.
    """

    directions = BOTH_WAYS

    def __init__(self, first: Translator, second: Translator, names: tuple[str, str]) -> None:
        turned = bool(re.search(BACK, names[0])) and not re.search(BACK, names[1])
        there, back = (second, first) if turned else (first, second)
        self.ways = {"A to B": there, "B to A": back}
        self.name, self.title, self.license = there.name, there.title, there.license
        self.module = nn.ModuleList([there.module, back.module])
        self.sizes, self.needs, self.domains = there.sizes, there.needs, there.domains
        self.code_family, self.code_size = there.code_family, there.code_size
        self.bytes_per_pixel = max(there.bytes_per_pixel, back.bytes_per_pixel)
        self.resident_bytes_per_pixel = max(there.resident_bytes_per_pixel, back.resident_bytes_per_pixel)
        self.has_attention, self.feature_strength, self.tileable = there.has_attention, there.feature_strength, there.tileable

    def encode(self, canvas: Canvas, picture: Any, options: TranslateOptions) -> Any:
        return self.ways[options.direction].encode(canvas, picture, options)

    def decode(self, canvas: Canvas, content: Any, code: Tensor | None, options: TranslateOptions) -> Painted:
        return self.ways[options.direction].decode(canvas, content, code, options)

    def style_of(self, images: Tensor, domain: str) -> StyleCode:
        return self.ways["A to B"].style_of(images, domain)

    def style_by_chance(self, seed: int, count: int, domain: str, truncation: float) -> StyleCode:
        return self.ways["A to B"].style_by_chance(seed, count, domain, truncation)

    def multiple(self, options: TranslateOptions) -> int:
        return self.ways[options.direction].multiple(options)
