"""The optimization itself: from coarse to fine, within steps and seconds, stopped and continued at any time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import sqrt
from typing import Literal

import torch
from torch import Tensor

from ..encoders.encoder import Encoder
from ..objectives.objective import Objectives, Scene
from ..objectives.term import Term
from ..ops.padding import same_size
from ..ops.resize import enlarged
from ..progress import Progress, glance, silent
from .backbone import Backbone
from .evaluator import Beat, Evaluator, Weighted, gather
from .steppers import LBFGS, Adam, Stepper

Start = Literal["given", "noise"]
STEP_OF_SCALES = sqrt(2)
RECENT = 4  # of the first n pictures the mean reaches back over about n / 4
SECONDS_BETWEEN_PREVIEWS = 0.5
GRAY, SPREAD = 0.5, 0.15
RISE = 0.1  # of a loss that jumps; 0.1 to 1 came to the same, and without it L-BFGS did not leave its start


@dataclass(frozen=True)
class OptimizeSettings:
    """steps: at the final size. coarse_steps: at each smaller size, of which there are as many as fit between `smallest` (the
    longer side of the first, in pixels; 0 for none) and the final size, a factor of sqrt(2) apart.

    rate: of Adam. history: of L-BFGS. averaging: share of the old in the running mean of Adam's pictures, which is the result
    (0 for the last picture instead). normalize: see `Evaluator`; only for Adam, as the loss is then not what the steps follow.
    seconds: for all of it, 0 for no limit; every size gets its part. tile: side of the tiles, 0 for the whole picture.
    seed: of noise and of all that is drawn.
    """

    steps: int = 200
    coarse_steps: int = 100
    smallest: int = 128
    optimizer: Literal["lbfgs", "adam"] = "lbfgs"
    rate: float = 0.02
    history: int = 100
    averaging: float = 0.99
    normalize: bool = False
    seconds: float = 0.0
    seed: int = 0
    tile: int = 0

    def checked(self) -> OptimizeSettings:
        """Raise ValueError for settings that contradict each other."""
        if self.normalize and self.optimizer == "lbfgs":
            raise ValueError("normalise_gradients needs the optimizer adam: L-BFGS follows the loss itself")
        return self

    def scales(self, height: int, width: int) -> list[tuple[int, int, int]]:
        """(height, width, steps) from coarse to fine; the last is the picture's own size."""
        found, longest, factor = [(height, width, self.steps)], max(height, width), STEP_OF_SCALES
        while self.smallest and self.coarse_steps and round(longest / factor) >= self.smallest:
            found.append((max(1, round(height / factor)), max(1, round(width / factor)), self.coarse_steps))
            factor *= STEP_OF_SCALES
        return found[::-1]

    def stepper(self) -> Stepper:
        """A new one."""
        return Adam(self.rate) if self.optimizer == "adam" else LBFGS(self.history)


@dataclass(frozen=True)
class Record:
    """One evaluation: the size's number, the loss, each objective's value, and the seconds since the beginning of this run."""

    scale: int
    loss: float
    values: tuple[float, ...]
    seconds: float


@dataclass
class Optimization:
    """Where an optimization is; `optimize` changes it step by step, so that an interrupt loses nothing.

    picture [1, 3, h, w]: where the loss is evaluated next. best: of the present size. mean: the running mean of Adam's pictures.
    """

    picture: Tensor
    stepper: Stepper
    chance: torch.Generator
    scale: int = 0
    step: int = 0
    best: Tensor | None = None
    best_loss: float = float("inf")
    mean: Tensor | None = None
    curve: list[Record] = field(default_factory=list)
    finished: bool = False

    def result(self, height: int, width: int) -> Tensor:
        """The best picture so far [1, 3, height, width] in 0..1."""
        found = self.mean if self.mean is not None else self.best if self.best is not None else self.picture
        return enlarged(found.detach(), height, width).clamp(0, 1)


def begin(start: Tensor | None, height: int, width: int, settings: OptimizeSettings, device: torch.device) -> Optimization:
    """From a picture [1, 3, h, w], resized, or from noise (None)."""
    chance = torch.Generator().manual_seed(settings.seed)
    first_height, first_width, _ = settings.scales(height, width)[0]
    if start is None:
        noise = torch.randn(1, 3, first_height, first_width, generator=chance)
        picture = (GRAY + SPREAD * noise).clamp(0, 1).to(device)
    else:
        picture = same_size(start.to(device, torch.float32), first_height, first_width).clone()
    return Optimization(picture, settings.stepper(), chance)


def optimize(
    objectives: Objectives,
    index: int,
    height: int,
    width: int,
    settings: OptimizeSettings,
    at: Optimization,
    progress: Progress = silent,
) -> Optimization:
    """Go on from `at` until the steps are done or the time is up. index: of the picture in the objectives' batches.

    Must be called outside of inference mode. progress may raise at any time; `at` then holds what was done. The same seed gives
    the same picture on the same device, unless `seconds` ends it. Raises ValueError for objectives that do not fit.
    """
    scales = settings.checked().scales(height, width)
    total = sum(steps for _, _, steps in scales)
    clock, shown = Clock(settings.seconds), 0.0
    done_before = 0

    def beat() -> None:
        progress(min(done_before + at.step, total), total)

    backbones: dict[int, Backbone] = {}
    while at.scale < len(scales):
        h, w, steps = scales[at.scale]
        done_before = sum(count for _, _, count in scales[: at.scale])
        if at.picture.shape[-2:] != (h, w):
            grow(at, h, w)
        left = [h * w * (steps - at.step), *(height * width * count for height, width, count in scales[at.scale + 1 :])]
        deadline = clock.share(left)
        evaluator = evaluator_for(objectives, index, (h, w), h * w / (height * width), settings, at, beat, backbones)
        if isinstance(at.stepper, LBFGS):
            at.stepper.rise = RISE if evaluator.jumps else 0.0
        last = at.scale == len(scales) - 1
        while at.step < steps and (at.step == 0 or not clock.past(deadline)):
            one_step(evaluator, settings, at, clock)
            due = at.step == steps or clock.now() - shown >= SECONDS_BETWEEN_PREVIEWS
            progress(done_before + at.step, total, glance(at.result(h, w)) if due else None)
            shown = clock.now() if due else shown
        at.scale, at.step = at.scale + 1, 0 if not last else at.step
    at.finished = True
    progress(total, total)
    return at


def one_step(evaluator: Evaluator, settings: OptimizeSettings, at: Optimization, clock: Clock) -> None:
    """Evaluate, remember, and move on."""
    before = at.chance.get_state()
    try:
        found = evaluator(at.picture, at.chance)
    except BaseException:
        at.chance.set_state(before)
        raise
    if settings.optimizer == "lbfgs":
        at.chance.set_state(before)  # what is drawn stays the same within a size: L-BFGS needs one function
    if found.loss < at.best_loss:
        at.best_loss, at.best = found.loss, at.picture
    at.curve.append(Record(at.scale, found.loss, found.values, clock.now()))
    at.picture = at.stepper.step(at.picture, found.loss, found.gradient)
    if settings.optimizer == "adam" and settings.averaging:
        share = max(1 - settings.averaging, RECENT / (at.step + RECENT))  # a shorter mean until there are many
        at.mean = at.picture.clone() if at.mean is None else at.mean.lerp_(at.picture, share)
    at.step += 1


def grow(at: Optimization, height: int, width: int) -> None:
    """Bring everything to the next size."""
    found = at.best if isinstance(at.stepper, LBFGS) and at.best is not None else at.picture
    at.picture = enlarged(found, height, width).clamp_(0, 1)
    at.mean = None
    at.best, at.best_loss = None, float("inf")
    at.stepper = at.stepper.resized(height, width)


def evaluator_for(
    objectives: Objectives,
    index: int,
    size: tuple[int, int],
    area: float,
    settings: OptimizeSettings,
    at: Optimization,
    beat: Beat,
    backbones: dict[int, Backbone] | None = None,
) -> Evaluator:
    """The objectives' terms for one size."""
    chance = torch.Generator().manual_seed(settings.seed)

    def gathered(encoder: Encoder, picture: Tensor, terms: Sequence[Term]) -> list[Tensor]:
        return gather(encoder, picture, terms, settings.tile, chance, beat)

    scene = Scene(index, *size, sqrt(area), at.picture.device, settings.tile, gathered)
    terms: list[Weighted] = []
    with torch.no_grad():
        for number, objective in enumerate(objectives.parts):
            for share, term in objective.terms(scene):
                terms.append(Weighted(term, objective.weight * share, share, number))
    return Evaluator(terms, [part.encoder for part in objectives.parts], settings.tile, settings.normalize, beat, backbones)


class Clock:
    """Seconds since the beginning of a run, and how they are shared out. limit 0: no end."""

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self.began = time.monotonic()

    def now(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self.began

    def share(self, costs: Sequence[float]) -> float:
        """Until when the first of these may work, if each is to have its part of what is left."""
        if not self.limit:
            return float("inf")
        return self.now() + max(self.limit - self.now(), 0) * costs[0] / sum(costs)

    def past(self, deadline: float) -> bool:
        """Whether it is later."""
        return self.now() >= deadline
