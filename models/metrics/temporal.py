"""How steady a stylized clip is: the warping error of moving scenes, and the flicker of still ones."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import torch
from torch import Tensor

from ..ops.padding import same_size
from ..progress import Progress, silent
from ..video.flow import occluded, optical_flow, resized_flow, warp

FLOW_SIDE = 320


@dataclass(frozen=True)
class WarpingError:
    """Of each pair of frames: errors [P], shares of the frame that were compared [P]. mean: of the errors, 0 for no pairs."""

    errors: Tensor
    visible: Tensor

    @property
    def mean(self) -> float:
        """The clip's E_warp."""
        return float(self.errors.mean()) if len(self.errors) else 0.0


def warping_error(
    source: Tensor, made: Tensor, cuts: Collection[int] = (), apart: int = 1, side: int = FLOW_SIDE, progress: Progress = silent
) -> WarpingError:
    """E_warp of a stylized clip: frame t against frame t + apart brought back by the flow of the source clip.

    source, made: frames [T, 3, H, W] in 0..1, both of one size. Squared differences, averaged over channels and the positions
    that are seen in both frames (Lai et al. 2018, arXiv:1808.00449, as in phoenix104104/fast_blind_video_consistency); the flow
    is TV-L1 at a longest side of `side` pixels. cuts: first frames of scenes; pairs across them are left out. Raises ValueError
    for clips that do not pair up.
    """
    if source.shape != made.shape:
        raise ValueError(f"made is {tuple(made.shape)} and source {tuple(source.shape)}: give as many frames of the same size")
    if apart < 1:
        raise ValueError(f"apart is {apart}: give at least 1")
    height, width = source.shape[-2:]
    factor = min(1.0, side / max(height, width))
    small = (max(1, round(height * factor)), max(1, round(width * factor)))
    starts = [t for t in range(len(source) - apart) if not any(t < cut <= t + apart for cut in cuts)]
    errors, visible = made.new_zeros(len(starts)), made.new_zeros(len(starts))
    for number, t in enumerate(starts):
        pair = torch.cat([same_size(source[i : i + 1], *small) for i in (t, t + apart)])
        there, back = optical_flow(pair, pair.flip(0)).split(1)
        seen = same_size_mask(~occluded(there, back), height, width)
        difference = warp(made[t + apart][None], resized_flow(there, height, width)) - made[t][None]
        visible[number] = seen.mean()
        errors[number] = (difference.square().mean(1, keepdim=True) * seen).sum() / seen.sum().clamp_min(1)
        progress(number + 1, len(starts))
    return WarpingError(errors, visible)


def same_size_mask(mask: Tensor, height: int, width: int) -> Tensor:
    """Booleans [1, 1, h, w] as 0 and 1 at another size, by the nearest."""
    return torch.nn.functional.interpolate(mask.float(), (height, width), mode="nearest")


def static_error(made: Tensor) -> float:
    """The flicker of frames [T, 3, H, W] of a scene in which nothing moves: the standard deviation over time, averaged."""
    return float((made - made[:1]).std(dim=0, correction=0).mean())
