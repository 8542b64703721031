"""Names that people choose in Load ControlNeXt and ControlNeXt Weights, and the files behind them."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ..families.controlnext import ControlNeXt
from ..weights.catalogue import FileSpec
from ..weights.convert import safetensors_beside
from ..weights.errors import WeightsError
from ..weights.readers import read_checkpoint
from .choices import Locate, entry_of
from .misfits import wrong_kind
from .registry import open_checkpoint

UNET = "unet"


@dataclass(frozen=True, eq=False)
class Control:
    """A ControlNeXt, for whoever manages memory."""

    module: ControlNeXt
    name: str


def load_control(choice: str, locate: Locate) -> Control:
    """The network behind a name. Raises WeightsError when its file is missing, damaged or something else."""
    entry = entry_of(choice)
    spec = None if entry is None else next(spec for spec in entry.files if spec.role != UNET)
    checkpoint = open_checkpoint(locate.file(choice) if spec is None else locate.fetch(spec))
    network = checkpoint.build() if checkpoint.kind == "control" else None
    if not isinstance(network, ControlNeXt):
        raise wrong_kind(checkpoint, "ControlNeXt")
    return Control(network, choice)


def load_unet_weights(choice: str, locate: Locate) -> dict[str, Tensor]:
    """The UNet's tensors behind a name, as the file names them. Raises WeightsError."""
    entry = entry_of(choice)
    spec: FileSpec | None = None
    if entry is not None:
        spec = next((each for each in entry.files if each.role == UNET), None)
        if spec is None:
            raise WeightsError(f"{choice} has no weights for the UNet: leave this node out")
    path = locate.file(choice) if spec is None else locate.fetch(spec)
    tensors = read_checkpoint(safetensors_beside(path)).tensors
    if "time_embedding.linear_1.weight" in tensors and "mid_convs.1.weight" in tensors:
        raise WeightsError(f"{path.name} is the ControlNeXt itself: choose the file of UNet weights that ships with it")
    return dict(tensors)
