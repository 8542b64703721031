"""What travels on ATELIER_OBJECTIVE wires, and what objective nodes have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from comfy_api.latest import io
from torch import Tensor

from ..host.folders import Locator
from ..host.images import from_mask, read_names, read_weights
from ..host.networks import load
from ..host.sockets import EncoderSocket, Hosted, ObjectiveSocket

if TYPE_CHECKING:
    from ...models.objectives.objective import Objective, Objectives

BEST_ENCODER = "vgg19"
LARGEST_WEIGHT = 1e9
CATEGORY = "Style Atelier/objectives"
WEIGHT_TOOLTIP = "How much this objective counts beside the others. The report of Optimize says what each one's share was."
LAYERS_TOOLTIP = "Layers of the encoder, such as relu3_1, relu4_1. Empty takes those of the paper."
LAYER_WEIGHTS_TOOLTIP = "A number for each layer, such as 1, 0.5. Empty shares equally."
ENCODER_TOOLTIP = "What looks at the pictures. Left out: VGG-19 where it has been downloaded, else the built-in encoder."
MASK_TOOLTIP = "Where in the result this holds: white counts, black does not. Any size."
SCALE_TOOLTIP = (
    "relative divides by the target's own size, so that one weight fits every encoder; paper is the formula as published."
)


@dataclass(frozen=True, eq=False)
class Wired:
    """Objectives, and the networks that they look through, with the host's patchers."""

    objectives: Objectives
    networks: tuple[Hosted, ...]

    def __repr__(self) -> str:
        return repr(self.objectives)


def wired(objective: Objective, *networks: Hosted) -> Wired:
    """One objective on a wire."""
    from ...models.objectives.objective import Objectives

    return Wired(Objectives((objective,)), networks)


def encoder_or_best(encoder: Hosted | None, best: str = BEST_ENCODER) -> Hosted:
    """The encoder on the wire; else the named one where its file is, else the built-in VGG."""
    from ...models.library import stylizers
    from ...models.library.choices import POCKET_VGG, entry_of

    if encoder is not None:
        return encoder
    entry = entry_of(best)
    present = entry is not None and Locator().find(entry.files[0]) is not None
    # outside of inference mode, so that gradients may pass the weights
    with torch.inference_mode(False), torch.no_grad():
        return load("encoder", best if present else POCKET_VGG, stylizers.load_encoder)


def check_layers(encoder: Hosted, layers: str, layer_weights: str) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """Read both texts. Raises ValueError, naming the input, for unknown layers and for numbers that do not pair up with them."""
    names = tuple(read_names(layers) or ())
    if layer_weights.strip() and not names:
        raise ValueError("layer_weights has no layers to belong to: name them in layers, or leave both empty.")
    try:
        if names:
            encoder.model.check(names)
    except ValueError as error:
        raise ValueError(f"layers: {error}") from error
    return names, read_weights(layer_weights, len(names), "layer_weights") if layer_weights.strip() else ()


def check_objective(found: Any, name: str) -> Wired:
    """What is on the wire `name`. Raises ValueError with one sentence for anything but objectives."""
    if not isinstance(found, Wired):
        raise ValueError(f"{name} is not an objective: connect an objective node or Combine Objectives to it.")
    return found


def optional_mask(mask: Any, name: str, pictures: int = 0) -> Tensor | None:
    """A checked mask, or None. pictures: how many there may be masks for; 0 for any number."""
    return None if mask is None else from_mask(mask, name, pictures or getattr(mask, "shape", (1,))[0])


def layer_inputs() -> list[Any]:
    """The inputs `encoder`, `layers` and `layer_weights`."""
    return [
        EncoderSocket.Input("encoder", optional=True, tooltip=ENCODER_TOOLTIP),
        io.String.Input("layers", default="", tooltip=LAYERS_TOOLTIP),
        io.String.Input("layer_weights", default="", advanced=True, tooltip=LAYER_WEIGHTS_TOOLTIP),
    ]


def weight_input(default: float) -> Any:
    """The input `weight`."""
    return io.Float.Input("weight", default=default, min=0.0, max=LARGEST_WEIGHT, step=0.01, tooltip=WEIGHT_TOOLTIP)


def scale_input() -> Any:
    """The input `scale` of a statistic."""
    return io.Combo.Input("scale", options=["relative", "paper"], default="relative", tooltip=SCALE_TOOLTIP)


def output() -> list[Any]:
    """One objective."""
    return [ObjectiveSocket.Output(display_name="objective", tooltip="For Combine Objectives or Optimize.")]
