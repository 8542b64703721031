"""Carrying out an optimization under the host: memory, previews, the person's stop, and what is kept for the next run."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ...models.optimization.report import report
from ...models.progress import Progress
from ..host.feedback import Interrupted, Kept, Watch, asked_to_keep, show
from ..host.memory import GIB, SHARE_OF_FREE_MEMORY, free_memory, smaller_tiles
from ..host.networks import compute_device, on_device, plain_weights
from .wires import Wired

if TYPE_CHECKING:
    from ...models.objectives.objective import Objective, Objectives
    from ...models.optimization.engine import Optimization, OptimizeSettings
    from ...models.optimization.memory import MemoryPlan

CONTENT_NUMBERS = 16.0  # per pixel that targets keep, at most in usual objectives
KEPT_RESULTS = 8
KEPT = "kept as it was"
STOPPED = "Stopped at step {steps}. Run goes on from here; Keep this takes the picture as it is."

_unfinished: dict[str, Begun] = {}  # the last one that was stopped, by all that makes it what it is
_results: OrderedDict[str, Result] = OrderedDict()  # finished pictures by the same
_latest: OrderedDict[str, tuple[str, Tensor]] = OrderedDict()  # the last picture by all but weights


@dataclass(frozen=True)
class Result:
    """A picture [1, 3, H, W] in 0..1, the report on it, and its curve as a picture."""

    picture: Tensor
    report: str
    curve: Tensor


@dataclass(frozen=True)
class Begun:
    """An optimization under way, with the settings it has (those of one that went on differ from the job's), and from where it
    went on, in words.
    """

    at: Optimization
    settings: OptimizeSettings
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Job:
    """starts [B, 3, h, w], or None for noise. budget: GiB, 0 for a share of what is free. go_on: from the last result when only
    weights changed.
    """

    wired: Wired
    starts: Tensor | None
    height: int
    width: int
    batch: int
    settings: OptimizeSettings
    budget: float = 0.0
    go_on: bool = True


def carry_out(job: Job) -> tuple[Tensor, str, Tensor]:
    """Pictures [B, 3, H, W] in 0..1, the report, and the curves [B, 3, h, w].

    When the person stops it, the run ends. What there is is kept: the next run of the same goes on where it was, and "Keep this"
    makes the best picture so far the result, at once where it runs, else on the next run.
    """
    watch = Watch(job.batch, keepable=True)
    # The host calls nodes in inference mode, whose tensors no gradient may pass.
    with torch.inference_mode(False), torch.no_grad(), loaded(job) as device:
        job = replace(job, wired=replace(job.wired, objectives=plain(job.wired.objectives)))
        made = [one(job, i, device, watch.part(i)) for i in range(job.batch)]
    text = "\n\n".join((f"picture {i}\n" if job.batch > 1 else "") + found.report for i, found in enumerate(made))
    show(text)
    return torch.cat([m.picture for m in made]), text, torch.cat([m.curve for m in made])


def plain(objectives: Objectives) -> Objectives:
    """With pictures and masks that gradients may pass: those that nodes made in inference mode are copied."""
    from ...models.objectives.objective import Objectives

    def copies(part: Objective) -> dict[str, Tensor]:
        values = {field.name: getattr(part, field.name) for field in fields(part)}
        return {name: value.clone() for name, value in values.items() if isinstance(value, Tensor) and value.is_inference()}

    return Objectives(tuple(replace(part, **copies(part)) for part in objectives.parts))


def one(job: Job, index: int, device: torch.device, progress: Progress) -> Result:
    """One picture of the batch, from the beginning or from where it was left."""
    from ...models.optimization.chart import under
    from ...models.optimization.engine import begin, optimize

    objectives, settings = job.wired.objectives, job.settings
    structure, key = identities(job, index)
    if key in _results:
        return _results[key]
    begun, notes = _unfinished.get(key), []
    if begun is not None:
        at, settings, notes = begun.at, begun.settings, [*begun.notes, "went on where it was stopped"]
    else:
        start = None if job.starts is None else job.starts[index % len(job.starts)][None]
        weights, last = _latest.get(structure, ("", None))
        if job.go_on and last is not None and weights != objectives.weights():
            notes.append("went on from the last picture, as only weights changed")
            start, settings = last, replace(settings, smallest=0)
        at = begin(start, job.height, job.width, settings, device)
    _unfinished.clear()
    _unfinished[key] = Begun(at, settings, tuple(notes))

    def watched(done: int, total: int, preview: Tensor | None = None) -> None:
        progress(done, total, None if preview is None else under(preview, at.curve))

    budget = job.budget * GIB or free_memory() * SHARE_OF_FREE_MEMORY
    memory = planned(job, budget)
    notes.append(in_words(memory, settings))
    settings = replace(settings, tile=memory.tile, history=memory.history)

    def work(tile: int) -> None:
        optimize(objectives, index, job.height, job.width, replace(settings, tile=tile), at, watched)

    asked = asked_to_keep()  # also takes back what was pressed before anything had begun
    try:
        if begun is not None and asked:
            raise Kept
        smaller_tiles(max(job.height, job.width), memory.tile, work)
    except Interrupted:
        show(STOPPED.format(steps=len(at.curve)))
        raise
    except Kept:
        notes.append(KEPT)
    found = result_of(objectives, settings, at, job, notes)
    _unfinished.clear()
    remember(_results, key, found)
    remember(_latest, structure, (objectives.weights(), found.picture))
    return found


def result_of(objectives: Objectives, settings: OptimizeSettings, at: Optimization, job: Job, notes: Sequence[str]) -> Result:
    """Picture, words and curve of a state."""
    from ...models.optimization.chart import curve_picture

    parts = objectives.parts
    curve = curve_picture(at.curve, [p.title for p in parts], [p.weight for p in parts])
    return Result(at.result(job.height, job.width).cpu(), report(objectives, settings, at, notes), curve)


def identities(job: Job, index: int) -> tuple[str, str]:
    """(all that makes a picture what it is but weights and seed, the same with both)."""
    start = "noise" if job.starts is None else digest(job.starts[index % len(job.starts)])
    how = f"{replace(job.settings, seed=0)} {job.budget} {job.go_on}"
    whole = f"{job.wired.objectives.identity()} {index} {start} {job.width}x{job.height} {how}"
    structure = hashlib.sha256(whole.encode()).hexdigest()
    return structure, f"{structure} {job.settings.seed} {job.wired.objectives.weights()}"


def digest(x: Tensor) -> str:
    """Of a picture's pixels."""
    return hashlib.sha256(x.detach().cpu().contiguous().numpy().tobytes()).hexdigest()


def remember(kept: OrderedDict[str, Any], key: str, value: object) -> None:
    """Keep the newest few."""
    kept[key] = value
    kept.move_to_end(key)
    while len(kept) > KEPT_RESULTS:
        kept.popitem(last=False)


def planned(job: Job, budget: float) -> MemoryPlan:
    """What fits in so many bytes."""
    from ...models.optimization.memory import plan

    settings = job.settings
    return plan(job.wired.objectives, job.height, job.width, settings.optimizer, settings.history, budget, CONTENT_NUMBERS)


def in_words(memory: MemoryPlan, settings: OptimizeSettings) -> str:
    """ "whole pictures, about 0.6 GiB": how it is worked."""
    how = f"tiles of {memory.tile} px" if memory.tile else "the whole picture at once"
    pairs = f", L-BFGS remembers {memory.history} steps" if settings.optimizer == "lbfgs" else ""
    return f"{how}, about {memory.bytes / GIB:.1f} GiB{pairs}"


@contextmanager
def loaded(job: Job) -> Iterator[torch.device]:
    """All networks of the objectives on the device, with weights that gradients may pass."""
    with ExitStack() as stack:
        device = compute_device()
        needed = planned(job, 1e15).bytes
        for network in job.wired.networks:
            stack.enter_context(on_device(network, needed))
        stack.enter_context(plain_weights(*(network.model.module for network in job.wired.networks)))
        yield device
