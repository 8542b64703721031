"""What travels on the pack's wires: their types, and the carrier of a network with its patcher."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

from comfy_api.latest import io

EncoderSocket = io.Custom("ATELIER_ENCODER")
FeaturesSocket = io.Custom("ATELIER_FEATURES")
DecoderSocket = io.Custom("ATELIER_DECODER")
StylizerSocket = io.Custom("ATELIER_STYLIZER")
TranslatorSocket = io.Custom("ATELIER_TRANSLATOR")
StyleCodeSocket = io.Custom("ATELIER_STYLE_CODE")
GeneratorSocket = io.Custom("ATELIER_GENERATOR")
WSocket = io.Custom("ATELIER_W")
DirectionsSocket = io.Custom("ATELIER_DIRECTIONS")
ObjectiveSocket = io.Custom("ATELIER_OBJECTIVE")
ModelSocket = io.Custom("MODEL")  # the host's own types, which the embedded host knows only by name
ClipSocket = io.Custom("CLIP")
ClipVisionSocket = io.Custom("CLIP_VISION")
ControlNetSocket = io.Custom("CONTROL_NET")
HooksSocket = io.Custom("HOOKS")
VideoSocket = io.Custom("VIDEO")
LatentSocket = io.Custom("LATENT")
ConditioningSocket = io.Custom("CONDITIONING")
VaeSocket = io.Custom("VAE")
TrajectorySocket = io.Custom("ATELIER_TRAJECTORY")
LatentObjectiveSocket = io.Custom("ATELIER_LATENT_OBJECTIVE")
DEADiffSocket = io.Custom("ATELIER_DEADIFF")
LoraStackSocket = io.Custom("LORA_STACK")  # a list of (file, strength, text encoder's strength), as other packs pass it
CropSocket = io.Custom("ATELIER_CROP")
StyleSocket = io.Custom("ATELIER_STYLE")
StrokesSocket = io.Custom("ATELIER_STROKES")
MeasuresSocket = io.Custom("ATELIER_MEASURES")
PicturesSocket = io.Custom("ATELIER_PICTURES")
BoundingBoxSocket = io.Custom("BOUNDING_BOX")  # the host's own type, as a wire without a widget

Model = TypeVar("Model")


@dataclass(frozen=True, eq=False)
class Hosted(Generic[Model]):
    """A model (Encoder, Decoder, Stylizer, Translator or Generator) and the host's patcher around its network.

    The host looks for `.patcher` on what its cache holds, to know which networks are in use. files: what the model was
    read from, with the modification time then. origin: the one this is a variant of, kept alive with it.
    """

    model: Model
    patcher: Any
    files: tuple[tuple[Path, int], ...] = ()
    origin: Hosted[Any] | None = None

    def variant(self, model: Model) -> Hosted[Model]:
        """Another way to use the same network."""
        return replace(self, model=model, origin=self)

    def __repr__(self) -> str:
        return repr(self.model)
