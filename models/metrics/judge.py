"""A network that measures look through, known by the sha256 of its weights."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

SHORT = 12  # hex digits of a hash in a report


@dataclass(frozen=True, eq=False)
class Judge:
    """architecture: its id. choice: the catalogue's name, or the person's file. identity: sha256 of the file.

    published: whether it is the catalogue's file, whose numbers bear the measure's name.
    """

    architecture: str
    choice: str
    module: nn.Module
    identity: str
    published: bool

    @property
    def weights(self) -> str:
        """For a report."""
        return f"{self.choice}, sha256 {self.identity[:SHORT]}"

    def __repr__(self) -> str:
        return f"Judge({self.weights})"
