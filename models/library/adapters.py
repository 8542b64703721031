"""Names that people choose in Load DEADiff, and the files behind them."""

from __future__ import annotations

from dataclasses import dataclass

from ..families.deadiff import DEADiff, Word
from ..families.deadiff.keep import kept_beside
from .choices import Locate, entry_of
from .misfits import wrong_kind
from .registry import open_checkpoint


@dataclass(frozen=True, eq=False)
class Adapter:
    """A DEADiff for one word, for whoever manages memory."""

    module: DEADiff
    name: str

    @property
    def word(self) -> Word:
        """What it asks pictures for."""
        return self.module.config.word

    def __repr__(self) -> str:
        return f"DEADiff({self.word}: {self.name})"


def load_adapter(choice: str, word: Word, locate: Locate) -> Adapter:
    """The network behind a name for a word. Raises WeightsError when its file is missing, damaged or something else."""
    entry = entry_of(choice)
    path = locate.file(choice) if entry is None else locate.fetch(entry.files[0])
    checkpoint = open_checkpoint(kept_beside(path, word))
    network = checkpoint.build() if checkpoint.kind == "adapter" else None
    if not isinstance(network, DEADiff):
        raise wrong_kind(checkpoint, "DEADiff")
    return Adapter(network, choice)
