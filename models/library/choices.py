"""The lists of all loaders: the catalogue's names, what is built in, and the person's own files. Opens no file and imports no network."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from ..weights.catalogue import SIDECAR_SUFFIXES, Entry, FileSpec, load_catalogue

POCKET = "Pocket (built-in)"
POCKET_VGG = "Pocket VGG (built-in)"
FILTER_BANK = "Filter bank (built-in)"
NIGHT = "Night painting (built-in)"
CLOSED_FORMS = ("adain", "wct", "wct-16x")
STROKES_FROM = "Strokes: "
FILTER_FROM = "Filter: "
PATCHES = "Patches of the painting"
TEXTURE = "Texture transfer"
WITHOUT = " (no network)"
FID, ART = "inception-fid", "inception-art"


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


def own(files: Iterable[str]) -> list[str]:
    """Files that are neither the catalogue's nor the downloader's and converter's own."""
    catalogued = {spec.path for entry in load_catalogue().entries for spec in entry.files}
    return sorted(f for f in files if f.replace("\\", "/") not in catalogued and not f.endswith(SIDECAR_SUFFIXES))


def entry_of(choice: str) -> Entry | None:
    """The catalogue's entry of this name."""
    return next((e for e in load_catalogue().entries if e.name == choice), None)


def encoder_choices(files: Iterable[str]) -> list[str]:
    """Built-in encoders, catalogued ones, then the person's files."""
    return [POCKET, POCKET_VGG, FILTER_BANK, *catalogue_names("encoder"), *own(files)]


def decoder_choices(files: Iterable[str]) -> list[str]:
    """Built-in decoders, those inside catalogued stylizers, then the person's files."""
    return [POCKET, *catalogued_decoders(), *own(files)]


def catalogued_decoders() -> dict[str, FileSpec]:
    """ "adain/decoder" -> its file, for every decoder of a catalogued stylizer whose parts work apart."""
    entries = [e for e in load_catalogue().entries if e.architecture in CLOSED_FORMS]
    return {f"{e.name}/{s.role}": s for e in entries for s in e.files if s.role.startswith("decoder")}


def stylizer_choices(files: Iterable[str]) -> list[str]:
    """Built-in stylizers, catalogued ones, strokes and filters, then the person's files."""
    return [POCKET, *catalogue_names("stylizer"), *names_without_network(), *own(files)]


def names_without_network() -> list[str]:
    """Strokes, filters and patches as stylizers."""
    from ..classical.drawn_filters import FILTERS
    from ..classical.hertzmann import STYLES

    strokes = [f"{STROKES_FROM}{name}{WITHOUT}" for name in STYLES]
    patches = [f"{name}{WITHOUT}" for name in (PATCHES, TEXTURE)]
    return [*strokes, *(f"{FILTER_FROM}{name}{WITHOUT}" for name in FILTERS), *patches]


def translator_choices(files: Iterable[str]) -> list[str]:
    """The built-in translator, catalogued ones, the recommended first, then the person's files."""
    return [NIGHT, *catalogue_names("translator"), *own(files)]


def generator_choices(files: Iterable[str]) -> list[str]:
    """The catalogued ones, the recommended first, then the person's files."""
    return [*catalogue_names("generator"), *own(files)]


def control_choices(files: Iterable[str]) -> list[str]:
    """The catalogued ones, then the person's files."""
    return [*catalogue_names("control"), *own(files)]


def adapter_choices(files: Iterable[str]) -> list[str]:
    """The catalogued ones, then the person's files."""
    return [*catalogue_names("adapter"), *own(files)]


def judge_choices(architecture: str, files: Iterable[str]) -> list[str]:
    """The catalogue's networks of an architecture, then the person's files."""
    catalogued = [entry.name for entry in load_catalogue().entries if entry.architecture == architecture]
    return [*catalogued, *own(files)]
