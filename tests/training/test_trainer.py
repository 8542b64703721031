"""The trainer: the same bits however often it is stopped or killed, and one sentence where that cannot be."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest
import torch
from torch import Tensor

from style_atelier.models.training import state
from style_atelier.models.training.draws import Draws
from style_atelier.models.training.recipe import TOTAL, Batch, Losses, Recipe
from style_atelier.models.training.trainer import Changed, Run

from .small import bits, nobody, recipe, trainer

KILLS = 20


class Stopped(Exception):
    """A person pressed stop."""


def test_stopped_at_every_step_it_ends_with_the_same_bits(tmp_path: Path) -> None:
    undisturbed = trainer(None)
    undisturbed.train(nobody)
    stops = 0
    for at in range(1, 13):
        going = trainer(tmp_path)

        def stop(run: Run, sample: Tensor | None, at: int = at) -> None:
            if run.step >= at and not run.done:
                raise Stopped

        try:
            going.train(stop)
        except Stopped:
            stops += 1
    assert stops == 11
    assert bits(going) == bits(undisturbed)
    assert going.run.losses == undisturbed.run.losses


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked here")
def test_killed_at_random_moments_it_ends_with_the_same_bits(tmp_path: Path) -> None:
    undisturbed = trainer(None, steps=40)
    began = time.monotonic()
    undisturbed.train(nobody)
    whole, chance, killed = time.monotonic() - began, random.Random(16), 0
    while killed < KILLS:
        child = os.fork()
        if not child:
            try:
                trainer(tmp_path, steps=40).train(nobody)
            finally:
                os._exit(0)
        time.sleep(chance.uniform(0.02, 0.35 * whole))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        killed += 1
    assert not list(tmp_path.glob("*.safetensors"))
    last = trainer(tmp_path, steps=40)
    last.train(nobody)
    assert bits(last) == bits(undisturbed)


def test_a_damaged_checkpoint_leaves_the_one_before(tmp_path: Path) -> None:
    done = trainer(tmp_path)
    done.train(nobody)
    now = tmp_path / state.NOW
    now.write_bytes(now.read_bytes()[:1000])
    again = trainer(tmp_path)
    again.train(nobody)
    assert bits(again) == bits(done)
    assert any("damaged" in note for note in again.run.notes)
    for place in (tmp_path / state.NOW, tmp_path / state.BEFORE):
        place.write_bytes(b"nothing")
    with pytest.raises(ValueError, match="are damaged: delete that folder"):
        trainer(tmp_path)


def test_steps_and_rate_may_change_and_data_may_not(tmp_path: Path) -> None:
    trainer(tmp_path).train(nobody)
    longer = trainer(tmp_path, steps=15, rate=5e-4)
    assert longer.run.step == 12
    longer.train(nobody)
    assert longer.run.step == 15
    with pytest.raises(Changed, match="size"):
        trainer(tmp_path, size=32)


def broken(at: tuple[int, ...]) -> Recipe:
    """Losses that are no numbers at some steps."""
    made = recipe()
    whole = made.step

    def step(batch: Batch, draws: Draws) -> Losses:
        losses = whole(batch, draws)
        return losses | {TOTAL: losses[TOTAL] * float("nan")} if draws.step in at else losses

    made.step = step  # type: ignore[method-assign]
    return made


def test_a_step_that_is_not_a_number_is_left_out(tmp_path: Path) -> None:
    going = trainer(tmp_path, broken((5,)))
    run = going.train(nobody)
    assert run.step == 12
    assert run.skipped == [5]
    assert run.slower == 0.5
    assert all(bool(torch.isfinite(p).all()) for p in going.average.parameters())
    assert any("step 6" in note for note in run.notes)


def test_several_in_a_row_go_back_and_in_the_end_it_says_so(tmp_path: Path) -> None:
    going = trainer(tmp_path, broken(tuple(range(5, 12))), save_minutes=100.0)
    with pytest.raises(ValueError, match="no numbers any more"):
        going.train(nobody)
    assert all(bool(torch.isfinite(p).all()) for p in going.average.parameters())


def hungry() -> Recipe:
    """Memory for one picture."""
    made = recipe()
    whole = made.step

    def step(batch: Batch, draws: Draws) -> Losses:
        if len(batch.content) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return whole(batch, draws)

    made.step = step  # type: ignore[method-assign]
    return made


def test_without_memory_the_batch_is_made_in_parts(tmp_path: Path) -> None:
    going, plain = trainer(None, hungry(), batch=4, steps=4), trainer(None, batch=4, steps=4)
    going.train(nobody)
    plain.train(nobody)
    assert going.run.micro_batch == 1
    assert sum("memory ran out" in note for note in going.run.notes) == 2
    for ours, theirs in zip(going.run.losses, plain.run.losses, strict=True):
        assert ours[TOTAL] == pytest.approx(theirs[TOTAL], rel=1e-3)
    whole = hungry()
    whole.micro_batches = False
    with pytest.raises(ValueError, match="not enough memory to train with crops of 24 pixels, 4 at once"):
        trainer(None, whole, batch=4, steps=4).train(nobody)


def test_minutes_end_a_run_and_its_schedule(tmp_path: Path) -> None:
    going = trainer(None, steps=100000, minutes=0.05)
    run = going.train(nobody)
    assert 20 < run.step < 100000
    assert run.seconds < 9
    assert run.planned < 100000


def test_draws_depend_on_nothing_but_their_key() -> None:
    first, again = Draws(1, 2), Draws(1, 2)
    assert torch.equal(first.normal("a", (3,)), (again.uniform("b"), again.normal("a", (3,)))[1])
    assert not torch.equal(first.normal("a", (3,)), first.normal("b", (3,)))
    assert not torch.equal(first.normal("a", (3,)), Draws(1, 3).normal("a", (3,)))
    assert not torch.equal(first.normal("a", (3,)), Draws(2, 2).normal("a", (3,)))
