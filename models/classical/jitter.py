"""Colors that differ a little from stroke to stroke (Hertzmann 1998, section 3.1)."""

from __future__ import annotations

from dataclasses import astuple, dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Jitter:
    """How far each may move, by up to half of it to either side: hue of the whole circle, the others of their own value, since the
    paper leaves open of what.
    """

    red: float = 0.0
    green: float = 0.0
    blue: float = 0.0
    hue: float = 0.0
    saturation: float = 0.0
    value: float = 0.0

    def apply(self, color: Tensor, chance: torch.Generator) -> Tensor:
        """Colors [n, 3] in 0..1 -> others, clamped. Nothing is drawn where nothing may move."""
        if not any(astuple(self)):
            return color
        drawn = torch.rand(len(color), 6, generator=chance).to(color) - 0.5
        moved = drawn * color.new_tensor(astuple(self))
        rgb = (color * (1 + moved[:, :3])).clamp(0, 1)
        if not (self.hue or self.saturation or self.value):
            return rgb
        hue, saturation, value = rgb_to_hsv(rgb).unbind(1)
        saturation, value = (saturation * (1 + moved[:, 4])).clamp(0, 1), (value * (1 + moved[:, 5])).clamp(0, 1)
        return hsv_to_rgb(torch.stack([(hue + moved[:, 3]) % 1, saturation, value], 1))


def rgb_to_hsv(rgb: Tensor) -> Tensor:
    """[n, 3] -> hue, saturation, value, each in 0..1."""
    value, which = rgb.max(1)
    spread = value - rgb.amin(1)
    red, green, blue = rgb.unbind(1)
    safe = spread.clamp_min(1e-12)
    sectors = torch.stack([(green - blue) / safe, 2 + (blue - red) / safe, 4 + (red - green) / safe], 1)
    hue = sectors.gather(1, which[:, None])[:, 0] / 6 % 1
    return torch.stack([torch.where(spread > 0, hue, torch.zeros_like(hue)), spread / value.clamp_min(1e-12), value], 1)


def hsv_to_rgb(hsv: Tensor) -> Tensor:
    """The inverse of `rgb_to_hsv`."""
    hue, saturation, value = hsv.split(1, 1)
    at = (hue * 6 + hsv.new_tensor([5.0, 3.0, 1.0])) % 6
    return value * (1 - saturation * torch.minimum(at, 4 - at).clamp(0, 1))
