"""What a diffusion model predicts, given the moments of a style's latents at every step."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..ops.masks import at_size
from ..ops.moments import Moments, measure
from ..ops.transfer import needs_covariance, transfer_map

LEAST_POSITIONS = 2


@dataclass(frozen=True, eq=False)
class MomentGuidance:
    """Moves a prediction [B, C, ..., H, W] of the picture's latents towards a style's moments, by `method` of `ops.transfer`.

    style: of one row. mask: [1 or B, 1, h, w] in 0..1 or None, where the prediction is measured and changed.
    """

    style: Moments
    method: str
    strength: float
    mask: Tensor | None = None

    def __call__(self, x: Tensor) -> Tensor:
        planes = x.flatten(2, -2) if x.dim() > 3 else x[:, :, None]  # frames lie one below the other
        flat = planes.float()
        region = None
        if self.mask is not None:
            frames = flat.shape[2] // x.shape[-2]
            region = at_size(self.mask.to(flat), *x.shape[-2:]).repeat(1, 1, frames, 1).expand(len(flat), -1, -1, -1)
        style = Moments(self.style.weight.to(flat), self.style.mean.to(flat), self.style.scatter.to(flat))
        style = style.select(torch.zeros(len(flat), dtype=torch.long, device=flat.device))
        found = measure(flat, region, needs_covariance(self.method))
        made = transfer_map(found, style, self.method).weaken(self.strength)(flat)
        if region is not None:
            made = torch.lerp(flat, made, region)
        return made.reshape(x.shape).to(x.dtype)


def moments_of(latents: list[Tensor], method: str, masks: list[Tensor | None] | None = None) -> Moments:
    """The moments of one style, of all positions of latents [B, C, ..., H, W] of any sizes, under masks [1, 1, h, w] if any.

    Raises ValueError where there are too few positions for a variance.
    """
    full, joined = needs_covariance(method), None
    for index, each in enumerate(latents):
        planes = (each.flatten(2, -2) if each.dim() > 3 else each[:, :, None]).float()
        mask = masks[index] if masks else None
        region = None
        if mask is not None:
            frames = planes.shape[2] // each.shape[-2]
            region = at_size(mask.to(planes), *each.shape[-2:]).repeat(1, 1, frames, 1).expand(len(planes), -1, -1, -1)
        found = measure(planes, region, full)
        for row in range(len(planes)):
            own = found.select(torch.tensor([row], device=planes.device))
            joined = own if joined is None else joined.merge(own)
    if joined is None or float(joined.weight) < LEAST_POSITIONS:
        raise ValueError("style holds too little to measure: connect the latent of a larger picture, or a larger style_mask")
    return joined
