"""Pictures and masks between the host's layout ([B, H, W, C]) and the models' ([B, C, H, W]), checked at the door."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import comfy.model_management as mm
import torch
from torch import Tensor

from ...models.ops.padding import same_size
from .feedback import Interruptible


@dataclass(frozen=True)
class Picture:
    """A checked IMAGE: rgb [B, 3, H, W] float32 in 0..1, and alpha [B, 1, H, W] when it had four channels."""

    rgb: Tensor
    alpha: Tensor | None = None

    @property
    def batch(self) -> int:
        """Number of pictures."""
        return self.rgb.shape[0]

    @property
    def height(self) -> int:
        """In pixels."""
        return self.rgb.shape[2]

    @property
    def width(self) -> int:
        """In pixels."""
        return self.rgb.shape[3]

    def with_shorter_side(self, size: int) -> Picture:
        """Resized so that the shorter side is `size` pixels; 0 leaves it as it is."""
        if not size:
            return self
        scale = size / min(self.height, self.width)
        return self.resized(*(max(1, round(side * scale)) for side in (self.height, self.width)))

    def with_longer_side(self, size: int) -> Picture:
        """Resized so that the longer side is `size` pixels; 0 leaves it as it is."""
        if not size:
            return self
        scale = size / max(self.height, self.width)
        return self.resized(*(max(1, round(side * scale)) for side in (self.height, self.width)))

    def resized(self, height: int, width: int) -> Picture:
        """At another size."""
        return Picture(same_size(self.rgb, height, width), None if self.alpha is None else same_size(self.alpha, height, width))


def from_image(image: Any, name: str) -> Picture:
    """Check an IMAGE of the input `name`. Gray is repeated to RGB, values are clamped to 0..1.

    Raises ValueError with one sentence for anything that is not a batch of pictures of 1, 3 or 4 channels.
    """
    if not isinstance(image, Tensor) or image.dim() != 4 or image.shape[3] not in (1, 3, 4):
        found = "x".join(map(str, image.shape)) if isinstance(image, Tensor) else type(image).__name__
        raise ValueError(f"{name} is not a batch of gray, RGB or RGBA pictures (it is {found}): connect an IMAGE output to it.")
    if 0 in image.shape:
        raise ValueError(f"{name} holds no picture (its size is {'x'.join(map(str, image.shape))}): connect at least one.")
    with Interruptible():
        check_finite(image, name)
        x = image.movedim(-1, 1).float().clamp(0, 1)
        if x.shape[1] == 1:
            return Picture(x.repeat(1, 3, 1, 1))
    return Picture(x[:, :3], x[:, 3:] if x.shape[1] == 4 else None)


def to_wire(x: Tensor) -> Tensor:
    """A tensor on the device and in the dtype in which results travel between nodes."""
    return x.to(mm.intermediate_device())


def wire_format() -> tuple[torch.device, torch.dtype]:
    """Device and dtype of an IMAGE between nodes."""
    return mm.intermediate_device(), mm.intermediate_dtype()


def to_image(rgb: Tensor, alpha: Tensor | None, device: torch.device, dtype: torch.dtype) -> Tensor:
    """[B, 3, H, W] and an optional alpha [b, 1, H, W], repeated to B, -> the host's [B, H, W, 3 or 4]."""
    if alpha is not None:
        rgb = torch.cat([rgb, take(alpha, 0, rgb.shape[0]).to(rgb).expand(rgb.shape[0], -1, -1, -1)], dim=1)
    return rgb.movedim(1, -1).to(device=device, dtype=dtype).contiguous()


def take(x: Tensor, start: int, stop: int) -> Tensor:
    """Items start to stop of a batch repeated without end; a batch of one stays one."""
    return x if x.shape[0] == 1 else x[torch.arange(start, stop, device=x.device) % x.shape[0]]


def from_mask(mask: Any, name: str, pictures: int) -> Tensor:
    """Check a MASK [B, H, W] or [H, W] of the input `name` -> [B, 1, H, W] in 0..1, of its own size.

    An all-black mask is refused: it selects nothing, and is what LoadImage gives for a picture without transparency.
    One mask in a batch may be black. Raises ValueError with one sentence.
    """
    if not isinstance(mask, Tensor) or mask.dim() not in (2, 3):
        found = "x".join(map(str, mask.shape)) if isinstance(mask, Tensor) else type(mask).__name__
        raise ValueError(f"{name} is not a mask (it is {found}): connect a MASK output to it.")
    if 0 in mask.shape:
        raise ValueError(f"{name} holds no mask (its size is {'x'.join(map(str, mask.shape))}): connect at least one.")
    check_finite(mask, name)
    x = mask.reshape(-1, 1, *mask.shape[-2:]).float().clamp(0, 1)
    if x.shape[0] not in (1, pictures):
        raise ValueError(f"{name} has {x.shape[0]} masks for {pictures} pictures: give one mask, or one for each picture.")
    if not bool(x.any()):
        raise ValueError(
            f"{name} is all black and selects nothing (LoadImage gives such a mask for a picture without transparency): "
            "paint it in the mask editor, or disconnect it."
        )
    return x


def check_finite(x: Tensor, name: str) -> None:
    """Raise ValueError when a picture or mask holds NaN or infinity."""
    if not bool(torch.isfinite(x).all()):
        raise ValueError(f"{name} holds values that are not numbers (NaN or infinite): look at the node that made it.")


def slots(grown: Mapping[str, Any] | None, prefix: str) -> dict[int, Any]:
    """An Autogrow input as {slot number: value}, in order, without the empty ones: "style1" is slot 1."""
    filled = {int(key.removeprefix(prefix)): value for key, value in (grown or {}).items() if value is not None}
    return dict(sorted(filled.items()))


def socket(prefix: str, slot: int) -> str:
    """What the page calls a socket of an Autogrow input: slot 0 of style is "style 1"."""
    return f"{prefix.replace('_', ' ')} {slot + 1}"


def read_weights(text: str, count: int, name: str) -> tuple[float, ...]:
    """ "0.7, 0.3" -> (0.7, 0.3); empty text -> equal weights. Raises ValueError with one sentence for anything else."""
    if not text.strip():
        return (1.0,) * count
    example = ", ".join(["1"] * count)
    weights = read_numbers(text, name)
    if len(weights) != count:
        raise ValueError(f"{name} has {len(weights)} numbers and {count} are needed: write one for each, such as {example!r}.")
    if not all(0 <= weight < float("inf") for weight in weights) or not sum(weights):
        raise ValueError(f"{name} {text!r} must be numbers from 0 up, with at least one above 0.")
    return weights


def read_numbers(text: str, name: str) -> tuple[float, ...]:
    """ "0, 1, 0" -> (0.0, 1.0, 0.0); empty text -> (). Raises ValueError with one sentence for anything else."""
    if not text.strip():
        return ()
    try:
        numbers = tuple(float(part) for part in text.replace("，", ",").replace(";", ",").rstrip(", ").split(","))
    except ValueError:
        raise ValueError(
            f"{name} {text!r} is not a list of numbers: write them with commas between, such as '0, 1, 0'."
        ) from None
    if not all(abs(number) < float("inf") for number in numbers):
        raise ValueError(f"{name} {text!r} must be numbers: write them with commas between, such as '0, 1, 0'.")
    return numbers


def read_names(text: str) -> Sequence[str] | None:
    """Read names: "relu1_1, relu4_1" -> ("relu1_1", "relu4_1"); empty text -> None."""
    return tuple(part for part in text.replace("，", ",").replace(",", " ").split()) or None
