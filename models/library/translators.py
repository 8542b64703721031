"""Names that people choose in Load Translator, and the translators behind them."""

from __future__ import annotations

from dataclasses import replace

from .. import families
from ..translation.translator import Translator
from ..translation.two_ways import TwoWays
from ..weights.catalogue import Entry, FileSpec, load_catalogue
from ..weights.errors import WeightsError
from .choices import NIGHT, Locate, entry_of
from .misfits import several, wrong_kind
from .registry import Checkpoint, architecture, open_checkpoint

RGB = 3
LANDMARKS = "landmarks"
NETWORKS = ("networks", "generator")


def load_translator(choice: str, locate: Locate) -> Translator:
    """The translator behind a name. Raises WeightsError when its file is missing, damaged or something else."""
    if choice == NIGHT:
        network = open_checkpoint(families.cyclegan.BUILT_IN).build()
        assert isinstance(network, families.cyclegan.ResnetGenerator)
        return families.cyclegan.CycleGAN(network, NIGHT, NIGHT, "MIT")
    entry = entry_of(choice)
    if entry is None:
        return as_translator(with_landmarks(open_checkpoint(locate.file(choice)), landmarks_spec(), locate), choice)
    paths = {spec.role: locate.fetch(spec) for spec in entry.files if spec.role != LANDMARKS}
    checkpoint = open_checkpoint(next(paths[role] for role in NETWORKS if role in paths))
    spec = next((spec for spec in entry.files if spec.role == LANDMARKS), None)
    return as_translator(with_landmarks(checkpoint, spec, locate), entry.name, entry)


def as_translator(checkpoint: Checkpoint, name: str, entry: Entry | None = None) -> Translator:
    """A Translator from a recognized file; title, license and names of domains from the catalogue where it has the file.

    Two networks of one architecture are the way there and the way back.
    """
    checkpoint = checkpoint.of_kind("translator")
    known = architecture(checkpoint.architecture)
    if known.translator is None:
        raise wrong_kind(checkpoint, "translator")
    back = [other for other in checkpoint.others if other.kind == "translator"]
    if len(back) > 1 or any(other.architecture != checkpoint.architecture for other in back):
        raise several(checkpoint, "translator")
    title, license = (entry.title, entry.license.id) if entry else (f"{known.title} ({name})", known.license)
    ways = [known.translator(_of_three_channels(one).build(), name, title, license) for one in (checkpoint, *back)]
    made = TwoWays(ways[0], ways[1], (checkpoint.name, back[0].name)) if back else ways[0]
    made.notes = checkpoint.notes
    if entry and len(entry.domains) == len(made.domains):
        made.domains = entry.domains
    return made


def _of_three_channels(checkpoint: Checkpoint) -> Checkpoint:
    if getattr(checkpoint.config, "inputs", RGB) != RGB:
        raise WeightsError(
            f"{checkpoint.path.name} takes pictures of {checkpoint.config.inputs} channels, not of three: choose another file"
        )
    return checkpoint


def with_landmarks(checkpoint: Checkpoint, spec: FileSpec | None, locate: Locate) -> Checkpoint:
    """StarGAN v2's container with the landmark network that its masks need, where the container has the branch but not the
    network.

    Without the file the network still works, with fewer of the face's details.
    """
    config = checkpoint.config
    if not isinstance(config, families.stargan2.StarGAN2Config) or not config.generator.highpass or config.fan or spec is None:
        return checkpoint
    path = locate.find(spec)
    if path is None:
        return checkpoint
    found = open_checkpoint(path)
    if found.architecture != "stargan2-fan":
        raise wrong_kind(found, LANDMARKS)
    tensors = {**checkpoint.tensors, **{f"fan.{key}": tensor for key, tensor in found.tensors.items()}}
    return replace(checkpoint, tensors=tensors, config=replace(config, fan=found.config))


def landmarks_spec() -> FileSpec | None:
    """The catalogued landmark network."""
    return next((s for e in load_catalogue().entries for s in e.files if s.role == LANDMARKS), None)
