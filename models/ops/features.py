"""Features on a wire: what an encoder saw in a batch of pictures."""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor


@dataclass(frozen=True, repr=False)
class Features:
    """Activations of one encoder at one or more taps.

    levels: tap -> [B, C, h, w]. height, width: of the pictures they came from, so that decoding can crop back.
    encoder: the encoder's name; a decoder refuses features of another one.
    """

    levels: dict[str, Tensor]
    height: int
    width: int
    encoder: str

    @property
    def batch(self) -> int:
        """Number of pictures."""
        return next(iter(self.levels.values())).shape[0]

    def with_levels(self, levels: dict[str, Tensor]) -> Features:
        """The same pictures with other activations."""
        return replace(self, levels=levels)

    def __repr__(self) -> str:
        levels = ", ".join(f"{tap} {'x'.join(map(str, f.shape))}" for tap, f in self.levels.items())
        return f"Features({self.encoder}: {levels}; pictures {self.width}x{self.height})"
