"""Optimized style transfer against neural-style-pt, in one process on the same threads.

    python benchmarks/optimization.py --neural-style-pt DIR [--threads 1] [--size 256] [--model VGG-19] [--repeats 9]
    python benchmarks/optimization.py --neural-style-pt DIR --pairs 8 --shared DIR [--steps 100] [--weights vgg16]

--neural-style-pt: a checkout of ProGamerGov/neural-style-pt. Its loss modules are imported as they are and put together as its
main() does.

Without --pairs: one evaluation, the loss and its gradient with respect to the picture, with the losses and weights that are its
defaults: style at relu1_1 ... relu5_1 (Gram matrices), content at relu4_2, total variation. Both sides have the same seeded
weights (He et al. 2015): the time does not depend on them. Runs are interleaved; times are medians.

With --pairs: whole optimizations of that many pairs of pictures, see optimization_pairs.py. --shared: a folder with images/kodak,
images/monet and weights. One line of JSON for each pair and start, and one of the worst and the median.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from neural_style_pt import CONTENT_WEIGHT, STYLE_WEIGHT, VARIATION_WEIGHT, Layers, NeuralStyle, to_caffe  # finds the pack
from optimization_pairs import FILES, compare_all
from torch import Tensor

from style_atelier.models.encoders.differentiable import DifferentiableVGG
from style_atelier.models.encoders.encoder import no_gradients
from style_atelier.models.encoders.vgg import VGG, VGG16_BLOCKS, VGG19_BLOCKS, VGGConfig, conv_names

Evaluation = Callable[[Tensor], tuple[float, Tensor]]  # picture -> loss, gradient
STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
CONTENT_LAYER = "relu4_2"
WIDTHS = (64, 128, 256, 512, 512)
BLOCKS = {"VGG-16": VGG16_BLOCKS, "VGG-19": VGG19_BLOCKS}


@dataclass(frozen=True)
class Timing:
    """Medians of interleaved runs, in seconds; ratio: the median of the ratios of neighboring runs."""

    ours: float
    theirs: float
    ratio: float


def seeded_vgg(model: str) -> VGG:
    """VGG in Caffe's normalization with random weights."""
    names = conv_names(BLOCKS[model])
    network = VGG(VGGConfig(tuple((name, WIDTHS[int(name[4]) - 1]) for name in names), normalization="caffe"))
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in network.parameters():
            scale = (2 / weight[0].numel()) ** 0.5 if weight.dim() > 1 else 0.0
            weight.copy_(torch.randn(weight.shape, generator=generator) * scale)
        network.get_parameter("convs.conv1_1.weight").div_(64)  # Caffe's pictures are in 0..255
    no_gradients(network)
    return network


def our_evaluation(network: VGG, content: Tensor, style: Tensor) -> Evaluation:
    """The same losses with gradients written out. Pictures are RGB in 0..1."""
    vgg = DifferentiableVGG(network)
    target = vgg.forward(content, [CONTENT_LAYER])[0][CONTENT_LAYER]
    grams = {tap: gram(level) for tap, level in vgg.forward(style, STYLE_LAYERS)[0].items()}

    @torch.no_grad()
    def evaluate(picture: Tensor) -> tuple[float, Tensor]:
        levels, trace = vgg.forward(picture, [*STYLE_LAYERS, CONTENT_LAYER])
        difference = levels[CONTENT_LAYER] - target
        flat = difference.permute(0, 2, 3, 1).flatten()
        loss = CONTENT_WEIGHT * float(flat @ flat) / flat.numel()
        gradients = {CONTENT_LAYER: difference.mul_(2 * CONTENT_WEIGHT / flat.numel())}
        for tap, wanted in grams.items():
            level = levels.pop(tap)
            channels = level.shape[1]
            error = gram(level) - wanted
            loss += STYLE_WEIGHT * float(error.square().mean())
            error.mul_(4 * STYLE_WEIGHT / (channels**2 * level.numel()))
            lines = level.permute(0, 2, 3, 1)
            gradients[tap] = (lines.reshape(-1, channels) @ error).view(lines.shape).permute(0, 3, 1, 2)
        gradient = vgg.backward(trace, gradients)
        for axis in (2, 3):
            length = picture.shape[axis] - 1
            step = picture.narrow(axis, 1, length) - picture.narrow(axis, 0, length)
            loss += 255 * VARIATION_WEIGHT * float(step.abs().sum())
            sign = step.sign().mul_(255 * VARIATION_WEIGHT)
            gradient.narrow(axis, 1, length).add_(sign)
            gradient.narrow(axis, 0, length).sub_(sign)
        return loss, gradient

    return evaluate


def gram(level: Tensor) -> Tensor:
    """[1, C, H, W] -> [C, C], divided by the number of values."""
    lines = level.permute(0, 2, 3, 1).reshape(-1, level.shape[1])
    return (lines.T @ lines).div_(level.numel())


def interleaved(ours: Callable[[], object], theirs: Callable[[], object], repeats: int) -> Timing:
    """Run both in turn, once without counting."""
    times: list[tuple[float, float]] = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        ours()
        middle = time.perf_counter()
        theirs()
        times.append((middle - start, time.perf_counter() - middle))
    mine, other = zip(*times[1:], strict=True)
    ratios = [b / a for a, b in times[1:]]
    return Timing(statistics.median(mine), statistics.median(other), statistics.median(ratios))


def evaluation(folder: Path, model: str, size: int, repeats: int) -> dict[str, float | str]:
    """One evaluation of loss and gradient, and how far the two sides' results are apart."""
    network, generator = seeded_vgg(model), torch.Generator().manual_seed(1)
    content, style, picture = (torch.rand((1, 3, size, size), generator=generator) for _ in range(3))
    ours = our_evaluation(network, content, style)
    theirs = NeuralStyle(folder, network, Layers(STYLE_LAYERS, CONTENT_LAYER), content, style).evaluate
    caffe = to_caffe(picture)
    (loss, gradient), (their_loss, their_gradient) = ours(picture), theirs(caffe)
    expected = their_gradient.flip(1) * 255
    timing = interleaved(lambda: ours(picture), lambda: theirs(caffe), repeats)
    return {
        "model": model,
        "size": size,
        "ours": round(timing.ours, 4),
        "theirs": round(timing.theirs, 4),
        "ratio": round(timing.ratio, 3),
        "loss apart": abs(loss - their_loss) / abs(their_loss),
        "gradient apart": float((gradient - expected).norm() / expected.norm()),
    }


def summary(lines: list[dict[str, Any]]) -> dict[str, float]:
    """The worst and the median over all pairs and starts."""
    found: dict[str, float] = {}
    for key, worst in (("loss", max), ("loss as saved", max), ("speed", min), ("coarse to fine time", max)):
        values = [line[key] for line in lines]
        found[f"{key}, worst"], found[f"{key}, median"] = worst(values), statistics.median(values)
    return found


def main() -> None:
    """Print lines of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--neural-style-pt", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--model", choices=sorted(BLOCKS), default="VGG-19")
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--pairs", type=int, default=0)
    parser.add_argument("--shared", type=Path)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--weights", choices=sorted(FILES), default="vgg16")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if not options.pairs:
        print(json.dumps(evaluation(options.neural_style_pt, options.model, options.size, options.repeats)))
        return
    lines = []
    shared = options.shared or parser.error("--pairs needs --shared")
    for line in compare_all(options.neural_style_pt, shared, options.weights, options.size, options.steps, options.pairs):
        lines.append(line)
        print(json.dumps(line), flush=True)
    print(json.dumps(summary(lines)))


if __name__ == "__main__":
    main()
