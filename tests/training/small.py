"""A training that takes milliseconds a step, for tests of what is around it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from style_atelier.models.families.johnson.network import TransformerNet
from style_atelier.models.families.johnson.train import TrainJohnson, config_of
from style_atelier.models.library import stylizers as library
from style_atelier.models.training.feeds import OwnStyles
from style_atelier.models.training.picture_set import PictureSet
from style_atelier.models.training.plan import Plan
from style_atelier.models.training.recipe import Recipe
from style_atelier.models.training.scenes import scenes
from style_atelier.models.training.trainer import Run, Trainer, Trial

TAPS = ("relu1_1", "relu2_1")


def recipe(width: int = 4, styles: PictureSet | None = None) -> TrainJohnson:
    """A tiny network of fast neural style, always the same."""
    torch.manual_seed(3)
    eye = library.load_encoder(library.POCKET_VGG, None).module  # type: ignore[arg-type]
    style = (styles or scenes(1, 99, 40)).whole(0)
    return TrainJohnson(TransformerNet(config_of(width, 1)), eye, [style], 0.3, 1.0, 0.1, 1.0, True, TAPS[0], TAPS)  # type: ignore[arg-type]


def trainer(folder: Path | None, made: Recipe | None = None, contents: PictureSet | None = None, **plan: Any) -> Trainer:
    """A training of twelve steps unless said otherwise, which saves after every one."""
    values = {"steps": 12, "batch": 2, "size": 24, "save_minutes": 0.0, "average": 0.9, "samples": 3, "schedule": "cosine"}
    feed = OwnStyles(contents or scenes(3, 5, 48), scenes(1, 99, 40), (values | plan)["batch"], (values | plan)["size"])
    trial = Trial(scenes(1, 7, 32).whole(0), scenes(1, 99, 40).whole(0))
    return Trainer(made or recipe(), Plan(**(values | plan)), feed, trial, folder)


def nobody(run: Run, sample: Tensor | None) -> None:
    """Watches and says nothing."""


def bits(done: Trainer) -> dict[str, bytes]:
    """All that a training has learned."""
    tensors = done.state().tensors
    return {
        key: x.contiguous().view(torch.uint8).numpy().tobytes() if x.dim() else bytes(str(float(x)), "ascii")
        for key, x in tensors.items()
        if not key.startswith("losses")
    }
