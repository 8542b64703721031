"""Finding the W whose picture is nearest to a given one (Karras et al. 2019, arXiv:1912.04958, appendix D).

Adam, a learning rate that rises and falls, noise on W that fades, noise maps that are optimized too and kept free of the
picture. The schedule is that of NVlabs/stylegan2-ada-pytorch `projector.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import cos, pi
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from ..progress import Progress, glance, silent
from .directions import SPREAD_SEED, sampled
from .generator import Generator, three_colors
from .noise import Noise

Space = Literal["W", "W+"]
Embed = Callable[[Tensor], Tensor]
LARGEST_SIDE = 256
SMALLEST_MAP = 8
PREVIEW_EVERY = 5
BETAS, EPS = (0.9, 0.999), 1e-8


@dataclass(frozen=True)
class ProjectionSettings:
    """steps, rate, and parts of the steps in which the rate rises and falls; wandering: noise on W in standard deviations, which
    fades within `wandering_until` of the steps; samples: of W, for its mean and deviation; noise_weight: of the regularizer.

    space: "W" has one row for all layers, "W+" one for each. optimize_noise: as the authors do. seed: of the chance in it.
    """

    steps: int = 1000
    space: Space = "W"
    rate: float = 0.1
    rising: float = 0.05
    falling: float = 0.25
    wandering: float = 0.05
    wandering_until: float = 0.75
    samples: int = 10_000
    optimize_noise: bool = True
    noise_weight: float = 1e5
    seed: int = 303


@dataclass
class Projection:
    """Where a projection is: `step` steps are done. w [1, 1 or rows, style], maps: noise; moments: of Adam, for w and each map.

    distances: the perceptual distance at every step. It may be handed to `project` again to go on.
    """

    w: Tensor
    maps: list[Tensor]
    moments: list[tuple[Tensor, Tensor]]
    deviation: float
    chance: torch.Generator
    step: int = 0
    distances: list[float] = field(default_factory=list)

    def values(self, rows: int) -> Tensor:
        """W [1, rows, style] as it is now."""
        return self.w.detach().expand(-1, rows, -1).float().cpu().clone()


def begin(generator: Generator, settings: ProjectionSettings, label: Tensor | None = None) -> Projection:
    """From the mean of W, of one class where label [1, classes] is given."""
    w = sampled(generator, settings.samples, SPREAD_SEED, label)
    mean = w.mean(dim=0)
    deviation = float((w - mean).square().sum().div(len(w)).sqrt())
    device = generator.average.device
    chance = torch.Generator().manual_seed(settings.seed)
    start = mean.to(device).expand(1, generator.rows if settings.space == "W+" else 1, -1).clone()
    shapes = generator.noise_shapes() if settings.optimize_noise else []
    maps = [torch.randn(shape, generator=chance).to(device) for shape in shapes]
    moments = [(torch.zeros_like(t), torch.zeros_like(t)) for t in (start, *maps)]
    return Projection(start, maps, moments, deviation, chance)


def project(
    generator: Generator, target: Tensor, embed: Embed, settings: ProjectionSettings, at: Projection, progress: Progress = silent
) -> Projection:
    """Go on from `at` to the end of the schedule; `at` is changed step by step, so that an interrupt loses nothing.

    target [1, 3, R, R] in 0..1, on the generator's device. embed: pictures in 0..1 -> vectors whose squared distance is the
    perceptual distance. Must be called outside of inference mode.
    """
    with torch.no_grad():
        wanted = embed(reduced(target))
    while at.step < settings.steps:
        rate, wandering = schedule(settings, at.step)
        parameters = [at.w.detach().requires_grad_(), *(m.detach().requires_grad_() for m in at.maps)]
        w, *maps = parameters
        chance = torch.randn(w.shape, generator=at.chance).to(w)
        ws = (w + chance * (wandering * at.deviation)).expand(-1, generator.rows, -1)
        noise = Noise.given(maps) if maps else Noise("none" if generator.always_noisy else "const")
        made = (three_colors(generator.paint(ws, noise)) + 1) / 2
        distance = (embed(reduced(made)) - wanted).square().sum()
        loss = distance + settings.noise_weight * sum((regularity(m) for m in maps), torch.zeros_like(distance))
        gradients = torch.autograd.grad(loss, parameters)
        with torch.no_grad():
            at.step += 1
            for parameter, gradient, moments in zip(parameters, gradients, at.moments, strict=True):
                adam(parameter, gradient, moments, rate, at.step)
            for m in maps:
                m.sub_(m.mean()).mul_(m.square().mean().rsqrt())
        at.w, at.maps = w.detach(), [m.detach() for m in maps]
        at.distances.append(float(distance.detach()))
        progress(at.step, settings.steps, glance(made.detach()) if at.step % PREVIEW_EVERY == 0 else None)
    return at


def schedule(settings: ProjectionSettings, step: int) -> tuple[float, float]:
    """(learning rate, size of the noise on W) at a step."""
    t = step / settings.steps
    wandering = settings.wandering * max(0.0, 1 - t / settings.wandering_until) ** 2
    falling = 0.5 - 0.5 * cos(min(1.0, (1 - t) / settings.falling) * pi)
    return settings.rate * falling * min(1.0, t / settings.rising), wandering


def adam(parameter: Tensor, gradient: Tensor, moments: tuple[Tensor, Tensor], rate: float, step: int) -> None:
    """One step of Adam (Kingma and Ba 2014, algorithm 1) in place; its state is plain tensors, so that it can be kept."""
    first, second = moments
    first.lerp_(gradient, 1 - BETAS[0])
    second.mul_(BETAS[1]).addcmul_(gradient, gradient, value=1 - BETAS[1])
    size = (second / (1 - BETAS[1] ** step)).sqrt_().add_(EPS)
    parameter.addcdiv_(first, size, value=-rate / (1 - BETAS[0] ** step))


def regularity(noise: Tensor) -> Tensor:
    """How much neighbors of a noise map [h, w] agree, at all scales down to 8 x 8."""
    total = noise.new_zeros(())
    level = noise[None, None]
    while True:
        total = total + (level * level.roll(1, 3)).mean().square() + (level * level.roll(1, 2)).mean().square()
        if level.shape[2] <= SMALLEST_MAP:
            return total
        level = F.avg_pool2d(level, 2)


def reduced(images: Tensor) -> Tensor:
    """Pictures of at most 256 px, by area."""
    return F.interpolate(images, (LARGEST_SIDE, LARGEST_SIDE), mode="area") if images.shape[2] > LARGEST_SIDE else images
