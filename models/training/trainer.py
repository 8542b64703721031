"""Trains a recipe: steps, averages, samples, checkpoints; stopped, killed or out of memory, it goes on where it was."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from . import state
from .draws import Draws
from .plan import Plan
from .recipe import TOTAL, Batch, Recipe
from .state import State
from .update import NotFinite, Update

PACED = 20  # steps after which the time that all take is known
NOT_FINITE_IN_A_ROW, TIMES_BACK = 3, 3
SAMPLE_SIDE = 384


class Feed(Protocol):
    """Where batches come from. digest: of the pictures. A step's batch depends on the step and its draws alone."""

    digest: str

    def __call__(self, draws: Draws) -> Batch: ...


class Watch(Protocol):
    """Who is told after each step. It may raise to stop the run: everything is kept."""

    def __call__(self, run: Run, sample: Tensor | None) -> None: ...


@dataclass
class Run:
    """What a training has done so far. losses: of every step, by name. samples: (step, picture [1, 3, h, w] in 0..1).

    scores: (step, how far the sample is from what is wanted), lower is better; best: the step of the best one. notes: what
    happened on the way, in words.
    """

    plan: Plan
    step: int = 0
    seconds: float = 0.0
    planned: int = 0
    micro_batch: int = 0
    slower: float = 1.0
    losses: list[dict[str, float]] = field(default_factory=list)
    samples: list[tuple[int, Tensor]] = field(default_factory=list)
    scores: list[tuple[int, float]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    skipped: list[int] = field(default_factory=list)
    best: int = -1

    @classmethod
    def of(cls, found: State) -> Run:
        """What a checkpoint says of it."""
        numbers, values = found.numbers, found.tensors.get("losses")
        rows = [] if values is None else values.tolist()
        pictures = {int(key): x[None].float() / 255 for key, x in found.under("sample").items()}
        return cls(
            Plan.of(numbers["plan"]),
            **{name: numbers[name] for name in ("step", "seconds", "planned", "micro_batch", "slower", "best")},
            losses=[{n: v for n, v in zip(numbers["losses"], row, strict=True) if v == v} for row in rows],
            samples=sorted(pictures.items()),
            scores=[(int(step), float(score)) for step, score in numbers["scores"]],
            notes=list(numbers["notes"]),
            skipped=list(numbers["skipped"]),
        )

    @property
    def rate(self) -> float:
        """The optimizer's at the step that comes."""
        return replace(self.plan, steps=max(self.planned, 1)).rate_at(self.step) * self.slower

    @property
    def seconds_a_step(self) -> float:
        """Of the steps so far."""
        return self.seconds / self.step if self.step else 0.0

    @property
    def seconds_left(self) -> float:
        """Until it is done, at the pace so far."""
        return self.seconds_a_step * max(self.planned - self.step, 0)

    @property
    def done(self) -> bool:
        """Whether all steps, or all minutes, are used up."""
        return self.step >= self.planned or bool(self.plan.minutes and self.seconds >= 60 * self.plan.minutes)

    def note(self, text: str) -> None:
        """Remember what happened, once."""
        if text not in self.notes:
            self.notes.append(text)


@dataclass
class Trial:
    """Pictures that are not trained on: content and style [1, 3, h, w]; score: (made, content, style) -> lower is better."""

    content: Tensor
    style: Tensor
    score: Callable[[Tensor, Tensor, Tensor], float] | None = None


class Trainer:
    """One training. folder: for its checkpoints; None keeps nothing on disk. identity: of what cannot change on the way."""

    def __init__(
        self,
        recipe: Recipe,
        plan: Plan,
        feed: Feed,
        trial: Trial | None = None,
        folder: Path | None = None,
        device: torch.device | str = "cpu",
        start: str = "",
    ) -> None:
        self.recipe, self.plan, self.feed, self.trial, self.folder = recipe, plan, feed, trial, folder
        self.device, self.start = torch.device(device), start
        self.update = Update(recipe, plan)
        self.average = copy.deepcopy(recipe.network).requires_grad_(False).train(False)
        self.kept: dict[str, Tensor] = {}  # the best sample's network
        self.run = Run(plan, planned=plan.steps, micro_batch=plan.micro_batch)
        self.torn = False
        self._back = 0
        if folder is not None:
            self._resume(folder)

    def train(self, watch: Watch) -> Run:
        """Go on until all is done. What `watch` raises, and every error, passes through after a checkpoint."""
        saved = last = time.monotonic()
        run, bad = self.run, 0
        due = set(self.plan.sample_steps())
        ahead = ThreadPoolExecutor(1, thread_name_prefix="style-atelier-pictures")
        try:
            coming = self._ask(ahead, run.step)
            if run.step == 0 and 0 in due:
                watch(run, self._sample())
            while not run.done:
                batch, step = coming.result(), run.step
                coming = self._ask(ahead, step + 1)
                try:
                    losses = self._step(batch, step, partial(watch, run, None))
                    bad = 0
                except NotFinite:
                    bad += 1
                    losses = self._not_finite(step, bad)
                    if self.run is not run:  # back at a checkpoint
                        run, bad = self.run, 0
                        coming = self._ask(ahead, run.step)
                        continue
                now = time.monotonic()
                run.seconds, last = run.seconds + now - last, now
                run.step = step + 1
                run.losses.append(losses)
                self._pace()
                sample = self._sample() if run.step in due or run.done else None
                if self.folder is not None and now - saved > 60 * self.plan.save_minutes:
                    self.save()
                    saved = time.monotonic()
                last = time.monotonic() if sample is not None else last
                watch(run, sample)
        finally:
            ahead.shutdown(wait=False, cancel_futures=True)
            self.recipe.network.train(False)
            self.save()
        return run

    def save(self) -> None:
        """Write a checkpoint, unless an update was cut in two."""
        if self.folder is not None and not self.torn:
            state.save(self.state(), self.folder)

    def result(self) -> nn.Module:
        """The best network so far: of its samples the best, unless the running mean as it is now is better still."""
        network, scores = copy.deepcopy(self.average), dict(self.run.scores)
        if self.kept and self.run.step not in scores:
            made = self._made()
            if made is None or self._score(made) > min(scores.values()):
                network.load_state_dict(self.kept)
        elif self.kept:
            network.load_state_dict(self.kept)
        return network

    def state(self) -> State:
        """Everything."""
        run, found = self.run, State()
        found.put("network", self.recipe.network)
        found.put("average", self.average)
        found.put_optimizer("optimizer", self.update.optimizer)
        found.tensors |= {f"best/{key}": value for key, value in self.kept.items()}
        for step, sample in run.samples:
            found.tensors[f"sample/{step}"] = (sample[0] * 255).round().byte()
        names = sorted({name for losses in run.losses for name in losses})
        if names:
            nan = float("nan")
            values = [[losses.get(name, nan) for name in names] for losses in run.losses]
            found.tensors["losses"] = torch.tensor(values, dtype=torch.float64)
        found.numbers = {
            "step": run.step,
            "seconds": run.seconds,
            "planned": run.planned,
            "micro_batch": run.micro_batch,
            "slower": run.slower,
            "losses": names,
            "scores": run.scores,
            "notes": run.notes,
            "skipped": run.skipped,
            "best": run.best,
            "plan": self.plan.as_numbers(),
            "data": self.feed.digest,
            "family": self.recipe.family,
            "start": self.start,
        }
        return found

    def take(self, found: State) -> None:
        """Be where a state was."""
        self.recipe.network.load_state_dict(found.under("network"))
        self.average.load_state_dict(found.under("average"))
        found.take_optimizer("optimizer", self.update.optimizer)
        self.kept = found.under("best")
        self.run = Run.of(found)
        self.run.plan, self.run.planned = self.plan, self.plan.steps
        self.run.micro_batch = self.plan.micro_batch or self.run.micro_batch
        self.update.slower = self.run.slower

    def _resume(self, folder: Path) -> None:
        there = state.load(folder)
        if there is None:
            return
        found, said = there
        numbers = found.numbers
        changed = [name for name, now in self._identity().items() if numbers[name] != now]
        changed += Plan.of(numbers["plan"]).differs(self.plan)
        if changed:
            raise Changed(changed)
        self.take(found)
        self.run.note(f"went on from step {self.run.step}")
        if said:
            self.run.note(said)

    def _identity(self) -> dict[str, str]:
        return {"family": self.recipe.family, "data": self.feed.digest, "start": self.start}

    def _ask(self, ahead: ThreadPoolExecutor, step: int) -> Future[Batch]:
        return ahead.submit(self.feed, Draws(self.plan.seed, step))

    def _step(self, batch: Batch, step: int, look: Callable[[], None]) -> dict[str, float]:
        """One update, in smaller parts where memory runs out; then the running mean."""
        batch, draws = batch.to(self.device), Draws(self.plan.seed, step)
        while True:
            try:
                losses = self.update(batch, draws, step, self.run.micro_batch, look, self._stepping)
                break
            except Exception as error:
                if not out_of_memory(error):
                    raise
                self.run.micro_batch = self._smaller(len(batch.content))
        self._follow(step)
        self.torn = False
        return losses

    def _stepping(self) -> None:
        self.torn = True  # until weights, optimizer and mean belong together again

    def _smaller(self, batch: int) -> int:
        now = self.run.micro_batch or batch
        if now == 1 or not self.recipe.micro_batches:
            raise ValueError(
                f"There is not enough memory to train with crops of {self.plan.size} pixels"
                f"{'' if now == 1 else f', {now} at once'}: choose a smaller size or batch, or close what else uses the memory."
            )
        self.run.note(f"memory ran out: {max(now // 2, 1)} pictures at once, in batches of {batch} as before")
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        return max(now // 2, 1)

    def _follow(self, step: int) -> None:
        """The running mean of the weights; everything else is copied."""
        share = min(self.plan.average, (step + 1) / (step + 10)) if self.plan.average else 0.0
        with torch.no_grad():
            for slow, fast in zip(self.average.parameters(), self.recipe.network.parameters(), strict=True):
                slow.lerp_(fast, 1 - share)
            for slow, fast in zip(self.average.buffers(), self.recipe.network.buffers(), strict=True):
                slow.copy_(fast)

    def _not_finite(self, step: int, bad: int) -> dict[str, float]:
        """Leave the step out and be slower; after several in a row go back to the checkpoint."""
        run = self.run
        run.slower = self.update.slower = run.slower / 2
        if bad < NOT_FINITE_IN_A_ROW:
            run.skipped.append(step)
            run.note(f"step {step + 1} had losses that are no numbers: it was left out, and the rate halved")
            return {}
        there = None if self.folder is None else state.load(self.folder)
        self._back += 1
        if there is None or self._back > TIMES_BACK:
            raise ValueError(
                "The losses are no numbers any more, even at a smaller rate: choose a smaller rate, or look for a broken picture."
            )
        self.take(there[0])
        self.run.slower = self.update.slower = run.slower
        self.run.notes = run.notes
        run = self.run
        run.note(f"after {bad} such steps it went back to step {run.step}, at a smaller rate")
        return {}

    def _pace(self) -> None:
        """With a limit of minutes: as many steps as fit, so that the rate's schedule ends with them."""
        run, plan = self.run, self.plan
        if plan.minutes and (run.step == PACED or (run.step > PACED and run.planned == plan.steps)):
            fitting = int(60 * plan.minutes / max(run.seconds_a_step, 1e-9))
            run.planned = max(run.step + 1, min(plan.steps, fitting))
        self.update.steps = run.planned

    def _made(self) -> Tensor | None:
        """What the running mean makes of the trial; None where there is none, or it is no picture."""
        if self.trial is None:
            return None
        with torch.no_grad():
            made = self.recipe.sample(self.average, self.trial.content.to(self.device), self.trial.style.to(self.device))
        made = made.float().clamp(0, 1)
        return made if bool(torch.isfinite(made).all()) else None

    def _score(self, made: Tensor) -> float:
        """How far a picture is from what is wanted; the same for all where nothing says it."""
        trial = self.trial
        if trial is None or trial.score is None or made.shape != trial.content.shape:
            return 0.0
        with torch.no_grad():
            return float(trial.score(made, trial.content.to(self.device), trial.style.to(self.device)))

    def _sample(self) -> Tensor | None:
        """A sample, kept with its score; the network of the best is kept too. Without scores the last is the best."""
        made, run = self._made(), self.run
        if made is None:
            return None
        score = self._score(made)
        if run.best < 0 or score <= min(value for _, value in run.scores):
            run.best = run.step
            self.kept = {key: value.detach().cpu().clone() for key, value in self.average.state_dict().items()}
        run.scores.append((run.step, score))
        run.samples.append((run.step, made.cpu()))
        return made.cpu()


class Changed(ValueError):
    """A run of this name is there that was made of something else. names: of what changed."""

    def __init__(self, names: list[str]) -> None:
        super().__init__(", ".join(names))
        self.names = names


def out_of_memory(error: Exception) -> bool:
    """Whether memory ran out, of a graphics card or of the computer."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in str(error)


def total_of(losses: dict[str, Any]) -> float:
    """What was minimized; not a number for a step that was left out."""
    return losses.get(TOTAL, float("nan"))
