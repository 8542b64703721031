"""Names that people choose in a loader node, and the encoders, decoders and stylizers behind them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Protocol

from .decoders.decoder import Decoder
from .decoders.inverse_vgg import InverseVGG
from .encoders.encoder import Encoder
from .encoders.filter_bank import filter_bank
from .encoders.vgg import VGG
from .families import adain, pocket, wct
from .families.pocket.network import Pocket
from .registry import Checkpoint, architecture, open_checkpoint
from .stylizer import Stylizer
from .weights.catalogue import SIDECAR_SUFFIXES, Entry, FileSpec, load_catalogue
from .weights.errors import WeightsError

POCKET = "Pocket (built-in)"
FILTER_BANK = "Filter bank (built-in)"
POCKET_VGG = "Pocket VGG (built-in)"
POCKET_VGG_FILE = Path(__file__).parent / "encoders" / "pocket_vgg.safetensors"


class Locate(Protocol):
    """Where files are: the host's folders and the downloader stand behind it."""

    def file(self, name: str) -> Path:
        """A person's own file by the name the loader listed it under."""
        ...

    def fetch(self, spec: FileSpec) -> Path:
        """A catalogued file, downloaded and checked when missing."""
        ...

    def find(self, spec: FileSpec) -> Path | None:
        """A catalogued file that is there already, or None."""
        ...


def catalogue_names(kind: str) -> list[str]:
    """Names of the catalogue's entries of a kind, the recommended ones first."""
    entries = [e for e in load_catalogue().entries if e.kind == kind]
    return [e.name for e in sorted(entries, key=lambda e: not e.recommended)]


def encoder_choices(files: Iterable[str]) -> list[str]:
    """Built-in encoders, catalogued ones, then the person's files."""
    return [POCKET, POCKET_VGG, FILTER_BANK, *catalogue_names("encoder"), *own(files)]


def decoder_choices(files: Iterable[str]) -> list[str]:
    """Built-in decoders, those inside catalogued stylizers, then the person's files."""
    return [POCKET, *catalogued_decoders(), *own(files)]


def stylizer_choices(files: Iterable[str]) -> list[str]:
    """Built-in stylizers, catalogued ones, then the person's files."""
    return [POCKET, *catalogue_names("stylizer"), *own(files)]


def own(files: Iterable[str]) -> list[str]:
    """Files that are neither the catalogue's nor the downloader's and converter's own."""
    catalogued = {spec.path for entry in load_catalogue().entries for spec in entry.files}
    return sorted(f for f in files if f.replace("\\", "/") not in catalogued and not f.endswith(SIDECAR_SUFFIXES))


def catalogued_decoders() -> dict[str, FileSpec]:
    """ "adain/decoder" -> its file, for every decoder of a catalogued stylizer."""
    entries = [e for e in load_catalogue().entries if e.kind == "stylizer"]
    return {f"{e.name}/{s.role}": s for e in entries for s in e.files if s.role.startswith("decoder")}


def entry_of(choice: str) -> Entry | None:
    """The catalogue's entry of this name."""
    return next((e for e in load_catalogue().entries if e.name == choice), None)


def load_encoder(choice: str, locate: Locate) -> Encoder:
    """The encoder behind a name. Raises WeightsError when its file is missing, damaged or something else."""
    if choice == POCKET:
        return pocket.as_encoder(_built_in_pocket())
    if choice == FILTER_BANK:
        return filter_bank()
    if choice == POCKET_VGG:
        network = as_encoder(open_checkpoint(POCKET_VGG_FILE)).module
        assert isinstance(network, VGG)
        return Encoder("pocket-vgg", "Pocket VGG", network, network, ["relu1_1", "relu2_1", "relu3_1", "relu4_1"])
    entry = entry_of(choice)
    if entry is None:
        return as_encoder(open_checkpoint(locate.file(choice)))
    return as_encoder(open_checkpoint(locate.fetch(entry.files[0]), entry.architecture))


def load_decoder(choice: str, locate: Locate) -> Decoder:
    """The decoder behind a name. Raises WeightsError when its file is missing, damaged or something else."""
    if choice == POCKET:
        return pocket.as_decoder(_built_in_pocket())
    spec = catalogued_decoders().get(choice)
    return as_decoder(open_checkpoint(locate.file(choice) if spec is None else locate.fetch(spec)))


def load_stylizer(choice: str, locate: Locate) -> Stylizer:
    """The stylizer behind a name. Raises WeightsError when its file is missing, damaged or something else."""
    if choice == POCKET:
        return pocket.stylizer(_built_in_pocket())
    entry = entry_of(choice)
    if entry is None:
        return as_stylizer(open_checkpoint(locate.file(choice)))
    parts = {spec.role: partial(open_checkpoint, locate.fetch(spec)) for spec in entry.files}
    if entry.name == "adain":
        return adain.stylizer(as_encoder(parts["encoder"]()), as_decoder(parts["decoder"]()))
    decoders = {level: as_decoder(parts[f"decoder{level}"]()) for level in wct.LEVELS}
    if "encoder" in parts:
        shared = as_encoder(parts["encoder"]())
        encoders = {level: shared for level in wct.LEVELS}  # noqa: C420 (fromkeys would type the keys as literals)
    else:
        encoders = {level: as_encoder(parts[f"encoder{level}"]()) for level in wct.LEVELS}
    return wct.stylizer(entry.name, entry.title, encoders, decoders)


def as_encoder(checkpoint: Checkpoint) -> Encoder:
    """An Encoder from a recognised file."""
    network = checkpoint.build()
    if isinstance(network, Pocket):
        return pocket.as_encoder(network, *_named_after(checkpoint))
    if not isinstance(network, VGG):
        raise wrong_kind(checkpoint, "encoder")
    if checkpoint.architecture == wct.PRUNED_ENCODER.id:
        return wct.pruned_encoder(network)
    name = checkpoint.architecture
    if name == "vgg19-normalised":
        name = adain.normalised_encoder_name(network.config.widths[0][1])
    taps = network.config.taps
    return Encoder(name, name, network, network, ["relu4_1" if "relu4_1" in taps else taps[-1]])


def as_decoder(checkpoint: Checkpoint) -> Decoder:
    """A Decoder from a recognised file."""
    network = checkpoint.build()
    if isinstance(network, Pocket):
        return pocket.as_decoder(network, *_named_after(checkpoint))
    if not isinstance(network, InverseVGG):
        raise wrong_kind(checkpoint, "decoder")
    if checkpoint.architecture.startswith("wct-16x"):
        return wct.pruned_decoder(network)
    return adain.as_decoder(network, checkpoint.architecture, checkpoint.architecture)


def as_stylizer(checkpoint: Checkpoint) -> Stylizer:
    """A Stylizer from one recognised file."""
    network = checkpoint.build()
    if isinstance(network, Pocket):
        return pocket.stylizer(network, *_named_after(checkpoint))
    raise wrong_kind(checkpoint, "stylizer")


def wrong_kind(checkpoint: Checkpoint, wanted: str) -> WeightsError:
    """The error for a good file in the wrong loader."""
    what, title = checkpoint.kind, architecture(checkpoint.architecture).title
    advice = {
        "discriminator": "it only serves training: choose the generator's file",
        "landmarks": "it is used by StarGAN v2 by itself: choose the translator's file",
    }.get(what, f"load it with the node for a {what}")
    return WeightsError(f"{checkpoint.path.name} is a {what} ({title}), not a {wanted}: {advice}")


def _named_after(checkpoint: Checkpoint) -> tuple[str, str]:
    """Name and title of a person's own Pocket: features of two trainings must not be mixed up."""
    return f"pocket:{checkpoint.path.name}", checkpoint.path.name


def _built_in_pocket() -> Pocket:
    network = open_checkpoint(pocket.BUILT_IN).build()
    assert isinstance(network, Pocket)
    return network
