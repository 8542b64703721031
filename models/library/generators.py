"""Names that people choose in Load Generator, and the generators behind them."""

from __future__ import annotations

from ..generation.generator import Generator
from ..weights.catalogue import Entry
from .choices import Locate, entry_of
from .misfits import several, wrong_kind
from .registry import Checkpoint, architecture, open_checkpoint


def load_generator(choice: str, locate: Locate) -> Generator:
    """The generator behind a name. Raises WeightsError when its file is missing, damaged or something else."""
    entry = entry_of(choice)
    if entry is None:
        return as_generator(open_checkpoint(locate.file(choice)), choice)
    return as_generator(open_checkpoint(locate.fetch(entry.files[0])), entry.name, entry)


def present(choice: str, locate: Locate) -> bool:
    """Whether the choice's file is there, so that loading it downloads nothing."""
    entry = entry_of(choice)
    return entry is None or locate.find(entry.files[0]) is not None


def as_generator(checkpoint: Checkpoint, name: str, entry: Entry | None = None) -> Generator:
    """A Generator from a recognized file; title and license from the catalogue where it has the file."""
    checkpoint = checkpoint.of_kind("generator")
    known = architecture(checkpoint.architecture)
    if known.generator is None:
        raise wrong_kind(checkpoint, "generator")
    if any(other.kind == "generator" for other in checkpoint.others):
        raise several(checkpoint, "generator")
    title, license = (entry.title, entry.license.id) if entry else (f"{known.title} ({name})", known.license)
    made = known.generator(checkpoint.build(), name, title, license)
    made.notes = checkpoint.notes
    return made
