"""Style transfer in one call: what every feed-forward method offers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from .progress import Progress, silent


@dataclass(frozen=True)
class StylizeOptions:
    """strength: 0 (the picture through the network unchanged) to 1. weights: one per style, empty for equal ones.

    content_masks: one per style, [B, 1, H, W] in 0..1 of any size; each style is taken into its region with statistics
    of that region, what no mask covers keeps its own. Empty: every style everywhere, mixed by the weights.
    style_masks: where each style's statistics come from; None for the whole picture.
    transform: "own" or one of ops.transfer.METHODS. tile: side of the tiles in pixels, 0 for the whole picture.
    """

    strength: float = 1.0
    weights: tuple[float, ...] = ()
    content_masks: tuple[Tensor, ...] = ()
    style_masks: tuple[Tensor | None, ...] = ()
    transform: str = "own"
    tile: int = 0

    def checked(self, styles: int) -> StylizeOptions:
        """Raise ValueError unless weights and masks pair up with the styles."""
        if not styles:
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

    bytes_per_pixel: peak memory per pixel of the picture (or tile) that is worked on.
    transforms: names that StylizeOptions.transform may have besides "own".
    """

    name: str
    title: str
    licence: str
    module: nn.Module
    bytes_per_pixel: float
    transforms: tuple[str, ...] = ()

    @abstractmethod
    def stylize(
        self,
        content: Tensor,
        styles: Sequence[Tensor],
        options: StylizeOptions = StylizeOptions(),
        progress: Progress = silent,
    ) -> Tensor:
        """content [B, 3, H, W] and styles [S, 3, h, w] in 0..1 -> [max(B, S, ...), 3, H, W] in 0..1.

        Shorter batches repeat. Raises ValueError, one sentence, for options that do not fit.
        """

    def __repr__(self) -> str:
        return f"Stylizer({self.title}, {self.licence})"
