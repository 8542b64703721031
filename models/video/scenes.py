"""Where a clip is cut: frames whose colors and brightness jump more than the clip around them moves."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..ops.color import rgb_to_yiq

BINS = 8  # of each color
LUMA_SIDE = 16  # brightness is compared in so many blocks along each side, so that motion counts little
LUMA_WEIGHT = 4.0  # cuts change the brightness of blocks by a quarter and more
LEAST_JUMP = 0.25
TIMES_USUAL = 3.0
AROUND = 12  # frames on either side that say what is usual
TIMES_NEXT = 1.5  # a burst of motion jumps several times in a row, a cut once
NEXT = 2
Signatures = tuple[Tensor, Tensor]


def signatures(frames: Tensor) -> Signatures:
    """Frames [T, 3, H, W] in 0..1 -> color histograms [T, 512] that sum to 1, and brightness of blocks [T, 256]."""
    height, width = frames.shape[-2:]
    step = max(1, min(height, width) // 128)
    bins = (frames[..., ::step, ::step] * BINS).long().clamp(0, BINS - 1)
    codes = ((bins[:, 0] * BINS + bins[:, 1]) * BINS + bins[:, 2]).flatten(1)
    histograms = frames.new_zeros(len(frames), BINS**3).scatter_add_(1, codes, frames.new_ones(codes.shape)) / codes.shape[1]
    blocks = F.adaptive_avg_pool2d(rgb_to_yiq(frames)[:, :1], LUMA_SIDE)
    return histograms, blocks.flatten(1)


def jumps(looks: Signatures, apart: int = 1) -> Tensor:
    """How far each frame is from the one `apart` later, [T - apart] in 0..1: half of it in colors, half in brightness."""
    histograms, blocks = looks
    color = (histograms[apart:] - histograms[:-apart]).abs().sum(1) / 2
    luma = (LUMA_WEIGHT * (blocks[apart:] - blocks[:-apart]).abs().mean(1)).clamp_max(1)
    return (color + luma) / 2


class SceneFinder:
    """Finds the cuts of a clip that is seen some frames at a time; a few numbers of each frame are kept."""

    def __init__(self) -> None:
        self.frames = 0
        self._last: Signatures | None = None
        self._jumps: dict[int, list[float]] = {1: [], 2: []}  # by how far the frames are apart

    def add(self, frames: Tensor) -> None:
        """The next frames [T, 3, H, W] in 0..1."""
        looks = signatures(frames)
        known = 0 if self._last is None else len(self._last[0])
        if self._last is not None:
            looks = (torch.cat([self._last[0], looks[0]]), torch.cat([self._last[1], looks[1]]))
        for apart, found in self._jumps.items():
            found += jumps(looks, apart)[max(known - apart, 0) :].tolist()
        self._last = (looks[0][-2:], looks[1][-2:])
        self.frames += len(frames)

    def cuts(self, sensitivity: float = 1.0) -> list[int]:
        """As `scene_cuts`, of all frames so far."""
        if sensitivity <= 0:
            raise ValueError(f"sensitivity is {sensitivity}: give a number above 0")
        near, far = self._jumps[1], self._jumps[2]
        cuts = []
        for t in range(1, self.frames):
            around, beside = (near[max(0, t - 1 - n) : t - 1] + near[t : t + n] for n in (AROUND, NEXT))
            usual, greatest = float(torch.tensor(around or [0.0]).median()), max(beside, default=0.0)
            least = max(LEAST_JUMP, TIMES_USUAL * usual, TIMES_NEXT * greatest) / sensitivity
            # from before the jump to after it, two frames apart: a flash is back where it was
            across = [far[i] for i in (t - 2, t - 1) if 0 <= i < len(far)]
            if near[t - 1] >= least and all(jump >= least / 2 for jump in across):
                cuts.append(t)
        return cuts


def scene_cuts(frames: Tensor, sensitivity: float = 1.0) -> list[int]:
    """The first frames of all scenes of frames [T, 3, H, W] in 0..1 but the first.

    A cut is a jump of at least 0.25, three times the median jump of the 12 frames on either side and half as much again as the
    greatest of the next two (all divided by `sensitivity`), that is not undone by the next frame as a flash is. Raises ValueError
    for a sensitivity of 0 or below.
    """
    finder = SceneFinder()
    finder.add(frames)
    return finder.cuts(sensitivity)
