"""A clip painted from one or several painted frames: Stylizing Video by Example (Jamriska et al. 2019).

From a painted frame on, every next frame is made of its patches, guided by the frame itself, by where each point was in the
painted frame (positions carried by optical flow), by edges, and by the frame that was painted before, moved along. Between two
painted frames this is done from both, and both results are blended.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor

from ..ops.padding import same_size
from ..progress import Progress, silent
from ..video.flow import optical_flow, resized_flow, warp
from ..video.frame_store import FrameStore
from .blending import blended
from .guides import edges, positions
from .patch_synthesis import Guide, PatchSettings, synthesize

STEPS = 1000  # of progress, for each frame


@dataclass(frozen=True)
class KeyframeSettings:
    """Weights of the guides (as commonly used; previous is 0.5 there, where paint boils half as much again), and the search.

    flow_side: shorter side in pixels at which optical flow is computed.
    """

    image: float = 6.0
    position: float = 2.0
    edge: float = 1.0
    previous: float = 2.0
    flow_side: int = 240
    patches: PatchSettings = field(default_factory=PatchSettings)


@dataclass
class Propagation:
    """From one painted frame in one direction of time, frame after frame."""

    key: Tensor
    painted: Tensor
    settings: KeyframeSettings

    def __post_init__(self) -> None:
        self.place = self.home = positions(self.key.shape[2], self.key.shape[3], self.key.device)
        self.edges = edges(self.key)
        self.frame, self.made = self.key, self.painted
        self.error = torch.zeros_like(self.key[:, :1])

    def next(self, frame: Tensor, progress: Progress = silent) -> Tensor:
        """The frame [1, 3, H, W] that follows the one before, painted. A frame like the one before is painted like it.

        Sets `error`: how much the patches differ from what was wanted, as a root of squares of a pixel, [1, 1, H, W] in 0..1.
        """
        if torch.equal(frame, self.frame):
            progress(1, 1)
            return self.made
        flow = self._flow(frame)
        self.place, before = warp(self.place, flow), warp(self.made, flow)
        settings = self.settings
        guides = [
            Guide(self.key, frame, settings.image),
            Guide(self.home, self.place, settings.position),
            Guide(self.edges, edges(frame), settings.edge),
            Guide(self.painted, before, settings.previous),
        ]
        made = synthesize(self.painted, guides, (frame.shape[2], frame.shape[3]), settings.patches, progress)
        self.frame, self.made = frame, made.picture
        pixels = settings.patches.patch**2 * (sum(guide.weight for guide in guides) + settings.patches.style_weight)
        cost = made.cost[None, None].div(pixels).sqrt() / 255
        self.error = torch.nn.functional.interpolate(cost, frame.shape[-2:], mode="nearest").clamp(0, 1)
        return self.made

    def _flow(self, frame: Tensor) -> Tensor:
        """Where each pixel of the frame was in the one before."""
        height, width = frame.shape[-2:]
        scale = min(1.0, self.settings.flow_side / min(height, width))
        small = (max(1, round(height * scale)), max(1, round(width * scale)))
        flow = optical_flow(same_size(frame, *small), same_size(self.frame, *small))
        return resized_flow(flow, height, width)


@dataclass(frozen=True)
class _Key:
    frame: Tensor
    painted: Tensor


def paint_clip(
    frames: Iterable[Tensor],
    painted: Mapping[int, Tensor],
    settings: KeyframeSettings,
    store: Callable[[], FrameStore] = FrameStore,
    cuts: Collection[int] = (),
    count: int = 0,
    progress: Progress = silent,
) -> Iterator[Tensor]:
    """frames [1, 3, H, W] in order, and painted ones of the same size by their number -> all frames painted, in order.

    store: where frames between two painted ones are kept until both directions are done; nothing else is kept. cuts: first
    frames of scenes, across which nothing is carried to a frame that the other side reaches too. count: of frames, for
    progress. Raises ValueError when a painted frame's number is beyond the clip.
    """
    waiting, left = sorted(painted), None
    forward: Propagation | None = None
    work = _Work(progress, max(count, 1) + max((waiting or [0])[-1], 0))
    number = -1
    with store() as between, store() as backward:
        for number, exact in enumerate(frames):
            frame = exact.mul(255).round_().div_(255)  # as it is kept
            if number in painted:
                key = _Key(frame, painted[number].to(frame))
                first = number - len(between)
                inner = [cut - first for cut in cuts if first <= cut <= number]
                yield from _between(left, key, between, backward, inner, settings, work)
                waiting, left, forward = waiting[1:], key, Propagation(key.frame, key.painted, settings)
                between.clear()
                yield key.painted
            elif waiting:
                between.add(frame)
            elif forward is not None:
                yield forward.next(frame, work.part())
        if waiting:
            raise ValueError(f"painted frame {waiting[0]} is beyond the clip, which has {number + 1} frames: number it lower")


def _between(
    left: _Key | None,
    right: _Key,
    frames: FrameStore,
    backward: FrameStore,
    cuts: list[int],
    settings: KeyframeSettings,
    work: _Work,
) -> Iterator[Tensor]:
    """The frames before a key, and after another one if there is. cuts: numbers of first frames of scenes among them."""
    count = len(frames)
    if left is None:
        cuts = []
    begins, ends = (max(cuts), min(cuts)) if cuts else (0, count)  # of what the right key reaches, and what the left one
    backward.clear()
    back = Propagation(right.frame, right.painted, settings)
    for number in range(count - 1, begins - 1, -1):
        made = back.next(frames[number].to(right.frame), work.part())
        backward.add(torch.cat([made, back.error], dim=1))
    ahead = None if left is None else Propagation(left.frame, left.painted, settings)
    for number in range(count):
        after = backward[count - 1 - number].to(right.frame) if number >= begins else None
        if ahead is None or (after is not None and number >= ends):
            assert after is not None
            yield after[:, :3]
            continue
        before = ahead.next(frames[number].to(right.frame), work.part())
        if after is None:
            yield before
        else:
            share = (number + 1) / (count + 1)
            yield blended(before, after[:, :3], (ahead.error, after[:, 3:]), share).to(before)


class _Work:
    """Progress over frames, of which some are painted twice."""

    def __init__(self, progress: Progress, total: int) -> None:
        self.progress, self.total, self.begun = progress, total, 0

    def part(self) -> Progress:
        """For one frame."""
        self.begun += 1
        return partial(self._report, self.begun - 1)

    def _report(self, before: int, done: int, total: int, preview: Tensor | None = None) -> None:
        whole = max(self.total, before + 1) * STEPS
        self.progress(before * STEPS + done * STEPS // total, whole, preview)
