"""The one door for files: any published checkpoint is recognized by its contents.

A new family adds its name to FAMILIES; nothing else here changes.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from .. import families
from ..architecture import Architecture, Kind, Tensors
from ..encoders.encoder import no_gradients
from ..weights.convert import safetensors_beside
from ..weights.errors import FAULTS, CheckpointError
from ..weights.readers import Raw, read_checkpoint
from .building import build, check_weights, fits
from .foreign import stranger
from .wrapped import Part, find_parts, is_counter, serves_training, unwrapped

FAMILIES = (
    *("vgg", "adain", "wct", "pocket", "johnson", "cin", "ghiasi", "microast", "styleformer", "adaattn", "cap_vstnet"),
    *("cyclegan", "pix2pix", "ugatit", "photo2cartoon", "animegan2", "stargan", "stargan2", "munit", "unit", "funit"),
    "cartoongan",
    *("stylegan", "stylegan2", "stylegan3", "styleformer_gan"),
    *("inception", "alexnet", "squeezenet", "stlpips"),
    *("controlnext", "deadiff"),
)
LONGEST_REASON = 300
log = logging.getLogger("style_atelier")


@cache
def architectures() -> tuple[Architecture, ...]:
    """All of them, in the order in which a file is compared with them. Imports every family when it is first called."""
    return tuple(a for name in FAMILIES for a in getattr(families, name).ARCHITECTURES)


def architecture(identity: str) -> Architecture:
    """The architecture of this id. Raises KeyError."""
    return {a.id: a for a in architectures()}[identity]


def recognize(tensors: Tensors) -> Architecture | None:
    """The architecture of a state dict, or None for files of other programs."""
    return next((a for a in architectures() if fits(a, tensors)), None)


@dataclass(frozen=True)
class Checkpoint:
    """A file that was recognized. config is what the architecture read from the tensors.

    name: of the prefixes around the network in its file, "" for none. others: further networks in the file, each by itself.
    """

    path: Path
    architecture: str
    config: Any
    tensors: dict[str, Tensor]
    networks: dict[str, dict[str, Tensor]]
    name: str = ""
    others: tuple[Checkpoint, ...] = ()

    @property
    def kind(self) -> Kind:
        """What it is for: one of architecture.Kind."""
        return architecture(self.architecture).kind

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences on what the file does not hold and what stands in its place."""
        notes = architecture(self.architecture).notes
        return () if notes is None else notes(self.tensors, self.config)

    def of_kind(self, kind: Kind) -> Checkpoint:
        """The file's network of this kind; itself where there is none."""
        return next((one for one in (self, *self.others) if one.kind == kind), self)

    def build(self) -> nn.Module:
        """The network with the file's weights: float32, gradients off. Raises CheckpointError if they do not fit."""
        known = architecture(self.architecture)
        try:
            network = build(known, self.config, self.tensors)
            weights = known.rename(self.tensors, self.config)
            check_weights(weights, network)
            weights = {name: tensor.float() for name, tensor in weights.items()}
            network.load_state_dict(_asked_for(weights, network, self.path))
        except FAULTS as error:
            raise misfit(self.path, known, error) from error
        return no_gradients(network)


def _asked_for(weights: dict[str, Tensor], network: nn.Module, path: Path) -> dict[str, Tensor]:
    """Without what no layer asks for and tools or the training leave: single numbers, discriminators, losses. Anything else is a
    layer that would be missed.
    """
    names = network.state_dict().keys()
    extra = [name for name, t in weights.items() if name not in names and (t.numel() <= 1 or serves_training(name))]
    if extra:
        log.info("%s: left out %d tensors that no layer asks for, such as %s", path.name, len(extra), extra[0])
    return {name: tensor for name, tensor in weights.items() if name not in extra}


def misfit(path: Path, known: Architecture, error: Exception) -> CheckpointError:
    """The error for a file that looks like a known one and is not quite, in a sentence."""
    what = f"{error} is missing" if isinstance(error, KeyError) else " ".join(str(error).split())[:LONGEST_REASON]
    return CheckpointError(f"{path.name} looks like {known.title} but its tensors do not fit ({what}): choose another file")


def open_checkpoint(path: Path, hint: str | None = None) -> Checkpoint:
    """Read a weights file safely and recognize it; other formats are converted to safetensors beside the original once.

    What was wrapped around the networks is taken off, and of several the one that people load files for comes first (`wrapped`).
    hint: an architecture id that the catalogue knows for a file whose contents cannot tell (Caffe weights in torchvision's
    layout). Raises CheckpointError when the file is damaged, unsafe, or of no architecture known here.
    """
    return recognized(path, read_checkpoint(safetensors_beside(path)), hint)


def recognized(path: Path, raw: Raw, hint: str | None = None) -> Checkpoint:
    """What was read from `path` as a Checkpoint; see `open_checkpoint`."""
    counted = [key for key, tensor in raw.tensors.items() if is_counter(key, tensor)]
    if counted:
        log.info("%s: left out %d counters beside the weights, such as %s", path.name, len(counted), counted[0])
    named = Part("", architecture(hint), unwrapped(raw.tensors)) if hint else None
    parts = [named] if named else find_parts(raw.tensors, raw.networks, recognize)
    if not parts:
        raise CheckpointError(stranger(path.name, raw.tensors))
    first, *rest = parts
    others = []
    for part in rest:
        try:
            others.append(_checkpoint(path, part, raw))
        except CheckpointError as error:
            log.info("%s: %s is left out (%s)", path.name, part.name, error)
    return replace(_checkpoint(path, first, raw), others=tuple(others))


def _checkpoint(path: Path, part: Part, raw: Raw) -> Checkpoint:
    known = part.architecture
    try:
        config = known.configure(part.tensors)
        if known.with_settings is not None:
            config = known.with_settings(config, raw.metadata)
    except FAULTS as error:
        raise misfit(path, known, error) from error
    return Checkpoint(path, known.id, config, part.tensors, raw.networks, part.name)
