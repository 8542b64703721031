"""Style transfer in one call: what every feed-forward method offers."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn
from torch import compile as faster  # under its own name the registry takes it for the built-in that makes code

from ..progress import Progress, silent
from ..video.statistics import ContentStatistics
from .style import Style, blend


@dataclass(frozen=True)
class StylizeOptions:
    """strength: 0 (the picture through the network unchanged) to 1. weights: one per style, empty for equal ones.

    content_masks: one per style, [B, 1, H, W] in 0..1 of any size; each style is taken into its region with statistics
    of that region, what no mask covers keeps its own. Empty: every style everywhere, mixed by the weights.
    style_masks: where each style's statistics come from; None for the whole picture.
    transform: "own" or one of ops.transfer.METHODS. tile: side of the tiles in pixels, 0 for the whole picture.
    content_statistics: what remembers the content's statistics from frame to frame, where the pictures are those of a clip.
    half: convolutions in half precision, statistics and transfers in float32; ignored where it would change the picture.
    """

    strength: float = 1.0
    weights: tuple[float, ...] = ()
    content_masks: tuple[Tensor, ...] = ()
    style_masks: tuple[Tensor | None, ...] = ()
    transform: str = "own"
    tile: int = 0
    content_statistics: ContentStatistics | None = None
    half: bool = False

    def checked(self, styles: int, needed: bool = True) -> StylizeOptions:
        """Raise ValueError unless weights and masks pair up with the styles, of which there may be none where none is needed."""
        if not styles and needed:
            raise ValueError("styles is empty: give at least one style picture")
        for name, given in (("weights", self.weights), ("content_masks", self.content_masks)):
            if given and len(given) != styles:
                raise ValueError(f"{name} has {len(given)} entries for {styles} styles: give one for each style")
        if len(self.style_masks) > styles:
            raise ValueError(f"style_masks has {len(self.style_masks)} entries for {styles} styles: remove some")
        if self.weights and (min(self.weights) < 0 or sum(self.weights) <= 0):
            raise ValueError("weights must not be negative and at least one must be above 0")
        return self


class Stylizer(ABC):
    """ATELIER_STYLIZER. `module` holds every weight, for whoever manages memory.

    style_kind: the kind of Style it makes and takes, "" where it has but one style.
    bytes_per_pixel: peak memory per pixel of the picture (or tile) that is worked on; resident_bytes_per_pixel: memory per pixel
    of the whole picture that tiles cannot save.
    transforms: names that StylizeOptions.transform may have besides "own".
    needs_style: False where stylize works without any style (one trained style, or a first one of its own).
    takes_pictures: False where styles are only its own, by name. own_styles: the names of those.
    supports_masks: honors content_masks and style_masks. exact_tiles: honors tile, with the result of the whole picture;
    without it pictures are always worked on whole. has_statistics: honors content_statistics. has_half: honors half.
    """

    name: str
    title: str
    license: str
    notes: tuple[str, ...] = ()
    module: nn.Module
    bytes_per_pixel: float
    resident_bytes_per_pixel: float = 0.0
    style_kind: str = ""
    transforms: tuple[str, ...] = ()
    needs_style: bool = True
    takes_pictures: bool = True
    own_styles: tuple[str, ...] = ()
    supports_masks: bool = True
    exact_tiles: bool = True
    has_statistics: bool = False
    has_half: bool = False

    @abstractmethod
    def stylize(
        self,
        content: Tensor,
        styles: Sequence[Tensor | Style],
        options: StylizeOptions = StylizeOptions(),
        progress: Progress = silent,
    ) -> Tensor:
        """content [B, 3, H, W] and styles, pictures [S, 3, h, w] in 0..1 or what `style_of` took from such -> [max(B, S, ...), 3,
        H, W] in 0..1.

        Shorter batches repeat. Raises ValueError, one sentence, for options that do not fit.
        """

    def style_of(self, style: Tensor, mask: Tensor | None = None, tile: int = 0, progress: Progress = silent) -> Style:
        """The styles of pictures [B, 3, h, w] in 0..1, or of what a mask [B, 1, h, w] in 0..1 covers of them: a row each.

        In place of the pictures they give the same result. Raises ValueError where the network has only styles of its own.
        """
        raise ValueError(f"{self.title} takes no style from a picture: {self._what_instead()}")

    def own_style(self, name: str) -> Style:
        """A style that the network holds. Raises ValueError for names that are not in `own_styles`."""
        raise ValueError(f"{self.title} has no style called {name!r}: it takes styles from pictures")

    def mix(self, styles: Sequence[Style], weights: Sequence[float]) -> Style:
        """The weighted mean of its styles: see `style.blend`."""
        return blend(styles, weights)

    def exchange(self, stroke: Style, background: Style) -> Style:
        """A style with the strokes of one and the background of another. Raises ValueError where the method has no such parts."""
        raise ValueError(
            f"{self.title} does not keep strokes and background apart: load a StyleFormer, or mix the styles in Blend Styles"
        )

    def compiled(self) -> Stylizer:
        """The same stylizer, whose work PyTorch compiles when it first paints."""
        made = copy.copy(self)
        made.stylize = faster(self.stylize)  # type: ignore[method-assign]
        return made

    def check(self, styles: Sequence[Tensor | Style], options: StylizeOptions) -> StylizeOptions:
        """Raise ValueError, one sentence, for styles and options that the method cannot honor."""
        if styles and not self.style_kind:
            raise ValueError(f"styles holds {len(styles)} and {self.title} has one style of its own: disconnect them")
        options.checked(len(styles), self.needs_style)
        if options.transform not in ("own", *self.transforms):
            known = ", ".join(("own", *self.transforms))
            raise ValueError(f"there is no transfer method {options.transform!r} for {self.title}: choose one of {known}")
        if not self.supports_masks:
            for name, given in (("content_masks", options.content_masks), ("style_masks", options.style_masks)):
                if any(mask is not None for mask in given):
                    raise ValueError(f"{name} is connected and {self.title} has no regions: disconnect it")
        if options.content_statistics is not None and not self.has_statistics:
            raise ValueError(f"content_statistics are remembered and {self.title} uses none: choose to measure every frame")
        for index, style in enumerate(styles):
            if not isinstance(style, Style):
                if not self.takes_pictures:
                    raise ValueError(f"{self.title} takes no style from a picture: {self._what_instead()}")
                continue
            if style.kind != self.style_kind:
                raise ValueError(
                    f"a style is of {style.kind} and {self.title} takes {self.style_kind}: take it with this stylizer"
                )
            if index < len(options.style_masks) and options.style_masks[index] is not None:
                raise ValueError("style_masks is connected for a style that was taken before: connect the mask where it is taken")
        return options

    def _what_instead(self) -> str:
        return f"choose one of its own ({', '.join(self.own_styles)})" if self.own_styles else "it was trained for one style"

    def __repr__(self) -> str:
        return f"Stylizer({self.title}, {self.license})"
