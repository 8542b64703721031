"""Strokes, filters and patches as stylizers, so that they stand beside networks in Stylize and Compare Stylizers."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..classical.drawn_filters import FILTERS
from ..classical.filters import Scale
from ..classical.guides import brightness_guide, edges
from ..classical.hertzmann import STYLES
from ..classical.painting import Curved, Wish, painted
from ..classical.patch_synthesis import Guide, PatchSettings, synthesize
from ..classical.quilting import TransferSettings, transfer_texture
from ..ops.batches import rows_of
from ..ops.masks import blended
from ..ops.padding import same_size
from ..progress import Progress, silent
from ..stylization.style import Style
from ..stylization.stylizer import StylizeOptions, Stylizer
from .choices import FILTER_FROM, PATCHES, STROKES_FROM, TEXTURE, WITHOUT

KIND = "strokes"
PAINTING_SIDE = 512  # pixels of the longer side of a painting whose strokes are kept


def stylizer(name: str) -> Stylizer:
    """The one of a name in the list."""
    short = name.removesuffix(WITHOUT)
    if short.startswith(STROKES_FROM):
        return StrokeStylizer(short.removeprefix(STROKES_FROM))
    if short in (PATCHES, TEXTURE):
        return PatchStylizer(short)
    return FilterStylizer(short.removeprefix(FILTER_FROM))


class Classical(Stylizer):
    """A method without weights; it works whole pictures, in strips of its own where it can."""

    license = "no weights"
    bytes_per_pixel = 300.0
    needs_style = False
    supports_masks = False
    exact_tiles = False

    def __init__(self, name: str, title: str) -> None:
        self.name, self.title, self.module = name, title, nn.Identity()


class FilterStylizer(Classical):
    """One of `FILTERS` in its usual look."""

    def __init__(self, name: str) -> None:
        super().__init__(name, name.capitalize())
        look = FILTERS[name]
        self.filter = look.look(next(iter(look.looks)))

    def stylize(
        self,
        content: Tensor,
        styles: Sequence[Tensor | Style],
        options: StylizeOptions = StylizeOptions(),
        progress: Progress = silent,
    ) -> Tensor:
        self.check(styles, options)
        scale = Scale.of(*content.shape[-2:])
        made = torch.cat([self.filter.apply(rgb, scale, progress=progress) for rgb in content.split(1)])
        return blended(made, content, options.strength)


class PaintingStylizer(Classical):
    """A method that takes from one painting as it is; kept as a style, it is the painting at a smaller size."""

    style_kind = KIND

    def paint(self, content: Tensor, painting: Tensor | None, progress: Progress) -> Tensor:
        """One picture [1, 3, H, W] from one painting [1, 3, h, w]."""
        raise NotImplementedError

    def stylize(
        self,
        content: Tensor,
        styles: Sequence[Tensor | Style],
        options: StylizeOptions = StylizeOptions(),
        progress: Progress = silent,
    ) -> Tensor:
        self.check(styles, options)
        if len(styles) > 1:
            raise ValueError(f"styles holds {len(styles)} and {self.title} takes one: disconnect the others")
        painting = None
        if styles:
            first = styles[0]
            painting = first.values["painting"] if isinstance(first, Style) else first
        batch = max(content.shape[0], 0 if painting is None else painting.shape[0])
        made = []
        for number in range(batch):
            rgb = rows_of(content, number, number + 1)
            own = None if painting is None else rows_of(painting, number, number + 1).to(rgb)
            made.append(self.paint(rgb, own, progress))
        return blended(torch.cat(made), rows_of(content, 0, batch), options.strength)

    def style_of(self, style: Tensor, mask: Tensor | None = None, tile: int = 0, progress: Progress = silent) -> Style:
        if mask is not None:
            raise ValueError(f"style_mask is connected and {self.title} measures whole paintings: disconnect it")
        height, width = style.shape[-2:]
        factor = min(1.0, PAINTING_SIDE / max(height, width))
        small = same_size(style, max(1, round(height * factor)), max(1, round(width * factor)))
        return Style(KIND, {"painting": small}, f"a painting of {width}x{height}")

    def mix(self, styles: Sequence[Style], weights: Sequence[float]) -> Style:
        raise ValueError(f"{self.title} takes the strokes of one painting and mixes none: connect one style")


class StrokeStylizer(PaintingStylizer):
    """Hertzmann's strokes; with a painting in its colors, and as broad and long as its strokes."""

    def __init__(self, name: str) -> None:
        super().__init__(name, f"Strokes, {name}")
        self.method = Curved(STYLES[name])

    def paint(self, content: Tensor, painting: Tensor | None, progress: Progress) -> Tensor:
        wish = Wish(self.method, from_style="nothing" if painting is None else "strokes and colors")
        return painted(content, wish, painting, progress=progress).picture


class PatchStylizer(PaintingStylizer):
    """Patches of a painting where brightness and edges are alike, or blocks of it as a texture."""

    needs_style = True

    def __init__(self, name: str) -> None:
        super().__init__(name, name)

    def paint(self, content: Tensor, painting: Tensor | None, progress: Progress) -> Tensor:
        assert painting is not None
        if self.name == TEXTURE:
            return transfer_texture(painting, content, TransferSettings(), progress)
        size, settings = (content.shape[2], content.shape[3]), PatchSettings()
        least = 2 * settings.patch + 1
        if min(*size, *painting.shape[-2:]) < least:
            raise ValueError(
                f"content and styles must have at least {least}x{least} pixels for {self.title}: connect larger ones"
            )
        guides = [Guide(*brightness_guide(painting, content), 6.0), Guide(edges(painting), edges(content), 1.0)]
        return synthesize(painting, guides, size, settings, progress).picture
