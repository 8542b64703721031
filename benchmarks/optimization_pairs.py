"""Eight pairs of pictures made by neural-style-pt and by this pack, with the same network, layers, weights, start and steps.

Called by optimization.py --pairs. Times are the processor's, of one thread: on a machine that does other work too they are what
the wall clock would show if it did not. Reference features and Gram matrices are in them, loading the network is not.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import neural_style_pt as theirs  # puts the pack in its place
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from style_atelier.models.encoders.encoder import Encoder
from style_atelier.models.encoders.pixels import PIXELS
from style_atelier.models.encoders.vgg import VGG
from style_atelier.models.library.registry import open_checkpoint
from style_atelier.models.library.stylizers import as_encoder
from style_atelier.models.objectives.content import ContentObjective
from style_atelier.models.objectives.objective import Objectives
from style_atelier.models.objectives.smoothness import SmoothnessObjective
from style_atelier.models.objectives.style import Gram, StyleObjective
from style_atelier.models.ops.padding import same_size
from style_atelier.models.optimization.engine import Optimization, OptimizeSettings, begin, evaluator_for, optimize

KODAK = (1, 3, 5, 7, 9, 11, 13, 15)
COARSE = {"smallest": 181, "coarse_steps": 12}  # of the run from coarse to fine
SAME = 1e-4  # how far two losses of one picture may be apart
LAYERS = {
    "vgg16": theirs.Layers(("relu1_1", "relu2_1", "relu3_1"), "relu3_3"),
    "vgg19": theirs.Layers(("relu1_1", "relu2_1", "relu3_1", "relu4_1"), "relu3_4"),
}
FILES = {"vgg16": "vgg/vgg16_caffe_to_relu3_3.pth", "vgg19": "adain/vgg_normalised_relu4_1.pth"}


@dataclass(frozen=True)
class Run:
    """loss: the lowest that was seen. clamped: of the picture that is saved. times: from the beginning to each step's end."""

    loss: float
    clamped: float
    times: list[float]

    @property
    def step(self) -> float:
        """Seconds per step, the median."""
        return statistics.median(b - a for a, b in zip(self.times, self.times[1:], strict=False))


def square(path: Path, size: int) -> Tensor:
    """The middle of a picture [1, 3, size, size] in 0..1."""
    picture = torch.from_numpy(np.asarray(Image.open(path).convert("RGB")).copy()).permute(2, 0, 1)[None].float() / 255
    height, width = picture.shape[-2:]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return same_size(picture[:, :, top : top + side, left : left + side], size, size)


def pairs(shared: Path, size: int) -> Iterator[tuple[str, Tensor, Tensor]]:
    """(names, content, style): Kodak's photographs, and Monet's paintings from all of the folder."""
    paintings = sorted((shared / "images/monet").glob("*.jpg"))
    for number, painting in zip(KODAK, paintings[:: len(paintings) // len(KODAK)], strict=False):
        photograph = shared / f"images/kodak/kodim{number:02d}.png"
        yield f"{photograph.stem} {painting.stem}", square(photograph, size), square(painting, size)


def objectives(encoder: Encoder, layers: theirs.Layers, content: Tensor, style: Tensor) -> Objectives:
    """The same losses: total variation here is a mean over numbers in 0..1, there a sum over numbers in 0..255."""
    variation = theirs.VARIATION_WEIGHT * 255 * content.numel()
    ones = (1.0,) * len(layers.style)
    return Objectives(
        (
            ContentObjective(theirs.CONTENT_WEIGHT, encoder, content, (layers.content,), relative=False),
            StyleObjective(theirs.STYLE_WEIGHT, encoder, style, Gram("neural-style"), layers.style, ones),
            SmoothnessObjective(variation, PIXELS),
        )
    )


class Reached(Exception):
    """The loss is low enough."""


@dataclass(frozen=True)
class Pair:
    """One content, one style, one start, and both sides."""

    folder: Path
    encoder: Encoder
    layers: theirs.Layers
    content: Tensor
    style: Tensor
    start: Tensor

    @property
    def network(self) -> VGG:
        """The encoder's."""
        assert isinstance(self.encoder.module, VGG)
        return self.encoder.module

    def their_side(self) -> theirs.NeuralStyle:
        """neural-style-pt with its targets."""
        return theirs.NeuralStyle(self.folder, self.network, self.layers, self.content, self.style)

    def of_picture(self, picture: Tensor) -> float:
        """Our loss of a picture at its size."""
        height, width = picture.shape[-2:]
        at = begin(picture, height, width, OptimizeSettings(steps=1, smallest=0), picture.device)
        found = objectives(self.encoder, self.layers, self.content, self.style)
        return evaluator_for(found, 0, (height, width), 1.0, OptimizeSettings(), at, lambda: None)(picture, at.chance).loss

    def theirs(self, steps: int) -> Run:
        """Its own optimization; the lowest loss of all its evaluations, though it saves the last picture."""
        times: list[float] = []
        losses: list[float] = []
        began = time.process_time()

        def note(number: int, loss: float) -> None:
            times.append(time.process_time() - began)
            losses.append(loss)

        last = self.their_side().optimize(theirs.to_caffe(self.start), steps, note)
        return Run(min(losses), self.of_picture(theirs.from_caffe(last).clamp(0, 1)), times)

    def ours(self, settings: OptimizeSettings, enough: float = float("-inf")) -> Run:
        """The engine; it may stop when a picture of the final size has a loss of at most `enough`."""
        times: list[float] = []
        began = time.process_time()
        found = objectives(self.encoder, self.layers, self.content, self.style)
        height, width = self.content.shape[-2:]
        last = len(settings.scales(height, width)) - 1
        at: Optimization = begin(self.start, height, width, settings, self.content.device)

        def watch(done: int, total: int, preview: Any = None) -> None:
            if len(times) < len(at.curve):
                times.append(time.process_time() - began)
                if at.curve[-1].scale == last and at.curve[-1].loss <= enough:
                    raise Reached

        with suppress(Reached):
            optimize(found, 0, height, width, settings, at, watch)
        lowest = min(record.loss for record in at.curve if record.scale == last)
        return Run(lowest, self.of_picture(at.result(height, width)), times)


def check(pair: Pair, picture: Tensor) -> float:
    """How far the two sides' losses of one picture are apart, relative. Raises ValueError if they are different losses."""
    mine, other = pair.of_picture(picture), pair.their_side().evaluate(theirs.to_caffe(picture))[0]
    if abs(mine - other) > SAME * abs(other):
        raise ValueError(f"not the same loss: {mine} here, {other} there")
    return abs(mine / other - 1)


def compare(pair: Pair, steps: int) -> dict[str, float]:
    """Both sides with as many evaluations; then from coarse to fine until their loss is reached."""
    other = pair.theirs(steps)
    plain = OptimizeSettings(steps=steps, smallest=0)
    mine = pair.ours(plain)
    fast = pair.ours(OptimizeSettings(steps=steps, **COARSE), enough=other.loss)  # type: ignore[arg-type]
    return {
        "losses apart": check(pair, pair.start),
        "theirs": other.loss,
        "ours": mine.loss,
        "loss": mine.loss / other.loss,
        "loss as saved": mine.clamped / other.clamped,
        "seconds theirs": other.step,
        "seconds ours": mine.step,
        "speed": other.step / mine.step,
        "coarse to fine loss": fast.loss / other.loss,
        "coarse to fine time": fast.times[-1] / other.times[-1],
    }


def compare_all(folder: Path, shared: Path, model: str, size: int, steps: int, count: int) -> Iterator[dict[str, Any]]:
    """A line for each pair and start, as they are done."""
    encoder = as_encoder(open_checkpoint(shared / "weights" / FILES[model]))
    for seed, (name, content, style) in enumerate(pairs(shared, size)):
        if seed >= count:
            return
        generator = torch.Generator().manual_seed(seed)
        noise = theirs.from_caffe(torch.randn(content.shape, generator=generator) * 0.001)  # its -init random
        for start_name, start in (("image", content), ("random", noise)):
            pair = Pair(folder, encoder, LAYERS[model], content, style, start)
            found = compare(pair, steps)
            yield {"model": model, "pair": name, "start": start_name, **{k: float(f"{v:.4g}") for k, v in found.items()}}
