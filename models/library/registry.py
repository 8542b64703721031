"""The one door for files: any published checkpoint is recognized by its contents.

A new family adds its name to FAMILIES; nothing else here changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from .. import families
from ..architecture import Architecture, Kind, Tensors
from ..encoders.encoder import no_gradients
from ..weights.convert import safetensors_beside
from ..weights.errors import CheckpointError
from ..weights.readers import read_checkpoint
from .foreign import describe

FAMILIES = (
    *("vgg", "adain", "wct", "pocket", "johnson", "cin", "ghiasi", "microast", "styleformer", "adaattn", "cap_vstnet"),
    *("cyclegan", "pix2pix", "ugatit", "photo2cartoon", "animegan2", "stargan", "stargan2", "munit", "unit", "funit"),
    *("stylegan", "stylegan2", "stylegan3", "styleformer_gan"),
    "controlnext",
)
LONGEST_REASON = 300


@cache
def architectures() -> tuple[Architecture, ...]:
    """All of them, in the order in which a file is compared with them. Imports every family when it is first called."""
    return tuple(a for name in FAMILIES for a in getattr(families, name).ARCHITECTURES)


def architecture(identity: str) -> Architecture:
    """The architecture of this id. Raises KeyError."""
    return {a.id: a for a in architectures()}[identity]


def recognize(tensors: Tensors) -> Architecture | None:
    """The architecture of a state dict, or None for files of other programs."""
    return next((a for a in architectures() if a.recognize(tensors)), None)


@dataclass(frozen=True)
class Checkpoint:
    """A file that was recognized. config is what the architecture read from the tensors."""

    path: Path
    architecture: str
    config: Any
    tensors: dict[str, Tensor]
    networks: dict[str, dict[str, Tensor]]

    @property
    def kind(self) -> Kind:
        """What it is for: one of architecture.Kind."""
        return architecture(self.architecture).kind

    def build(self) -> nn.Module:
        """The network with the file's weights: float32, gradients off. Raises CheckpointError if they do not fit."""
        known = architecture(self.architecture)
        network = known.build(self.config)
        try:
            network.load_state_dict({name: t.float() for name, t in known.rename(self.tensors, self.config).items()})
        except (RuntimeError, KeyError, IndexError, ValueError) as error:
            raise misfit(self.path, known, error) from error
        return no_gradients(network)


def misfit(path: Path, known: Architecture, error: Exception) -> CheckpointError:
    """The error for a file that looks like a known one and is not quite, in a sentence."""
    what = f"{error} is missing" if isinstance(error, KeyError) else " ".join(str(error).split())[:LONGEST_REASON]
    return CheckpointError(f"{path.name} looks like {known.title} but its tensors do not fit ({what}): choose another file")


def open_checkpoint(path: Path, hint: str | None = None) -> Checkpoint:
    """Read a weights file safely and recognize it; other formats are converted to safetensors beside the original once.

    hint: an architecture id that the catalogue knows for a file whose contents cannot tell (Caffe weights in torchvision's
    layout). Raises CheckpointError when the file is damaged, unsafe, or of no architecture known here.
    """
    raw = read_checkpoint(safetensors_beside(path))
    known = architecture(hint) if hint else recognize(raw.tensors)
    if known is None:
        what = describe(raw.tensors)
        seems = f"it seems to be {what}" if what else f"its first tensors are {', '.join(list(raw.tensors)[:3])}"
        choices = {a.title.split(",")[0].split(" (")[0] for a in architectures() if a.kind not in ("discriminator", "part")}
        raise CheckpointError(
            f"{path.name} is of no architecture this pack knows ({seems}): choose a file of one of {', '.join(sorted(choices))}"
        )
    try:
        config = known.configure(raw.tensors)
        if known.with_settings is not None:
            config = known.with_settings(config, raw.metadata)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise misfit(path, known, error) from error
    return Checkpoint(path, known.id, config, raw.tensors, raw.networks)
