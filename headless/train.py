"""`train-builtin`: fits the built-in stylizer to folders of pictures and writes it as safetensors."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file

from ..models.encoders.vgg import VGG
from ..models.families.pocket.builtin import TrainingPlan, train_builtin
from ..models.library.registry import open_checkpoint
from ..models.library.stylizers import as_encoder
from ..models.training.pictures import PictureFolder
from ..models.weights.errors import WeightsError
from ..models.weights.writing import write_over

STEPS_BETWEEN_LINES = 50
TITLE = "Pocket"


class TrainError(Exception):
    """A training that cannot begin."""


@dataclass(frozen=True)
class Training:
    """What the command line asks for. leave_out: file names, in either kind of folder."""

    content: Sequence[Path]
    style: Sequence[Path]
    encoder: Path
    out: Path
    leave_out: Sequence[str]
    steps: int
    seed: int
    threads: int | None
    resume: bool


def train(wish: Training, say: Callable[[str], None] = print) -> Path:
    """Train and write the network. Raises TrainError before the first step when something is missing.

    The state of the training is kept beside it as OUT.training.pt, from which --resume goes on.
    """
    checkpoint = wish.out.with_name(wish.out.name + ".training.pt")
    if checkpoint.exists() and not wish.resume:
        raise TrainError(f"{checkpoint} is there from an earlier training: add --resume to go on with it, or remove it.")
    if wish.threads:
        torch.set_num_threads(wish.threads)
    plan = TrainingPlan(steps=wish.steps, seed=wish.seed)
    try:
        content = PictureFolder(wish.content, leave_out=wish.leave_out)
        style = PictureFolder(wish.style, leave_out=wish.leave_out)
        encoder = as_encoder(open_checkpoint(wish.encoder)).module
    except (ValueError, OSError, WeightsError) as error:
        raise TrainError(f"The training cannot begin: {error}") from error
    if not isinstance(encoder, VGG):
        raise TrainError(f"{wish.encoder} is no VGG: the losses are taken between layers of a VGG.")
    wish.out.parent.mkdir(parents=True, exist_ok=True)
    say(f"{len(content.paths)} photographs, {len(style.paths)} paintings, {wish.steps} steps")
    network = train_builtin(content, style, encoder, checkpoint, plan, report=reporter(wish.steps, say))
    return save(network, wish)


def reporter(steps: int, say: Callable[[str], None]) -> Callable[[int, dict[str, float]], None]:
    """Prints the losses now and then."""
    began = time.monotonic()

    def report(step: int, losses: dict[str, float]) -> None:
        if step % STEPS_BETWEEN_LINES == 0 or step == steps:
            words = "  ".join(f"{name} {value:.4f}" for name, value in losses.items())
            say(f"step {step}/{steps}  {words}  {time.monotonic() - began:.0f} s")

    return report


def save(network: torch.nn.Module, wish: Training) -> Path:
    """Half-precision safetensors that say what they are, whole or not at all."""
    tensors = {name: value.half().contiguous() for name, value in network.state_dict().items()}
    metadata = {"title": TITLE, "steps": str(wish.steps), "seed": str(wish.seed), "license": "MIT"}
    write_over(wish.out, lambda name: save_file(tensors, name, metadata))
    return wish.out
